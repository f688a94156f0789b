/**
 * The members of a primary's VM: how a backup joins, how it is lost, and what the arbiter says of both.
 *
 *     channelOpened --its turn--> state transferred --stateVerified--> addBackup asked --granted--> synced
 *                                      |                                   '--refused--> goSolo asked
 *                                      '-- lost: dropped freely            synced, lost: goSolo asked --granted--> dropped
 *                                                                          either refused, in a newer term --> halt fenced
 *     inherited: channelOpened --resume sent, ack--> synced
 *
 * The stages are in followers.ts. Whoever leaves the wait set may have been all that outputs waited for, and who enters it
 * takes the engine for the transfer: so the guest's side is told whenever it may go on.
 */
import { assert, unreachable } from "../base/assert.ts";
import { InvariantViolation } from "../base/errors.ts";
import type { Arbitration } from "./arbitration.ts";
import { type Follower, type Followers, follows, resumes } from "./followers.ts";
import type { HashTrail } from "./hash-trail.ts";
import type { LagControl } from "./lag-control.ts";
import type {
  BackupFailure,
  ExecutionPoint,
  LoggingChannelMessage,
  ReplicaId,
  ReplicaInput,
  ReplicaStatus,
  SoloReason,
} from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { OutputCommit } from "./output-commit.ts";
import { type Capture, StateTransfer } from "./state-transfer.ts";
import type { Inheritance, Succession } from "./succession.ts";

/** Of the pages in which a backup differs. */
const DIFFERING_PAGES_TOLD = 16;

/** The primary's guest, as its backups' coming and going touches it. */
export interface GuestSide {
  /** `speed`: instructions per millisecond, as measured lately. */
  look(): { readonly point: ExecutionPoint; readonly paused: boolean; readonly halted: boolean; readonly speed: number };
  /** Guest time that it is now. */
  time(nowUs: number): bigint;
  /** What waits may be free to leave. */
  release(nowUs: number): void;
  /** It may be able to run, or the engine to capture. */
  proceed(nowUs: number): void;
  /** The arbiter has promoted this backup, which waits for the guest's hand-over. */
  takenOver(peer: ReplicaId, term: bigint, nowUs: number): void;
}

interface Parts {
  readonly followers: Followers;
  readonly commit: OutputCommit;
  readonly hashes: HashTrail;
  readonly lag: LagControl;
  readonly arbitration: Arbitration;
  readonly succession: Succession;
}

export class Membership {
  /** The arbiter's synced set of this term. */
  synced: readonly ReplicaId[] = [];
  transfer: StateTransfer | null = null;
  divergence: ReplicaStatus["divergence"] = null;
  /** Whose transfer the engine captures for; the peer may have been dropped meanwhile. */
  private capturing: StateTransfer | null = null;

  private readonly followers: Followers;
  private readonly commit: OutputCommit;
  private readonly hashes: HashTrail;
  private readonly lag: LagControl;
  private readonly arbitration: Arbitration;
  private readonly succession: Succession;

  /** @param term the newest that the primary knows */
  constructor(
    public term: bigint,
    private readonly outbox: Outbox,
    parts: Parts,
    private readonly guest: GuestSide,
  ) {
    this.followers = parts.followers;
    this.commit = parts.commit;
    this.hashes = parts.hashes;
    this.lag = parts.lag;
    this.arbitration = parts.arbitration;
    this.succession = parts.succession;
  }

  /** The first step of a primary that was promoted: whom it has from its predecessor. */
  inherit({ members, opened }: Pick<Inheritance, "members" | "opened">, nowUs: number): void {
    for (const member of members) this.followers.inherit(member, this.guest.look().point.instant, nowUs);
    if (members.length > 0) this.synced = this.followers.synced();
    for (const peer of opened) {
      if (this.followers.get(peer) === undefined) this.outbox.emit({ kind: "closeChannel", peer });
      else this.channelOpened(peer, nowUs);
    }
  }

  /** The last thing of every step: a backup that is overdue now is to be judged when what the channels hold was taken. */
  watchLag(nowUs: number): void {
    if (this.lag.overdue(nowUs).length > 0) this.outbox.armBy("silence", nowUs);
  }

  /** Who has been silent, or behind, for too long? */
  suspect(nowUs: number): void {
    for (const peer of this.followers.silent(nowUs)) this.lose(peer, "connection_lost", nowUs);
    for (const { id } of this.lag.overdue(nowUs)) this.lose(id, "lag_exceeded", nowUs);
  }

  channelOpened(peer: ReplicaId, nowUs: number): void {
    const follower = this.followers.get(peer);
    if (follower?.stage === "inherited" && follower.lost === null) {
      const { term, synced } = this;
      const { paused } = this.guest.look();
      const clockTime = this.guest.time(nowUs);
      this.followers.resume(follower, nowUs);
      this.followers.send(follower, { kind: "resume", term, synced, paused, clockTime, ...this.succession.resume() }, nowUs);
      return;
    }
    if (!this.followers.enqueue(peer)) {
      // A backup that is lost, or followed over an older channel, cannot come back: it may be asking for promotion.
      this.outbox.emit({ kind: "closeChannel", peer });
      return;
    }
    this.joinNext(nowUs);
    this.guest.proceed(nowUs);
  }

  private joinNext(nowUs: number): void {
    const { halted, speed } = this.guest.look();
    if (halted) return;
    const follower = this.followers.joinNext(nowUs);
    if (follower !== null) this.transfer = new StateTransfer(follower.id, speed);
  }

  /** The engine begins what the transfer has asked for. */
  captureBegins(capture: Capture, guestRuns: boolean, nowUs: number): void {
    assert(this.transfer !== null, "a capture is for a transfer");
    this.transfer.began(capture, guestRuns, nowUs);
    this.capturing = this.transfer;
  }

  stateCaptured(answer: Extract<ReplicaInput, { kind: "stateCaptured" }>, nowUs: number): void {
    const transfer = this.capturing;
    this.capturing = null;
    assert(transfer !== null && transfer.peer === answer.peer, () => `state was captured for ${transfer?.peer}, not ${answer.peer}`);
    if (transfer === this.transfer) {
      const capture = transfer.captured(answer, nowUs);
      if (capture.final) this.finishTransfer(answer, nowUs);
    }
  }

  /** The pause: the newcomer enters the wait set, the log for it starts at this instant, and the guest goes on at once. */
  private finishTransfer({ peer, stateHash, pageChanges }: Extract<ReplicaInput, { kind: "stateCaptured" }>, nowUs: number): void {
    const { point, paused } = this.guest.look();
    const follower = this.followers.get(peer);
    assert(follower?.stage === "copying", () => `${peer} is being copied to`);
    assert(stateHash !== null, "the last capture brings the state hash");
    this.outbox.emit({ kind: "endTransfer", peer });
    this.transfer = null;
    follower.stage = "verifying";
    follower.stageSinceUs = nowUs;
    follower.appliedInstant = point.instant;
    this.commit.enter(peer);
    this.hashes.follow(peer, point.instant, point.epoch, pageChanges ?? null);
    const clockTime = this.guest.time(nowUs);
    this.followers.send(follower, { kind: "stateEnd", term: this.term, point, clockTime, stateHash }, nowUs);
    if (paused) this.followers.send(follower, { kind: "pauseChanged", paused: true, clockTime }, nowUs);
  }

  message(peer: ReplicaId, message: LoggingChannelMessage, nowUs: number): void {
    const follower = this.followers.get(peer);
    if (follower === undefined || follower.lost !== null) return;
    this.followers.heard(peer, nowUs);
    switch (message.kind) {
      case "ack":
        if (follower.stage === "resuming") this.resumed(follower, message, nowUs);
        if (!follows(follower)) return;
        if (message.received !== null) this.commit.acknowledge(peer, message.received);
        this.lag.applied(follower, message.appliedInstant, nowUs);
        if (message.applied !== null) this.hashes.applied(peer, message.applied);
        this.guest.release(nowUs);
        this.guest.proceed(nowUs);
        return;
      case "stateReceived":
        if (this.transfer?.peer !== peer) return;
        this.transfer.received(message.bytes);
        follower.progressUs = nowUs;
        this.guest.proceed(nowUs);
        return;
      case "stateVerified":
        assert(follower.stage === "verifying", () => `${peer} verifies its state once, after it has all of it`);
        follower.stage = "verified";
        follower.progressUs = nowUs;
        this.followers.watchClosely(follower, nowUs);
        this.arbitrate();
        return;
      case "takingOver":
        this.guest.takenOver(peer, message.term, nowUs);
        return;
      case "pageChanges":
        this.hashes.differs(peer, message.changes);
        return;
      case "backupFailed":
        this.backupFailed(follower, message.reason, message.epoch, message.stateHash, nowUs);
        return;
      case "epoch":
      case "heartbeat":
      case "guestHalted":
      case "pauseChanged":
      case "handedOver":
      case "resume":
      case "statePages":
      case "stateEnd":
      case "termChanged":
        throw new InvariantViolation(`backup ${peer} sent "${message.kind}", which only a primary sends`);
      default:
        unreachable(message);
    }
  }

  /** Where it stands is known: the rest of the log follows, unless that is not held any more. */
  private resumed(follower: Follower, { received, appliedInstant }: Extract<LoggingChannelMessage, { kind: "ack" }>, nowUs: number): void {
    const { point } = this.guest.look();
    const lacked = this.succession.recordsFrom((received ?? -1n) + 1n, point.epoch);
    if (lacked === null) {
      this.lose(follower.id, "backup_failed", nowUs);
      return;
    }
    this.succession.settled(follower.id);
    this.commit.acknowledge(follower.id, received ?? -1n);
    follower.stage = "synced";
    follower.stageSinceUs = nowUs;
    follower.progressUs = nowUs;
    follower.appliedInstant = appliedInstant;
    this.hashes.inherit(follower.id);
    // What it has to execute yet counts from here on.
    this.lag.recorded(point.instant, nowUs);
    this.followers.watchClosely(follower, nowUs);
    for (const record of lacked) this.followers.send(follower, { kind: "epoch", term: this.term, record }, nowUs);
    this.joinNext(nowUs);
  }

  /** A synced backup is there, as far as anybody knows. */
  get canTakeOver(): boolean {
    return this.followers.all().some(({ stage, lost }) => stage === "synced" && lost === null);
  }

  private backupFailed(follower: Follower, reason: BackupFailure, epoch: bigint, actual: bigint, nowUs: number): void {
    if (reason === "divergence") {
      const pages = this.hashes.differing(follower.id, epoch);
      this.divergence = {
        replicaId: follower.id,
        epoch,
        expected: this.hashes.expected(epoch) ?? 0n,
        actual,
        lastEqualInstant: this.hashes.lastEqualInstant(follower.id),
        pages: pages.slice(0, DIFFERING_PAGES_TOLD),
        pageCount: pages.length,
      };
    }
    this.lose(follower.id, reason === "divergence" ? "divergence" : "backup_failed", nowUs);
  }

  /** Suspicion. Before `addBackup` is asked a newcomer is dropped freely; after that only the arbiter lets it go. */
  lose(peer: ReplicaId, reason: SoloReason, nowUs: number): void {
    this.followers.dequeue(peer);
    const follower = this.followers.get(peer);
    if (follower === undefined || follower.lost !== null || this.outbox.haltReason !== null) return;
    this.followers.unwatch(follower);
    this.outbox.emit({ kind: "closeChannel", peer });
    switch (follower.stage) {
      case "copying":
      case "verifying":
      case "verified":
        this.drop(follower, nowUs);
        return;
      case "adding":
        follower.lost = reason;
        return;
      case "inherited":
      case "resuming":
        this.succession.settled(peer);
        follower.lost = reason;
        this.arbitrate();
        return;
      case "refused":
      case "synced":
        follower.lost = reason;
        this.arbitrate();
        return;
      default:
        unreachable(follower.stage);
    }
  }

  /** Out of the wait set: what waited only for it may leave. */
  private drop(follower: Follower, nowUs: number): void {
    if (this.transfer?.peer === follower.id) {
      this.transfer = null;
      this.outbox.emit({ kind: "endTransfer", peer: follower.id });
    }
    this.followers.remove(follower);
    this.lag.prune();
    this.commit.leave(follower.id);
    this.hashes.forget(follower.id);
    this.guest.release(nowUs);
    if (this.outbox.haltReason !== null) return;
    this.joinNext(nowUs);
    this.guest.proceed(nowUs);
  }

  // --- the arbiter -------------------------------------------------------------------------------------------------

  private arbitrate(): void {
    if (this.arbitration.open !== null) return;
    for (const follower of this.followers.all()) {
      const { id, stage, lost } = follower;
      if (lost === null || (stage !== "synced" && stage !== "refused" && !resumes(follower))) continue;
      this.arbitration.ask({ kind: "goSolo", term: this.term, lost: id, reason: lost });
      return;
    }
    for (const follower of this.followers.all()) {
      if (follower.stage !== "verified") continue;
      follower.stage = "adding";
      this.arbitration.ask({ kind: "addBackup", term: this.term, backup: follower.id });
      return;
    }
  }

  arbiterAnswered({ request, outcome, term }: Extract<ReplicaInput, { kind: "arbiterAnswered" }>, nowUs: number): void {
    if (!this.arbitration.answers(request)) return;
    assert(outcome !== "follow", "only who asks for promotion is told to follow");
    if (outcome === "unavailable") {
      this.arbitration.waitAndAskAgain(nowUs);
      return;
    }
    this.arbitration.close();
    assert(request.kind === "goSolo" || request.kind === "addBackup", () => `a primary does not ask to "${request.kind}"`);
    const peer = request.kind === "goSolo" ? request.lost : request.backup;
    const follower = this.followers.get(peer);
    assert(follower !== undefined, () => `${peer} stays until the arbiter has answered`);
    if (outcome === "refused") {
      const stillPrimary = request.kind === "addBackup" && term === this.term;
      if (!stillPrimary) {
        this.outbox.halt("fenced");
        return;
      }
      // The same question, asked before and only late, could still be carried out: goSolo ends the term that it is for.
      follower.stage = "refused";
      if (follower.lost === null) this.lose(peer, "backup_failed", nowUs);
    } else {
      assert(term > this.term, () => `a granted request leads to a newer term than ${this.term}, not to ${term}`);
      this.term = term;
      if (request.kind === "addBackup") {
        follower.stage = "synced";
        this.announceTerm(nowUs);
        this.joinNext(nowUs);
      } else {
        this.followers.remove(follower);
        this.announceTerm(nowUs);
        this.drop(follower, nowUs);
      }
    }
    if (this.outbox.haltReason !== null) return;
    this.arbitrate();
    this.guest.proceed(nowUs);
  }

  private announceTerm(nowUs: number): void {
    this.synced = this.followers.synced();
    this.followers.broadcast({ kind: "termChanged", term: this.term, synced: this.synced }, nowUs);
  }
}
