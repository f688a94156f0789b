/**
 * The primary: runs the guest ahead, logs every epoch, and lets out only what every member of the wait set has acknowledged.
 *
 * The guest (rules P1, P2 without the wait):
 *
 *     boundary --runEpoch--> running --epochEnded--> record sent --> boundary
 *        |                      ^                         |
 *        |                      '-- the engine has begun the epoch that it was allowed
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
import { Followers } from "./followers.ts";
import { GuestClock } from "./guest-clock.ts";
import { HashTrail } from "./hash-trail.ts";
import { lengthOf } from "./input-buffer.ts";
import { LagControl } from "./lag-control.ts";
import { Membership } from "./membership.ts";
import type {
  EpochRecord,
  ExecutionPoint,
  InputContent,
  NotableStatus,
  ReplicaConfig,
  ReplicaId,
  ReplicaInput,
  ReplicaProgress,
  ReplicaStatus,
  TimerId,
} from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { OutputCommit, sessionInputs } from "./output-commit.ts";
import type { StateTransfer } from "./state-transfer.ts";
import { type Inheritance, Succession } from "./succession.ts";

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
  readonly inheritance: Inheritance;
}

/** Guest time for which epochs follow each other without a look at what may have come to be due, as the wall clock. */
const BY_ITSELF_TICKS = 10_000_000n;

const NO_INPUTS: readonly EpochInput[] = [];

interface RunningEpoch {
  readonly clock: ClockSample;
  readonly inputs: readonly EpochInput[];
  readonly limitInstant: bigint;
  readonly startedUs: number;
  endAsked: boolean;
  /** The engine may go on with the next one by itself. */
  nextAllowed: boolean;
}

export class Primary {
  private point: ExecutionPoint;
  private guestHalt: GuestHalt | null;
  private paused: boolean;
  /** Whom the arbiter has promoted in this one's place: it hands over at the end of the epoch that runs. */
  private successor: ReplicaId | null = null;
  private clock: GuestClock | null = null;
  private running: RunningEpoch | null = null;
  /** Guest time at the start of the newest epoch that the engine was told to run. */
  private toldToRunAt = 0n;

  private readonly engine = new EngineGate(1);
  private readonly arbitration: Arbitration;
  private readonly pacing: EpochPacing;
  private readonly inputs: EpochInputs;
  private readonly commit: OutputCommit;
  private readonly hashes: HashTrail;
  private readonly lag: LagControl;

  private readonly followers: Followers;
  private readonly members: Membership;

  private readonly promotion: ReplicaStatus["promotion"];
  private readonly inherited: Pick<Inheritance, "members" | "opened">;
  private readonly succession: Succession;
  /** Console bytes below this were told to leave. */
  private released = 0n;

  constructor(
    config: ReplicaConfig,
    private readonly outbox: Outbox,
    start: PrimaryStart,
  ) {
    const { members, opened } = start.inheritance;
    this.inherited = { members, opened };
    this.succession = new Succession(start.inheritance, start.point.epoch);
    this.point = start.point;
    this.guestHalt = start.guestHalt;
    this.paused = start.paused;
    this.promotion = start.promotion;
    this.pacing = start.pacing;
    this.inputs = new EpochInputs(start, outbox);
    this.followers = new Followers(config, outbox);
    this.commit = new OutputCommit(start.point.epoch, start.point.consoleEnd, start.inheritance);
    this.hashes = new HashTrail(config.hashIntervalMs, start.point.time, start.inheritance.log);
    this.lag = new LagControl(start.maxLagMs, this.followers, this.commit, start.pacing);
    this.arbitration = new Arbitration(outbox);
    const { followers, commit, hashes, lag, arbitration, succession } = this;
    const guest = {
      look: () => ({ point: this.point, paused: this.paused, halted: this.guestHalt !== null, speed: this.pacing.measured }),
      time: (nowUs: number) => this.guestTime(nowUs),
      release: (nowUs: number) => this.release(nowUs),
      proceed: (nowUs: number) => this.proceed(nowUs),
      takenOver: (peer: ReplicaId, term: bigint, nowUs: number) => this.takenOver(peer, term, nowUs),
    };
    this.members = new Membership(start.term, outbox, { followers, commit, hashes, lag, arbitration, succession }, guest);
  }

  /** What it began with is held by all whom it goes on with, so that it may be seen. */
  private get isLive(): boolean {
    return this.inherited.members.length === 0 || this.commit.hasBegun;
  }

  private get term(): bigint {
    return this.members.term;
  }

  private get transfer(): StateTransfer | null {
    return this.members.transfer;
  }

  /**
   * The first step as primary: where it is alone, everything that the guest ever wrote may leave.
   *
   * @param time guest time that it is now
   */
  goLive(time: bigint, nowUs: number): void {
    assert(this.clock === null, "a primary goes live once");
    assert(time >= this.point.time, () => `guest time does not go back from ${this.point.time} to ${time}`);
    this.clock = new GuestClock(time, nowUs);
    this.members.inherit(this.inherited, nowUs);
    this.release(nowUs);
    this.proceed(nowUs);
  }

  handle(input: ReplicaInput, nowUs: number): void {
    this.take(input, nowUs);
    if (this.outbox.haltReason === null) this.members.watchLag(nowUs);
  }

  private take(input: ReplicaInput, nowUs: number): void {
    switch (input.kind) {
      case "started":
        this.goLive(0n, nowUs);
        return;
      case "message":
        this.members.message(input.peer, input.message, nowUs);
        return;
      case "channelOpened":
        this.members.channelOpened(input.peer, nowUs);
        return;
      case "channelClosed":
        this.members.lose(input.peer, "connection_lost", nowUs);
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
        this.engine.end("captureState");
        this.members.stateCaptured(input, nowUs);
        this.proceed(nowUs);
        return;
      case "arbiterAnswered":
        this.members.arbiterAnswered(input, nowUs);
        return;
      case "timeout":
        this.timeout(input.timer.kind, nowUs);
        return;
      case "promotionRequested":
        return; // It is the primary already.
      case "failureRequested":
        if (this.guestHalt === null && this.members.canTakeOver) this.outbox.halt("test_failover");
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
        this.members.suspect(nowUs);
        // Who was let go may have been the last that a halted guest's output waited for.
        if (this.outbox.haltReason === null) this.followers.armSilence();
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
    // Every step asks: nothing here is to cost much. One that is not live is to the outside what it was before, though its guest runs.
    const { isLive } = this;
    return {
      role: isLive ? "primary" : "backup",
      state: isLive ? "live" : "promoting",
      term: this.term,
      synced: this.members.synced,
      joining: this.followers.joining,
      arbiterUnavailable: this.arbitration.unavailable,
      paused: this.paused && this.running === null,
      guestHalt: this.guestHalt,
      divergence: this.members.divergence,
      maxLagMs: this.lag.maxLagMs,
    };
  }

  progress(): ReplicaProgress {
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
      point,
      lagInstructions,
      lagSinceUs,
      untoldSinceUs,
      executionDelay: null,
      hashesCompared: null,
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
    if (this.running !== null) this.allowNext(this.running, nowUs);
    if (this.clock === null || !this.engine.idle || this.guestHalt !== null || this.successor !== null || this.outbox.haltReason !== null)
      return;
    const { wakeTime, waiting } = this.point;
    const woken = wakeTime !== null && this.clock.now(nowUs) + slackTicks >= wakeTime;
    const awake = !waiting || woken || this.inputs.pending;
    const runs = awake && !this.paused && !this.lag.holdsBack(this.point.instant, this.point.consoleEnd, nowUs);
    const turn = this.transfer?.next(runs, nowUs) ?? "guest";
    if (this.transfer !== null && typeof turn === "object") {
      this.engine.begin("captureState");
      this.members.captureBegins(turn, runs, nowUs);
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
    this.running = { clock, inputs, limitInstant, startedUs: nowUs, endAsked: false, nextAllowed: false };
    this.toldToRunAt = time;
    this.outbox.emit({ kind: "runEpoch", epoch: this.point.epoch, limitInstant, exact: false, clock, inputs, wantHash });
    this.allowNext(this.running, nowUs);
  }

  /** As far as it is known now nothing will be due at the end of the epoch that runs: the guest need not wait for the word. */
  private allowNext(running: RunningEpoch, nowUs: number): void {
    if (running.nextAllowed || running.endAsked || this.clock === null || this.outbox.haltReason !== null) return;
    if (this.paused || this.inputs.pending || this.successor !== null) return;
    if (this.transfer !== null && !this.transfer.isGuestsAfter(this.pacing.epochUs)) return;
    if (this.lag.holdsBack(running.limitInstant, this.point.consoleEnd, nowUs)) return;
    running.nextAllowed = true;
    const { dueAt } = this.hashes;
    const lookAt = this.toldToRunAt + BY_ITSELF_TICKS;
    this.outbox.emit({
      kind: "allowEpoch",
      next: {
        epoch: this.point.epoch + 1n,
        length: this.pacing.epochLength(),
        rate: this.pacing.rate(),
        clockOffset: this.clock.offset,
        beforeTime: dueAt !== null && dueAt < lookAt ? dueAt : lookAt,
      },
    });
  }

  private epochEnded(ended: Extract<ReplicaInput, { kind: "epochEnded" }>, nowUs: number): void {
    const { begun } = ended;
    const running = this.running;
    assert(running !== null, "an epoch that ends was running");
    if (begun === null) {
      this.engine.end("runEpoch");
      this.running = null;
    } else {
      assert(running.nextAllowed, "an engine begins no epoch that it was not allowed");
      assert(begun.clock.time >= ended.time, () => `guest time goes on from ${ended.time}, not ${begun.clock.time}`);
      const { clock, limitInstant, startedUs } = begun;
      this.running = { clock, inputs: NO_INPUTS, limitInstant, startedUs, endAsked: running.endAsked, nextAllowed: false };
    }
    const { epoch, instant, consoleEnd } = this.point;
    assert(ended.endInstant >= instant, () => `epoch ${epoch} ends at ${ended.endInstant}, before its start at ${instant}`);
    assert(
      ended.endInstant <= running.limitInstant,
      () => `epoch ${epoch} ends at ${ended.endInstant}, beyond its limit ${running.limitInstant}`,
    );
    assert(ended.time >= running.clock.time, () => `guest time goes on from ${running.clock.time}, not ${ended.time}`);
    assert(ended.consoleEnd >= consoleEnd, () => `console output goes on from ${consoleEnd}, not ${ended.consoleEnd}`);
    const elapsedUs = (begun?.startedUs ?? nowUs) - running.startedUs;
    const executed = ended.endInstant - instant;
    this.pacing.observe(executed, elapsedUs);
    this.transfer?.guestRan(executed, elapsedUs);
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
    this.succession.recorded(record);
    this.followers.broadcast({ kind: "epoch", term: this.term, record }, nowUs);
    this.release(nowUs);
    if (this.running !== null && this.inputs.pending) this.endEpochEarly();
    this.proceed(nowUs);
    if (this.successor !== null && this.running === null) this.handOver(this.successor, nowUs);
  }

  /** The output rule: lets out what is committed by now; the last output of a halted guest ends the replica. */
  private release(nowUs: number): void {
    const committed = this.commit.commit(nowUs);
    if (committed !== null) {
      if (committed.consoleEnd > this.released) this.outbox.emit({ kind: "releaseOutput", upTo: committed.consoleEnd });
      this.released = committed.consoleEnd;
      for (const [inputSession, inputNext] of committed.inputNext) {
        this.outbox.emit({ kind: "acknowledgeInput", inputSession, inputNext, durability: this.durability() });
      }
    }
    if (this.guestHalt === null || !this.commit.empty) return;
    this.followers.broadcast({ kind: "guestHalted", term: this.term }, nowUs);
    this.outbox.halt("guest_halted");
  }

  private durability(): "replicated" | "solo" {
    return this.members.synced.length > 0 ? "replicated" : "solo";
  }

  private deviceInput(inputSession: string, offset: bigint, content: InputContent, nowUs: number): void {
    if (this.guestHalt !== null || !this.isLive) {
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
    const clockTime = this.clock === null ? this.point.time : this.guestTime(nowUs);
    this.followers.broadcast({ kind: "pauseChanged", paused, clockTime }, nowUs);
    if (paused) this.endEpochEarly();
    else this.proceed(nowUs);
  }

  // --- the hand-over -----------------------------------------------------------------------------------------------

  private takenOver(peer: ReplicaId, term: bigint, nowUs: number): void {
    assert(term > this.term, () => `whom the arbiter promotes has a newer term than ${this.term}, not ${term}`);
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
}
