/**
 * The backup: acknowledges the log as it comes, executes it to exactly the primary's instants, lets nothing out.
 *
 *     waiting --channelOpened--> receiving --stateEnd--> verifying --hash equal--> following
 *                                    |                       |                        |  suspicion; promotionRequested and granted,
 *                                    '---- suspicion --------'                        v  and handedOver where that is to be waited for
 *                                               |                                 promoting --granted, the log drained, and goLive granted
 *                                               v                                     |       where others are in the synced set--> live
 *                                        halt join_aborted                            '--refused--> halt fenced
 *
 * Once `following` it has told the primary that its state is verified, so the arbiter may put it into the synced set at any
 * time, and the word of that may be lost with the primary: from here on it asks the arbiter instead of giving up. A promotion
 * that an operator wants asks first and follows the log until the answer: if nobody answers, the pair is not disturbed. A planned
 * one goes on following after the grant, until the primary has ended its epoch and handed over, or is suspected. What was
 * asked once is asked until it is answered, because a lost answer may have been a yes. Of several backups one is promoted; the
 * others are told to wait, and ask again, until it is live and they are refused, or it is gone and one of them is promoted.
 *
 * @see Bressoud & Schneider 1995, rules P3 to P7
 */
import { assert, unreachable } from "../base/assert.ts";
import { InvariantViolation } from "../base/errors.ts";
import type { PageChanges } from "../engine/page-hashes.ts";
import { Arbitration } from "./arbitration.ts";
import { EngineGate } from "./engine-gate.ts";
import { FaultDetector } from "./fault-detector.ts";
import { JOINING_PATIENCE } from "./followers.ts";
import { GuestClockEstimate } from "./guest-clock.ts";
import { EPOCHS_IN_FLIGHT, LogReplay } from "./log-replay.ts";
import type {
  BackupFailure,
  EpochRecord,
  LoggingChannelMessage,
  NotableStatus,
  ReplicaConfig,
  ReplicaId,
  ReplicaInput,
  ReplicaStatus,
} from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { PrimaryStart } from "./primary.ts";
import { Promotion } from "./promotion.ts";

/** In one `pageChanges`: 32768 pages of three words. */
const PAGE_CHANGES_WORDS = 3 * 32_768;

type Phase = "waiting" | "receiving" | "verifying" | "following" | "promoting";

type ArbiterAnswered = Extract<ReplicaInput, { kind: "arbiterAnswered" }>;

export class Backup {
  private phase: Phase = "waiting";
  private primary: ReplicaId | null = null;
  private term: bigint | null = null;
  private synced: readonly ReplicaId[] = [];

  /** State that has arrived and is not applied. */
  private readonly pages: Uint8Array[] = [];
  private stateHash: bigint | null = null;
  private maxLagMs: number;
  /** The primary has released everything that its halted guest wrote. */
  private allReleased = false;
  /** The primary's guest stands still. */
  private paused = false;

  private promotion: Promotion | null = null;

  private readonly engine = new EngineGate(EPOCHS_IN_FLIGHT);
  private readonly detector = new FaultDetector();
  private clock = new GuestClockEstimate();
  private readonly replay: LogReplay;
  private readonly arbitration: Arbitration;

  constructor(
    private readonly config: ReplicaConfig,
    private readonly outbox: Outbox,
  ) {
    this.maxLagMs = config.maxLagMs;
    this.replay = new LogReplay(config.epochTargetMs, this.engine, outbox);
    this.arbitration = new Arbitration(outbox);
  }

  /** Has the primary been silent for too long, or not handed over? */
  private suspectSilent(nowUs: number): void {
    if (this.primary !== null && this.detector.silent(nowUs).includes(this.primary)) this.suspectPrimary(nowUs);
    else if (nowUs >= this.handOverDeadlineUs()) this.takeOver(nowUs);
  }

  handle(input: ReplicaInput, nowUs: number): void {
    switch (input.kind) {
      case "started":
        return;
      case "message":
        if (input.peer === this.primary) this.message(input.message, nowUs);
        return;
      case "channelOpened":
        this.channelOpened(input.peer, nowUs);
        return;
      case "channelClosed":
        if (input.peer === this.primary) this.suspectPrimary(nowUs);
        return;
      case "deviceInput":
        // Rule P3: the environment talks to the primary only.
        this.outbox.emit({
          kind: "refuseInput",
          inputSession: input.inputSession,
          inputNext: this.inputNext(input.inputSession),
          code: "not_primary",
        });
        return;
      case "epochEnded":
        this.epochEnded(input, nowUs);
        return;
      case "wallClock":
        this.replay.told(input.unixUs, nowUs);
        return;
      case "maxLagSet":
        this.maxLagMs = input.maxLagMs;
        return;
      case "stateApplied":
        this.stateApplied(input.bytes, nowUs);
        return;
      case "stateHashed":
        this.stateHashed(input, nowUs);
        return;
      case "arbiterAnswered":
        this.arbiterAnswered(input, nowUs);
        return;
      case "promotionRequested":
        this.promotionRequested(input.handOver, nowUs);
        return;
      case "timeout":
        if (input.timer.kind === "silence") {
          this.suspectSilent(nowUs);
          this.armSilence();
        }
        if (input.timer.kind === "askAgain") this.arbitration.askAgain();
        return;
      case "pauseRequested":
      case "shutDownRequested":
      case "failureRequested":
        // The primary's affair: who asked finds out who that is, and asks again.
        return;
      case "entropyDrawn":
        throw new InvariantViolation("a backup never draws entropy");
      case "stateCaptured":
        throw new InvariantViolation(`a backup's engine does not answer "${input.kind}"`);
      default:
        unreachable(input);
    }
  }

  notable(): NotableStatus {
    return {
      role: "backup",
      state: this.phase === "promoting" || this.isGranted ? "promoting" : this.synced.includes(this.config.replicaId) ? "live" : "syncing",
      term: this.term ?? 0n,
      synced: this.synced,
      joining: null,
      arbiterUnavailable: this.arbitration.unavailable,
      paused: false,
      guestHalt: this.replay.guestHalt,
      divergence: null,
      maxLagMs: this.maxLagMs,
    };
  }

  status(): Omit<ReplicaStatus, "replicaId" | "haltReason"> {
    const { point, lagInstructions, lagSinceUs, executionDelay, hashesCompared } = this.replay;
    return {
      ...this.notable(),
      point,
      lagInstructions,
      lagSinceUs,
      untoldSinceUs: null,
      executionDelay,
      hashesCompared,
      outputCommitDelay: null,
      guestShare: null,
      promotion: null,
    };
  }

  inputNext(inputSession: string): bigint {
    return this.replay.inputNext(inputSession);
  }

  // --- the log -----------------------------------------------------------------------------------------------------

  private channelOpened(peer: ReplicaId, nowUs: number): void {
    if (this.phase !== "waiting") {
      if (peer !== this.primary) this.outbox.emit({ kind: "closeChannel", peer });
      return;
    }
    this.phase = "receiving";
    this.primary = peer;
    this.watch(peer, nowUs);
  }

  private message(message: LoggingChannelMessage, nowUs: number): void {
    assert(this.primary !== null, "messages come from the primary");
    this.detector.heard(this.primary, nowUs);
    switch (message.kind) {
      case "statePages":
        assert(this.phase === "receiving", () => `state arrives while receiving, not while ${this.phase}`);
        this.pages.push(message.pages);
        this.proceed(nowUs);
        return;
      case "stateEnd":
        assert(this.phase === "receiving", () => `the end of the state arrives while receiving, not while ${this.phase}`);
        this.phase = "verifying";
        this.term = message.term;
        this.stateHash = message.stateHash;
        this.replay.startAt(message.point);
        this.clock.observe(message.clockTime, nowUs);
        this.proceed(nowUs);
        return;
      case "epoch":
        this.receive(message.term, message.record, nowUs);
        return;
      case "heartbeat":
        this.acknowledge();
        return;
      case "termChanged":
        assert(this.term !== null && message.term > this.term, () => `terms go up from ${this.term}, not to ${message.term}`);
        this.term = message.term;
        this.synced = message.synced;
        return;
      case "guestHalted":
        if (this.phase !== "following") {
          this.outbox.halt("join_aborted");
          return;
        }
        if (this.isGranted) {
          this.takeOver(nowUs);
          return;
        }
        this.allReleased = true;
        this.proceed(nowUs);
        return;
      case "pauseChanged":
        this.paused = message.paused;
        // Guest time stood still: what was told of it before says nothing about it now.
        if (!message.paused) this.clock = new GuestClockEstimate();
        return;
      case "handedOver":
        assert(this.isGranted, "a primary hands over to whom the arbiter has promoted");
        this.takeOver(nowUs);
        return;
      case "ack":
      case "stateReceived":
      case "stateVerified":
      case "takingOver":
      case "pageChanges":
      case "backupFailed":
        throw new InvariantViolation(`primary ${this.primary} sent "${message.kind}", which only a backup sends`);
      default:
        unreachable(message);
    }
  }

  /** Rule P4: the ack is for receipt, at once; execution may lag. */
  private receive(term: bigint, record: EpochRecord, nowUs: number): void {
    assert(this.phase === "verifying" || this.phase === "following", () => `the log arrives after the state, not while ${this.phase}`);
    assert(term === this.term, () => `an epoch of term ${term} arrives in term ${this.term}`);
    this.replay.receive(record, nowUs);
    this.clock.observe(record.clock.time, nowUs);
    this.acknowledge();
    this.proceed(nowUs);
  }

  private acknowledge(): void {
    this.send(this.replay.ack());
  }

  private send(message: LoggingChannelMessage): void {
    if (this.primary !== null) this.outbox.emit({ kind: "send", peer: this.primary, message });
  }

  // --- the engine --------------------------------------------------------------------------------------------------

  private proceed(nowUs: number): void {
    if (this.outbox.haltReason !== null) return;
    if (!this.engine.idle) {
      this.replay.executeNext(nowUs);
      return;
    }
    const pages = this.pages[0];
    if (pages !== undefined) {
      this.engine.begin("applyState");
      this.outbox.emit({ kind: "applyState", pages });
      return;
    }
    if (this.phase === "verifying") {
      this.engine.begin("verifyState");
      this.outbox.emit({ kind: "verifyState" });
      return;
    }
    if (this.phase !== "following" && this.phase !== "promoting") return;
    this.replay.executeNext(nowUs);
    if (!this.engine.idle) return;
    if (this.allReleased) this.outbox.halt("guest_halted");
    else if (this.isDrained && this.promotion?.mayGoLive === false) this.askToGoLive(this.promotion);
  }

  private stateApplied(bytes: number, nowUs: number): void {
    this.engine.end("applyState");
    assert(this.pages.shift() !== undefined, "state that is applied had arrived");
    this.send({ kind: "stateReceived", bytes });
    this.proceed(nowUs);
  }

  private stateHashed(hashed: Extract<ReplicaInput, { kind: "stateHashed" }>, nowUs: number): void {
    const { stateHash } = hashed;
    const { epoch } = this.replay.point;
    this.engine.end("verifyState");
    assert(this.phase === "verifying" && this.primary !== null, "a state is verified before it is followed");
    if (stateHash !== this.stateHash) {
      this.fail("state_mismatch", epoch, stateHash);
      return;
    }
    this.replay.restored(hashed);
    this.phase = "following";
    this.send({ kind: "stateVerified", epoch });
    this.watch(this.primary, nowUs);
    this.proceed(nowUs);
  }

  private epochEnded(ended: Extract<ReplicaInput, { kind: "epochEnded" }>, nowUs: number): void {
    const { record, equal } = this.replay.ended(ended, nowUs);
    if (!equal) {
      if (ended.endInstant === record.endInstant) {
        // It may not have heard that the hash before this one was equal: both must count changes from there.
        this.acknowledge();
        this.tellChanges(ended.pageChanges ?? null);
      }
      this.fail("divergence", record.epoch, ended.stateHash ?? 0n);
      return;
    }
    if (this.replay.worthTelling) this.acknowledge();
    this.proceed(nowUs);
  }

  /** What differs is among the pages that either has changed since both were equal. */
  private tellChanges(changes: PageChanges | null): void {
    if (changes === null) return;
    for (let at = 0; at < changes.length; at += PAGE_CHANGES_WORDS) {
      this.send({ kind: "pageChanges", changes: changes.slice(at, at + PAGE_CHANGES_WORDS) });
    }
  }

  private fail(reason: BackupFailure, epoch: bigint, stateHash: bigint): void {
    this.send({ kind: "backupFailed", reason, epoch, stateHash });
    this.outbox.halt(reason);
  }

  // --- promotion ---------------------------------------------------------------------------------------------------

  private watch(primary: ReplicaId, nowUs: number): void {
    const timeoutUs = this.config.heartbeatTimeoutMs * 1000;
    this.detector.watch(primary, this.phase === "following" ? timeoutUs : JOINING_PATIENCE * timeoutUs, nowUs);
    this.armSilence();
  }

  private armSilence(): void {
    const deadline = this.detector.deadlineUs();
    if (deadline !== null) this.outbox.arm("silence", Math.min(deadline, this.handOverDeadlineUs()));
  }

  private handOverDeadlineUs(): number {
    if (this.phase !== "following" || this.promotion === null) return Number.POSITIVE_INFINITY;
    return this.promotion.handOverDeadlineUs(this.config.heartbeatTimeoutMs * 1000);
  }

  private get isGranted(): boolean {
    return this.promotion !== null && this.promotion.term !== null;
  }

  /** From here on nothing more of the old primary is accepted, so nothing more is acknowledged. */
  private suspectPrimary(nowUs: number): void {
    if (this.phase === "following" && this.allReleased) {
      this.cut();
      return;
    }
    if (this.phase === "following") {
      if (this.promotion === null) this.askForPromotion(false, nowUs);
      this.takeOver(nowUs);
      return;
    }
    this.cut();
    this.outbox.halt("join_aborted");
  }

  private takeOver(nowUs: number): void {
    this.phase = "promoting";
    this.cut();
    this.proceed(nowUs);
  }

  private cut(): void {
    const { primary } = this;
    if (primary === null) return;
    this.primary = null;
    const heardUs = this.detector.lastHeardUs(primary);
    if (heardUs !== null) this.promotion?.lastHeard(heardUs);
    this.detector.forget(primary);
    this.outbox.emit({ kind: "closeChannel", peer: primary });
  }

  private promotionRequested(handOver: boolean, nowUs: number): void {
    if (this.phase !== "following") return;
    if (this.promotion === null) {
      this.askForPromotion(handOver, nowUs);
      return;
    }
    // Asked to hand over, the primary has not: it is not waited for any more.
    if (handOver) return;
    this.promotion.force();
    if (this.isGranted) this.takeOver(nowUs);
  }

  private askForPromotion(handOver: boolean, nowUs: number): void {
    assert(this.phase === "following", "only a verified backup may ask for promotion");
    assert(this.primary !== null && this.term !== null, "a backup that follows knows its primary and its term");
    this.promotion = new Promotion(handOver, nowUs);
    this.arbitration.ask({ kind: "promote", term: this.term });
  }

  private arbiterAnswered({ request, outcome, term, synced }: ArbiterAnswered, nowUs: number): void {
    if (!this.arbitration.answers(request)) return;
    if (outcome === "unavailable" || outcome === "wait") {
      this.arbitration.waitAndAskAgain(outcome, nowUs);
      return;
    }
    this.arbitration.close();
    if (outcome === "refused") {
      this.cut();
      this.outbox.halt("fenced");
      return;
    }
    assert(this.promotion !== null, "a promotion that is granted was asked for");
    if (request.kind === "goLive") {
      this.promotion.goLiveGranted(term);
      return;
    }
    assert(this.term !== null && term > this.term, () => `a granted request leads to a newer term than ${this.term}, not to ${term}`);
    this.promotion.granted(term, synced.length === 0, nowUs);
    if (this.phase === "following" && this.promotion.waitsForHandOver) {
      this.send({ kind: "takingOver", term });
      this.armSilence();
    } else this.takeOver(nowUs);
  }

  /** Nobody else may have gone on from where it stands, once this is granted. Nothing leaves it before. */
  private askToGoLive({ term }: Promotion): void {
    if (term !== null && this.arbitration.open === null) this.arbitration.ask({ kind: "goLive", term });
  }

  /** Every record that was acknowledged has been executed, and no more come (rule P7). */
  private get isDrained(): boolean {
    return this.phase === "promoting" && this.engine.idle && this.replay.drained;
  }

  /** True when the arbiter has said yes to all that was to be asked, and the log is drained. */
  get readyToGoLive(): boolean {
    return this.outbox.haltReason === null && this.isDrained && this.promotion?.mayGoLive === true;
  }

  /** Hands everything over to the primary that this backup becomes. Nothing of the old primary can arrive any more. */
  handOver(nowUs: number): { readonly start: PrimaryStart; readonly time: bigint } {
    const term = this.promotion?.term ?? null;
    assert(this.phase === "promoting" && this.primary === null, "only a backup that was cut off is promoted");
    assert(this.promotion !== null && term !== null, "only the arbiter promotes");
    const { point, verified } = this.replay;
    assert(verified !== null, "a backup is verified before it follows");
    const { instant, consoleEnd } = point;
    return {
      time: this.clock.now(point.time, nowUs),
      start: {
        ...this.replay.handOver(),
        term,
        maxLagMs: this.maxLagMs,
        paused: this.paused,
        promotion: { ...this.promotion.spans(nowUs), instant, consoleEnd, verified },
      },
    };
  }
}
