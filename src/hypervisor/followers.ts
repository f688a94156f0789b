/**
 * The backups that a primary sends to: how far each has come, who joins next, who has been silent.
 *
 *     copying --last capture--> verifying --stateVerified--> verified --addBackup asked--> adding --granted--> synced
 *        |                         |                            |                            |  '--refused--> refused
 *        '--------- lost: ---------'--- dropped freely ---------'      lost: the answer comes first   lost, refused: goSolo decides
 *
 *     inherited --channelOpened--> resuming --its place in the log is known--> synced
 *        '---------------- lost: goSolo decides ---------------'
 *
 * From `verifying` on a follower receives the log and is in the wait set (`follows`). One joins at a time; the others wait in a
 * queue with their channels open. Who is `inherited` was a backup of the primary before, and is in the synced set.
 */
import { FaultDetector } from "./fault-detector.ts";
import type { LoggingChannelMessage, ReplicaConfig, ReplicaId, SoloReason } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

/** A joining backup is silent while its channel is full of state: it may be so for this many time-outs. */
export const JOINING_PATIENCE = 4;

/** An inherited backup is to be dialled first: it may be silent for so many time-outs, while nothing leaves its primary. */
const RESUMING_PATIENCE = 2;

/**
 * Heartbeats leave at whole multiples of so much of their interval, early rather than late: all primaries of a process share its clock, so
 * that idle ones wake it together, and so their backups' acks.
 */
const HEARTBEAT_GRID = 1 / 2;

type Stage = "inherited" | "resuming" | "copying" | "verifying" | "verified" | "adding" | "refused" | "synced";

export interface Follower {
  readonly id: ReplicaId;
  stage: Stage;
  /** Not null: its channel is closed, and the arbiter must say what becomes of it. */
  lost: SoloReason | null;
  lastSentUs: number;
  appliedInstant: bigint;
  /** When it last told that it has executed something, or applied some of the state. */
  progressUs: number;
  /** It has once executed nearly all that there was: from then on it has no excuse for trailing. */
  caughtUp: boolean;
  stageSinceUs: number;
}

/** It receives the log, and outputs wait for it. */
export function follows({ stage }: Pick<Follower, "stage">): boolean {
  return stage !== "copying" && !resumes({ stage });
}

/** It was in the synced set before its primary was promoted, and where it stands is not known. */
export function resumes({ stage }: Pick<Follower, "stage">): boolean {
  return stage === "inherited" || stage === "resuming";
}

/** It executes: only a verified backup does, so before that it cannot help trailing. */
export function executes(follower: Follower): boolean {
  return follows(follower) && follower.stage !== "verifying";
}

/** It has no state yet to execute anything with. */
export function trailsOfNecessity({ stage }: Follower): boolean {
  return stage === "copying" || stage === "verifying";
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
      .filter((follower) => follower.stage === "synced" || resumes(follower))
      .map(({ id }) => id);
  }

  /** Who is on its way into the synced set, or waits for its turn. */
  get joining(): ReplicaId | null {
    const onItsWay = this.onItsWay();
    return (onItsWay === null || resumes(onItsWay) ? null : onItsWay.id) ?? this.queue[0] ?? null;
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
    return this.begin(id, "copying", JOINING_PATIENCE, nowUs);
  }

  /** It was a backup of the primary before, whose log ended at `instant`. */
  inherit(id: ReplicaId, instant: bigint, nowUs: number): void {
    this.begin(id, "inherited", RESUMING_PATIENCE, nowUs).appliedInstant = instant;
  }

  /** An inherited one can be spoken to. */
  resume(follower: Follower, nowUs: number): void {
    follower.stage = "resuming";
    follower.lastSentUs = nowUs;
    this.outbox.armIfIdle("heartbeat", this.heartbeatDueUs(follower));
  }

  private begin(id: ReplicaId, stage: Stage, patience: number, nowUs: number): Follower {
    const follower: Follower = {
      id,
      stage,
      lost: null,
      lastSentUs: nowUs,
      appliedInstant: 0n,
      progressUs: nowUs,
      caughtUp: false,
      stageSinceUs: nowUs,
    };
    this.members.set(id, follower);
    this.detector.watch(id, patience * this.timeoutUs(), nowUs);
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

  /** To everybody that receives the log; what is no record is also for who is told where to resume. */
  broadcast(message: LoggingChannelMessage, nowUs: number): void {
    for (const follower of this.members.values()) {
      if (follows(follower) || (follower.stage === "resuming" && message.kind !== "epoch")) this.send(follower, message, nowUs);
    }
  }

  heartbeats(term: bigint, nowUs: number): void {
    let next: number | null = null;
    for (const follower of this.members.values()) {
      if (follower.lost !== null || follower.stage === "inherited") continue;
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
