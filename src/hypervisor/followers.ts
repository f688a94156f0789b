/**
 * The backups that a primary sends to: how far each has come, who joins next, who has been silent.
 *
 *     copying --last capture--> verifying --stateVerified--> verified --addBackup asked--> adding --granted--> synced
 *        |                         |                            |                            |  '--refused--> refused
 *        '--------- lost: ---------'--- dropped freely ---------'      lost: the answer comes first   lost, refused: goSolo decides
 *
 * From `verifying` on a follower receives the log and is in the wait set (`follows`). One joins at a time; the others wait in a
 * queue with their channels open.
 */
import { FaultDetector } from "./fault-detector.ts";
import type { LoggingChannelMessage, ReplicaConfig, ReplicaId, SoloReason } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

/** A joining backup is silent while its channel is full of state: it may be so for this many time-outs. */
export const JOINING_PATIENCE = 4;

/**
 * Heartbeats leave at whole multiples of so much of their interval, early rather than late: all primaries of a process share its clock, so
 * that idle ones wake it together, and so their backups' acks.
 */
const HEARTBEAT_GRID = 1 / 2;

type Stage = "copying" | "verifying" | "verified" | "adding" | "refused" | "synced";

export interface Follower {
  readonly id: ReplicaId;
  stage: Stage;
  /** Not null: its channel is closed, and the arbiter must say what becomes of it. */
  lost: SoloReason | null;
  lastSentUs: number;
  appliedInstant: bigint;
  /** When it last told that it has executed something. */
  progressUs: number;
  /** It has once executed nearly all that there was: from then on it has no excuse for trailing. */
  caughtUp: boolean;
  stageSinceUs: number;
}

/** It receives the log, and outputs wait for it. */
export function follows({ stage }: Follower): boolean {
  return stage !== "copying";
}

/** It executes: only a verified backup does, so before that it cannot help trailing. */
export function executes(follower: Follower): boolean {
  return follows(follower) && follower.stage !== "verifying";
}

export class Followers {
  private readonly members = new Map<ReplicaId, Follower>();
  private readonly queue: ReplicaId[] = [];
  private readonly detector = new FaultDetector();

  constructor(
    private readonly config: ReplicaConfig,
    private readonly outbox: Outbox,
  ) {}

  get(peer: ReplicaId): Follower | undefined {
    return this.members.get(peer);
  }

  /** In the order in which they began to join; the caller may take some of them out. */
  all(): readonly Follower[] {
    return [...this.members.values()];
  }

  synced(): readonly ReplicaId[] {
    return this.all()
      .filter(({ stage }) => stage === "synced")
      .map(({ id }) => id);
  }

  /** Who is on its way into the synced set, or waits for its turn. */
  get joining(): ReplicaId | null {
    return this.onItsWay()?.id ?? this.queue[0] ?? null;
  }

  private onItsWay(): Follower | null {
    return this.all().find(({ stage }) => stage !== "synced") ?? null;
  }

  /** @returns false for one that is known: it is lost, or followed over an older channel, and cannot come back */
  enqueue(peer: ReplicaId): boolean {
    if (this.members.has(peer) || this.queue.includes(peer)) return false;
    this.queue.push(peer);
    return true;
  }

  dequeue(peer: ReplicaId): void {
    const at = this.queue.indexOf(peer);
    if (at >= 0) this.queue.splice(at, 1);
  }

  /** @returns the one whose turn it is now to receive the state; null: nobody waits, or another is on its way */
  joinNext(nowUs: number): Follower | null {
    if (this.onItsWay() !== null) return null;
    const id = this.queue.shift();
    if (id === undefined) return null;
    const follower: Follower = {
      id,
      stage: "copying",
      lost: null,
      lastSentUs: nowUs,
      appliedInstant: 0n,
      progressUs: nowUs,
      caughtUp: false,
      stageSinceUs: nowUs,
    };
    this.members.set(id, follower);
    this.detector.watch(id, JOINING_PATIENCE * this.timeoutUs(), nowUs);
    this.outbox.armIfIdle("heartbeat", this.heartbeatDueUs(follower));
    this.armSilence();
    return follower;
  }

  remove({ id }: Follower): void {
    this.members.delete(id);
  }

  // --- the channel -------------------------------------------------------------------------------------------------

  send(follower: Follower, message: LoggingChannelMessage, nowUs: number): void {
    if (follower.lost !== null) return;
    const lateUs = nowUs - this.heartbeatDueUs(follower);
    if (lateUs > 0) this.detector.excuse(follower.id, lateUs);
    follower.lastSentUs = nowUs;
    this.outbox.emit({ kind: "send", peer: follower.id, message });
  }

  /** To everybody that receives the log. */
  broadcast(message: LoggingChannelMessage, nowUs: number): void {
    for (const follower of this.members.values()) if (follows(follower)) this.send(follower, message, nowUs);
  }

  heartbeats(term: bigint, nowUs: number): void {
    let next: number | null = null;
    for (const follower of this.members.values()) {
      if (follower.lost !== null) continue;
      if (nowUs >= this.heartbeatDueUs(follower)) this.send(follower, { kind: "heartbeat", term }, nowUs);
      const due = this.heartbeatDueUs(follower);
      if (next === null || due < next) next = due;
    }
    if (next !== null) this.outbox.armIfIdle("heartbeat", next);
  }

  /** An interval after the last word at most. */
  private heartbeatDueUs({ lastSentUs }: Follower): number {
    const intervalUs = this.config.heartbeatIntervalMs * 1000;
    const gridUs = intervalUs * HEARTBEAT_GRID;
    return Math.floor((lastSentUs + intervalUs) / gridUs) * gridUs;
  }

  // --- silence -----------------------------------------------------------------------------------------------------

  heard(peer: ReplicaId, nowUs: number): void {
    this.detector.heard(peer, nowUs);
  }

  silent(nowUs: number): readonly ReplicaId[] {
    return this.detector.silent(nowUs);
  }

  /** It has all of the state: from now on it answers as a backup does. */
  watchClosely({ id }: Follower, nowUs: number): void {
    this.detector.watch(id, this.timeoutUs(), nowUs);
    this.armSilence();
  }

  unwatch({ id }: Follower): void {
    this.detector.forget(id);
  }

  armSilence(): void {
    const deadline = this.detector.deadlineUs();
    if (deadline !== null) this.outbox.arm("silence", deadline);
  }

  private timeoutUs(): number {
    return this.config.heartbeatTimeoutMs * 1000;
  }
}
