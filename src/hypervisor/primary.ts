/**
 * The primary: runs the guest ahead, logs every epoch, and lets out only what every member of the wait set has acknowledged.
 *
 * The guest (rules P1, P2 without the wait):
 *
 *     boundary --runEpoch--> running --epochEnded--> record sent --> boundary
 *        |  '--captureState--> capturing --stateCaptured--> boundary
 *        '-- WFI with nothing to do, too much unacknowledged, or paused: stays, until input, wake time, an ack or resumption
 *
 *     any --takingOver--> the epoch that runs ends, its record is sent --handedOver sent--> halt handed_over
 *
 * A follower that is lost (followers.ts has their stages) stays in the wait set until the arbiter has spoken, which is all that
 * stops outputs: nothing commits, so nothing leaves and no input is acknowledged. Meanwhile the guest goes on within bounds.
 *
 * @see Bressoud & Schneider 1995, rules P1 and P2 and the output rule
 */
import { assert, unreachable } from "../base/assert.ts";
import { InvariantViolation } from "../base/errors.ts";
import type { ClockSample, EpochInput, GuestHalt } from "../engine/epoch.ts";
import { Arbitration } from "./arbitration.ts";
import { EngineGate } from "./engine-gate.ts";
import { EpochInputs, type EpochInputsStart } from "./epoch-inputs.ts";
import type { EpochPacing } from "./epoch-pacing.ts";
import { type Follower, Followers, follows } from "./followers.ts";
import { GuestClock } from "./guest-clock.ts";
import { HashTrail } from "./hash-trail.ts";
import { lengthOf } from "./input-buffer.ts";
import { LagControl } from "./lag-control.ts";
import type {
  ArbiterOutcome,
  ArbiterRequest,
  BackupFailure,
  EpochRecord,
  ExecutionPoint,
  InputContent,
  LoggingChannelMessage,
  NotableStatus,
  ReplicaConfig,
  ReplicaId,
  ReplicaInput,
  ReplicaStatus,
  SoloReason,
  TimerId,
} from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { OutputCommit, sessionInputs } from "./output-commit.ts";
import { StateTransfer } from "./state-transfer.ts";

/** Of the pages in which a backup differs. */
const DIFFERING_PAGES_TOLD = 16;

/** A wake timer may fire so much too early (hosts round to milliseconds): it counts as due. */
const WAKE_SLACK_TICKS = 10_000n;

/** What a primary begins with: a new VM's zeros, or what a promoted backup has become. */
export interface PrimaryStart extends EpochInputsStart {
  readonly term: bigint;
  readonly point: ExecutionPoint;
  readonly pacing: EpochPacing;
  /** `ReplicaConfig.maxLagMs`, or what it was changed to. */
  readonly maxLagMs: number;
  readonly guestHalt: GuestHalt | null;
  /** The guest stands still until it is resumed. */
  readonly paused: boolean;
  readonly promotion: ReplicaStatus["promotion"];
}

interface RunningEpoch {
  readonly clock: ClockSample;
  readonly inputs: readonly EpochInput[];
  readonly limitInstant: bigint;
  readonly startedUs: number;
  endAsked: boolean;
}

export class Primary {
  private term: bigint;
  private point: ExecutionPoint;
  private guestHalt: GuestHalt | null;
  private paused: boolean;
  /** Whom the arbiter has promoted in this one's place: it hands over at the end of the epoch that runs. */
  private successor: ReplicaId | null = null;
  private clock: GuestClock | null = null;
  private running: RunningEpoch | null = null;

  private readonly engine = new EngineGate();
  private readonly arbitration: Arbitration;
  private readonly pacing: EpochPacing;
  private readonly inputs: EpochInputs;
  private readonly commit: OutputCommit;
  private readonly hashes: HashTrail;
  private readonly lag: LagControl;

  private readonly followers: Followers;
  /** The arbiter's synced set of this term. */
  private synced: readonly ReplicaId[] = [];
  private transfer: StateTransfer | null = null;
  /** Whose transfer the engine captures for; the peer may have been dropped meanwhile. */
  private capturing: StateTransfer | null = null;

  private readonly promotion: ReplicaStatus["promotion"];
  private divergence: ReplicaStatus["divergence"] = null;

  constructor(
    config: ReplicaConfig,
    private readonly outbox: Outbox,
    start: PrimaryStart,
  ) {
    this.term = start.term;
    this.point = start.point;
    this.guestHalt = start.guestHalt;
    this.paused = start.paused;
    this.promotion = start.promotion;
    this.pacing = start.pacing;
    this.inputs = new EpochInputs(start, outbox);
    this.followers = new Followers(config, outbox);
    this.commit = new OutputCommit(start.point.epoch, start.point.consoleEnd);
    this.hashes = new HashTrail(config.hashIntervalMs, start.point.time);
    this.lag = new LagControl(start.maxLagMs, this.followers, this.commit, start.pacing);
    this.arbitration = new Arbitration(outbox);
  }

  /**
   * The first step as primary: alone, so everything that the guest ever wrote may leave.
   *
   * @param time guest time that it is now
   */
  goLive(time: bigint, nowUs: number): void {
    assert(this.clock === null, "a primary goes live once");
    assert(time >= this.point.time, `guest time does not go back from ${this.point.time} to ${time}`);
    this.clock = new GuestClock(time, nowUs);
    if (this.point.consoleEnd > 0n) this.outbox.emit({ kind: "releaseOutput", upTo: this.point.consoleEnd });
    this.release(nowUs);
    this.proceed(nowUs);
  }

  /** The first thing of every step: who has been silent, or behind, for too long? */
  suspect(nowUs: number): void {
    for (const peer of this.followers.silent(nowUs)) this.lose(peer, "connection_lost", nowUs);
    for (const { id } of this.lag.overdue(nowUs)) this.lose(id, "lag_exceeded", nowUs);
  }

  handle(input: ReplicaInput, nowUs: number): void {
    switch (input.kind) {
      case "started":
        this.goLive(0n, nowUs);
        return;
      case "message":
        this.message(input.peer, input.message, nowUs);
        return;
      case "channelOpened":
        this.channelOpened(input.peer, nowUs);
        return;
      case "channelClosed":
        this.lose(input.peer, "connection_lost", nowUs);
        return;
      case "deviceInput":
        this.deviceInput(input.inputSession, input.offset, input.content, nowUs);
        return;
      case "epochEnded":
        this.epochEnded(input, nowUs);
        return;
      case "wallClock":
        this.inputs.told(input.unixUs, nowUs);
        return;
      case "maxLagSet":
        this.lag.maxLagMs = input.maxLagMs;
        this.proceed(nowUs);
        return;
      case "entropyDrawn":
        this.inputs.entropyDrawn(input.bytes);
        this.proceed(nowUs);
        return;
      case "stateCaptured":
        this.stateCaptured(input, nowUs);
        return;
      case "arbiterAnswered":
        this.arbiterAnswered(input.request, input.outcome, input.term, nowUs);
        return;
      case "timeout":
        this.timeout(input.timer.kind, nowUs);
        return;
      case "promotionRequested":
        return; // It is the primary already.
      case "failureRequested":
        if (this.canBeReplaced) this.outbox.halt("test_failover");
        return;
      case "pauseRequested":
        this.pause(input.paused, nowUs);
        return;
      case "shutDownRequested":
        this.inputs.shutDown();
        this.endEpochEarly();
        this.proceed(nowUs);
        return;
      case "stateApplied":
      case "stateHashed":
        throw new InvariantViolation(`a primary's engine does not answer "${input.kind}"`);
      default:
        unreachable(input);
    }
  }

  private timeout(timer: TimerId["kind"], nowUs: number): void {
    switch (timer) {
      case "heartbeat":
        this.followers.heartbeats(this.term, nowUs);
        return;
      case "silence":
        this.followers.armSilence();
        return;
      case "wake":
        this.proceed(nowUs, WAKE_SLACK_TICKS);
        return;
      case "askAgain":
        this.arbitration.askAgain();
        return;
      default:
        unreachable(timer);
    }
  }

  notable(): NotableStatus {
    return {
      role: "primary",
      state: "live",
      term: this.term,
      synced: this.synced,
      joining: this.followers.joining,
      arbiterUnavailable: this.arbitration.unavailable,
      paused: this.paused && this.running === null,
      guestHalt: this.guestHalt,
      divergence: this.divergence,
      maxLagMs: this.lag.maxLagMs,
    };
  }

  status(): Omit<ReplicaStatus, "replicaId" | "haltReason"> {
    let lagInstructions = 0n;
    for (const follower of this.followers.all()) {
      if (follower.stage !== "synced") continue;
      const lag = this.point.instant - follower.appliedInstant;
      if (lag > lagInstructions) lagInstructions = lag;
    }
    const { unackedSinceUs: lagSinceUs, untoldSinceUs } = this.lag;
    const { promotion, point } = this;
    const guestShare = this.transfer?.guestShare ?? null;
    return {
      ...this.notable(),
      point,
      lagInstructions,
      lagSinceUs,
      untoldSinceUs,
      executionDelay: null,
      outputCommitDelay: this.commit.delay,
      guestShare,
      promotion,
    };
  }

  inputNext(inputSession: string): bigint {
    // The running epoch's inputs are delivered, but no record holds them yet.
    const running = sessionInputs(this.running?.inputs ?? []).find((input) => input.inputSession === inputSession);
    const recorded = running?.offset ?? this.inputs.typed.sessions.next(inputSession) ?? 0n;
    return this.commit.durableInput(inputSession, recorded);
  }

  // --- the guest ---------------------------------------------------------------------------------------------------

  /** At a boundary with an idle engine: captures state, runs the next epoch, or waits for what must come first. */
  private proceed(nowUs: number, slackTicks = 0n): void {
    if (this.clock === null || !this.engine.idle || this.guestHalt !== null || this.successor !== null || this.outbox.haltReason !== null)
      return;
    const { wakeTime, waiting } = this.point;
    const woken = wakeTime !== null && this.clock.now(nowUs) + slackTicks >= wakeTime;
    const awake = !waiting || woken || this.inputs.pending;
    const runs = awake && !this.paused && !this.lag.holdsBack(this.point.instant, this.point.consoleEnd, nowUs);
    const turn = this.transfer?.next(runs, nowUs) ?? "guest";
    if (this.transfer !== null && typeof turn === "object") {
      this.engine.begin("captureState");
      this.transfer.began(turn, runs, nowUs);
      this.capturing = this.transfer;
      this.outbox.emit({ kind: "captureState", peer: this.transfer.peer, ...turn });
    } else if (runs) {
      if (turn === "guest") this.runEpoch(waiting && woken ? wakeTime : 0n, nowUs);
    } else if (!awake && !this.paused && wakeTime !== null) {
      this.outbox.arm("wake", this.clock.whenUs(wakeTime));
    }
  }

  /** A sample of the guest's clock: the host's, but never before the end of the last epoch. */
  private guestTime(nowUs: number): bigint {
    assert(this.clock !== null, "a primary's clock runs from its first step on");
    const now = this.clock.now(nowUs);
    if (now < this.point.time) return this.point.time;
    return now;
  }

  private runEpoch(notBefore: bigint, nowUs: number): void {
    if (!this.inputs.ready) return;
    let time = this.guestTime(nowUs);
    if (time < notBefore) time = notBefore;
    const inputs = this.inputs.take(time, nowUs);
    const clock: ClockSample = { time, rate: this.pacing.rate() };
    const limitInstant = this.point.instant + this.pacing.epochLength();
    const wantHash = this.hashes.due(time);
    this.engine.begin("runEpoch");
    this.running = { clock, inputs, limitInstant, startedUs: nowUs, endAsked: false };
    this.outbox.emit({ kind: "runEpoch", epoch: this.point.epoch, limitInstant, exact: false, clock, inputs, wantHash });
  }

  private epochEnded(ended: Extract<ReplicaInput, { kind: "epochEnded" }>, nowUs: number): void {
    this.engine.end("runEpoch");
    const running = this.running;
    assert(running !== null, "an epoch that ends was running");
    this.running = null;
    const { epoch, instant, consoleEnd } = this.point;
    assert(ended.endInstant >= instant, `epoch ${epoch} ends at ${ended.endInstant}, before its start at ${instant}`);
    assert(
      ended.endInstant <= running.limitInstant,
      `epoch ${epoch} ends at ${ended.endInstant}, beyond its limit ${running.limitInstant}`,
    );
    assert(ended.time >= running.clock.time, `guest time goes on from ${running.clock.time}, not ${ended.time}`);
    assert(ended.consoleEnd >= consoleEnd, `console output goes on from ${consoleEnd}, not ${ended.consoleEnd}`);
    this.pacing.observe(ended.endInstant - instant, nowUs - running.startedUs);
    this.transfer?.guestRan(nowUs - running.startedUs);
    const record: EpochRecord = {
      epoch,
      clock: running.clock,
      inputs: running.inputs,
      endInstant: ended.endInstant,
      stateHash: ended.stateHash,
    };
    this.point = {
      epoch: epoch + 1n,
      instant: ended.endInstant,
      time: ended.time,
      wakeTime: ended.wakeTime,
      waiting: ended.reason === "wfi",
      consoleEnd: ended.consoleEnd,
    };
    this.inputs.epochEnded(ended.inputRoom, ended.entropyWanted);
    this.guestHalt = ended.halt;
    this.commit.append(epoch, ended.consoleEnd, running.inputs, nowUs);
    this.lag.recorded(ended.endInstant, nowUs);
    this.hashes.sent(record, ended.pageChanges ?? null);
    this.followers.broadcast({ kind: "epoch", term: this.term, record }, nowUs);
    this.release(nowUs);
    this.proceed(nowUs);
    if (this.successor !== null) this.handOver(this.successor, nowUs);
  }

  /** The output rule: lets out what is committed by now; the last output of a halted guest ends the replica. */
  private release(nowUs: number): void {
    const before = this.commit.consoleEnd;
    const committed = this.commit.commit(nowUs);
    if (committed !== null) {
      if (committed.consoleEnd > before) this.outbox.emit({ kind: "releaseOutput", upTo: committed.consoleEnd });
      for (const [inputSession, inputNext] of committed.inputNext) {
        this.outbox.emit({ kind: "acknowledgeInput", inputSession, inputNext, durability: this.durability() });
      }
    }
    if (this.guestHalt === null || !this.commit.empty) return;
    this.followers.broadcast({ kind: "guestHalted", term: this.term }, nowUs);
    this.outbox.halt("guest_halted");
  }

  private durability(): "replicated" | "solo" {
    return this.synced.length > 0 ? "replicated" : "solo";
  }

  private deviceInput(inputSession: string, offset: bigint, content: InputContent, nowUs: number): void {
    if (this.guestHalt !== null) {
      this.outbox.emit({ kind: "refuseInput", inputSession, inputNext: this.inputNext(inputSession), code: "not_primary" });
      return;
    }
    let undurable = this.commit.undurableInputBytes;
    for (const input of sessionInputs(this.running?.inputs ?? [])) undurable += lengthOf(input);
    const verdict = this.inputs.typed.offer(inputSession, offset, content, undurable);
    switch (verdict.kind) {
      case "refused":
        this.outbox.emit({ kind: "refuseInput", inputSession, inputNext: verdict.next, code: verdict.code });
        return;
      case "duplicate": {
        const inputNext = this.inputNext(inputSession);
        if (inputNext > 0n) this.outbox.emit({ kind: "acknowledgeInput", inputSession, inputNext, durability: this.durability() });
        return;
      }
      case "buffered":
        this.endEpochEarly();
        this.proceed(nowUs);
        return;
      default:
        unreachable(verdict);
    }
  }

  private endEpochEarly(): void {
    if (this.running === null || this.running.endAsked) return;
    this.running.endAsked = true;
    this.outbox.emit({ kind: "endEpochEarly" });
  }

  /** Outputs and acks go on, and so does a state transfer: only the guest stands still, at the end of the epoch that runs, and its time. */
  private pause(paused: boolean, nowUs: number): void {
    if (paused === this.paused || this.guestHalt !== null) return;
    // Guest time has stood still where no epoch runs; where one does, the guest has not noticed anything.
    if (!paused && this.running === null && this.clock !== null) this.clock = new GuestClock(this.point.time, nowUs);
    this.paused = paused;
    this.followers.broadcast({ kind: "pauseChanged", paused }, nowUs);
    if (paused) this.endEpochEarly();
    else this.proceed(nowUs);
  }

  // --- followers ---------------------------------------------------------------------------------------------------

  private channelOpened(peer: ReplicaId, nowUs: number): void {
    if (!this.followers.enqueue(peer)) {
      // A backup that is lost, or followed over an older channel, cannot come back: it may be asking for promotion.
      this.outbox.emit({ kind: "closeChannel", peer });
      return;
    }
    this.joinNext(nowUs);
    this.proceed(nowUs);
  }

  private joinNext(nowUs: number): void {
    if (this.guestHalt !== null) return;
    const follower = this.followers.joinNext(nowUs);
    if (follower !== null) this.transfer = new StateTransfer(follower.id);
  }

  private stateCaptured(answer: Extract<ReplicaInput, { kind: "stateCaptured" }>, nowUs: number): void {
    this.engine.end("captureState");
    const transfer = this.capturing;
    this.capturing = null;
    assert(transfer !== null && transfer.peer === answer.peer, `state was captured for ${transfer?.peer}, not ${answer.peer}`);
    if (transfer === this.transfer) {
      const capture = transfer.captured(answer, nowUs);
      if (capture.final) this.finishTransfer(answer, nowUs);
    }
    this.proceed(nowUs);
  }

  /** The pause: the newcomer enters the wait set, the log for it starts at this instant, and the guest goes on at once. */
  private finishTransfer({ peer, stateHash, pageChanges }: Extract<ReplicaInput, { kind: "stateCaptured" }>, nowUs: number): void {
    const follower = this.followers.get(peer);
    assert(follower?.stage === "copying", `${peer} is being copied to`);
    assert(stateHash !== null, "the last capture brings the state hash");
    this.outbox.emit({ kind: "endTransfer", peer });
    this.transfer = null;
    follower.stage = "verifying";
    follower.stageSinceUs = nowUs;
    follower.appliedInstant = this.point.instant;
    this.commit.enter(peer);
    this.hashes.follow(peer, this.point.instant, this.point.epoch, pageChanges ?? null);
    const clockTime = this.guestTime(nowUs);
    this.followers.send(follower, { kind: "stateEnd", term: this.term, point: this.point, clockTime, stateHash }, nowUs);
    if (this.paused) this.followers.send(follower, { kind: "pauseChanged", paused: true }, nowUs);
  }

  private message(peer: ReplicaId, message: LoggingChannelMessage, nowUs: number): void {
    const follower = this.followers.get(peer);
    if (follower === undefined || follower.lost !== null) return;
    this.followers.heard(peer, nowUs);
    switch (message.kind) {
      case "ack":
        if (!follows(follower)) return;
        if (message.received !== null) this.commit.acknowledge(peer, message.received);
        this.lag.applied(follower, message.appliedInstant, nowUs);
        if (message.applied !== null) this.hashes.applied(peer, message.applied);
        this.release(nowUs);
        this.proceed(nowUs);
        return;
      case "stateReceived":
        if (this.transfer?.peer !== peer) return;
        this.transfer.received(message.bytes);
        this.proceed(nowUs);
        return;
      case "stateVerified":
        assert(follower.stage === "verifying", `${peer} verifies its state once, after it has all of it`);
        follower.stage = "verified";
        follower.progressUs = nowUs;
        this.followers.watchClosely(follower, nowUs);
        this.arbitrate();
        return;
      case "takingOver":
        this.takenOver(peer, message.term, nowUs);
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
      case "statePages":
      case "stateEnd":
      case "termChanged":
        throw new InvariantViolation(`backup ${peer} sent "${message.kind}", which only a primary sends`);
      default:
        unreachable(message);
    }
  }

  /** A synced backup is there, as far as anybody knows. */
  private get canBeReplaced(): boolean {
    return this.guestHalt === null && this.followers.all().some(({ stage, lost }) => stage === "synced" && lost === null);
  }

  private takenOver(peer: ReplicaId, term: bigint, nowUs: number): void {
    assert(term > this.term, `whom the arbiter promotes has a newer term than ${this.term}, not ${term}`);
    this.successor = peer;
    if (this.running === null) this.handOver(peer, nowUs);
    else this.endEpochEarly();
  }

  /** All that is recorded is on its way: what it has not released is the successor's to release, what it has not delivered is typed again. */
  private handOver(successor: ReplicaId, nowUs: number): void {
    if (this.outbox.haltReason !== null) return;
    const follower = this.followers.get(successor);
    if (follower !== undefined) this.followers.send(follower, { kind: "handedOver" }, nowUs);
    this.outbox.halt("handed_over");
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
  private lose(peer: ReplicaId, reason: SoloReason, nowUs: number): void {
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
    this.release(nowUs);
    if (this.outbox.haltReason !== null) return;
    this.joinNext(nowUs);
    this.proceed(nowUs);
  }

  // --- the arbiter -------------------------------------------------------------------------------------------------

  private arbitrate(): void {
    if (this.arbitration.open !== null) return;
    for (const { id, stage, lost } of this.followers.all()) {
      if (lost === null || (stage !== "synced" && stage !== "refused")) continue;
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

  private arbiterAnswered(request: ArbiterRequest, outcome: ArbiterOutcome, term: bigint, nowUs: number): void {
    if (!this.arbitration.answers(request)) return;
    assert(outcome !== "wait", "only who asks for promotion is told to wait");
    if (outcome === "unavailable") {
      this.arbitration.waitAndAskAgain(outcome, nowUs);
      return;
    }
    this.arbitration.close();
    assert(request.kind === "goSolo" || request.kind === "addBackup", `a primary does not ask to "${request.kind}"`);
    const peer = request.kind === "goSolo" ? request.lost : request.backup;
    const follower = this.followers.get(peer);
    assert(follower !== undefined, `${peer} stays until the arbiter has answered`);
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
      assert(term > this.term, `a granted request leads to a newer term than ${this.term}, not to ${term}`);
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
    this.proceed(nowUs);
  }

  private announceTerm(nowUs: number): void {
    this.synced = this.followers.synced();
    this.followers.broadcast({ kind: "termChanged", term: this.term, synced: this.synced }, nowUs);
  }
}
