/**
 * The backup: acknowledges the log as it comes, executes it to exactly the primary's instants, lets nothing out.
 *
 *     waiting --channelOpened--> receiving --stateEnd--> verifying --hash equal--> following <--resume of the new primary, from here,
 *                                    |                       |                        |           promoting or orphaned: its log is followed
 *                                    '---- suspicion --------'                        |  suspicion; promotionRequested and granted,
 *                                               |                                     v  and handedOver where that is to be waited for
 *                                               v                                 promoting --granted, and the log drained--> primary
 *                                        halt join_aborted                            |  '--follow--> orphaned --no resume--> promoting
 *                                                                                     '--refused--> halt fenced
 *
 * Once `following` it has told the primary that its state is verified, so the arbiter may put it into the synced set at any
 * time, and the word of that may be lost with the primary: from here on it asks the arbiter instead of giving up. A promotion
 * that an operator wants asks first and follows the log until the answer: if nobody answers, the pair is not disturbed. A planned
 * one goes on following after the grant, until the primary has ended its epoch and handed over, or is suspected. What was
 * asked once is asked until it is answered, because a lost answer may have been a yes. Of several backups one is promoted; the
 * others are told to follow it, and it dials them and says where its log goes on. One that hears nothing of it asks again.
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
  ReplicaProgress,
  ReplicaStatus,
} from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { PrimaryStart } from "./primary.ts";
import { Promotion } from "./promotion.ts";

/** In one `pageChanges`: 32768 pages of three words. */
const PAGE_CHANGES_WORDS = 3 * 32_768;

/** A backup that is told to follow somebody is patient for so many time-outs, until it asks whether it shall take over itself. */
const ORPHANS_PATIENCE = 4;

type Phase = "waiting" | "receiving" | "verifying" | "following" | "promoting" | "orphaned";

type Resume = Extract<LoggingChannelMessage, { kind: "resume" }>;
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
  /** Records of epochs before this one are not its primary's own, but of the one before. */
  private inherited: { readonly nextEpoch: bigint; readonly author: ReplicaId } | null = null;
  private orphanedUs = 0;
  /** To whom there are channels beside the primary: when this one is promoted, they are its backups'. */
  private readonly opened = new Set<ReplicaId>();

  /** The primary has released everything that its halted guest wrote. */
  private allReleased = false;
  /** The primary's guest stands still. */
  private paused = false;

  private promotion: Promotion | null = null;
  private divergence: ReplicaStatus["divergence"] = null;

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
    else if (nowUs >= this.orphanDeadlineUs()) this.askAndTakeOver(nowUs);
    else if (nowUs >= this.handOverDeadlineUs()) this.takeOver(nowUs);
  }

  handle(input: ReplicaInput, nowUs: number): void {
    switch (input.kind) {
      case "started":
        return;
      case "message":
        if (input.peer === this.primary) this.message(input.message, nowUs);
        else if (input.message.kind === "resume") this.resume(input.peer, input.message, nowUs);
        // It has let this one go, and takes it for one that joins.
        else if (this.opened.delete(input.peer)) this.outbox.emit({ kind: "closeChannel", peer: input.peer });
        return;
      case "channelOpened":
        this.channelOpened(input.peer, nowUs);
        return;
      case "channelClosed":
        if (this.opened.delete(input.peer) && this.phase === "orphaned") this.armSilence();
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
      divergence: this.divergence,
      maxLagMs: this.maxLagMs,
    };
  }

  progress(): ReplicaProgress {
    const { point, lagInstructions, lagSinceUs, executionDelay, hashesCompared } = this.replay;
    return {
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
    if (this.phase === "receiving" || this.phase === "verifying") {
      if (peer !== this.primary) this.outbox.emit({ kind: "closeChannel", peer });
      return;
    }
    if (this.phase !== "waiting") {
      // To one that this one will go on with, or of a primary that is promoted and will say where.
      if (peer !== this.primary) this.opened.add(peer);
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
        this.replay.startAt(message.point, this.primary);
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
        this.belongsTo(message.term, message.synced);
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
        // Guest time stood still.
        if (!message.paused) this.clockIs(message.clockTime, nowUs);
        return;
      case "handedOver":
        assert(this.isGranted, "a primary hands over to whom the arbiter has promoted");
        this.takeOver(nowUs);
        return;
      case "resume":
        throw new InvariantViolation(`primary ${this.primary} sent "resume" to a backup that follows it`);
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

  /** It has all of the state, and executes the log. */
  private get hasState(): boolean {
    return this.phase === "following" || this.phase === "promoting" || this.phase === "orphaned";
  }

  private belongsTo(term: bigint, synced: readonly ReplicaId[]): void {
    this.term = term;
    this.synced = synced;
    this.replay.hasOthers = synced.some((member) => member !== this.config.replicaId);
  }

  /** The arbiter has promoted another backup, and its log is this one's from now on. */
  private resume(peer: ReplicaId, { term, synced, paused, clockTime, nextEpoch, author }: Resume, nowUs: number): void {
    const isBehind = this.term === null || term < this.term || (term === this.term && this.primary !== null);
    if (!this.hasState || isBehind || this.isGranted) {
      this.outbox.emit({ kind: "closeChannel", peer });
      return;
    }
    this.cut();
    this.opened.delete(peer);
    this.belongsTo(term, synced);
    // One that is asked for is asked until it is answered.
    if (this.arbitration.open === null) this.promotion = null;
    if (!this.replay.resumeBefore(nextEpoch, author)) {
      // Until the arbiter has let it go it holds all that has left: it may still be needed.
      this.outbox.emit({
        kind: "send",
        peer,
        message: { kind: "backupFailed", reason: "state_mismatch", epoch: this.replay.point.epoch, stateHash: 0n },
      });
      this.outbox.emit({ kind: "closeChannel", peer });
      this.orphan(nowUs);
      return;
    }
    this.primary = peer;
    this.inherited = { nextEpoch, author };
    this.phase = "following";
    this.allReleased = false;
    this.paused = paused;
    this.clockIs(clockTime, nowUs);
    this.watch(peer, nowUs);
    this.acknowledge();
    this.proceed(nowUs);
  }

  /** What was told of guest time before says nothing about it any more. */
  private clockIs(time: bigint, nowUs: number): void {
    this.clock = new GuestClockEstimate();
    this.clock.observe(time, nowUs);
  }

  /** Rule P4: the ack is for receipt, at once; execution may lag. */
  private receive(term: bigint, record: EpochRecord, nowUs: number): void {
    assert(this.phase === "verifying" || this.phase === "following", () => `the log arrives after the state, not while ${this.phase}`);
    assert(term === this.term, () => `an epoch of term ${term} arrives in term ${this.term}`);
    const { inherited, primary } = this;
    assert(primary !== null, "a record comes from the primary");
    const author = inherited !== null && record.epoch < inherited.nextEpoch ? inherited.author : primary;
    this.replay.receive(record, author, nowUs);
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
    if (!this.hasState) return;
    this.replay.executeNext(nowUs);
    if (this.engine.idle && this.allReleased) this.outbox.halt("guest_halted");
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
      this.divergence = {
        replicaId: this.config.replicaId,
        epoch: record.epoch,
        expected: record.stateHash ?? 0n,
        actual: ended.stateHash ?? 0n,
        lastEqualInstant: this.replay.verified?.instant ?? null,
        pages: [],
        pageCount: 0,
      };
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
    const nextUs = Math.min(deadline ?? Number.POSITIVE_INFINITY, this.handOverDeadlineUs(), this.orphanDeadlineUs());
    if (nextUs !== Number.POSITIVE_INFINITY) this.outbox.arm("silence", nextUs);
  }

  private orphanDeadlineUs(): number {
    if (this.phase !== "orphaned") return Number.POSITIVE_INFINITY;
    // One that has dialled has its log to execute first, and was followed until it was so far behind.
    const executesMs = this.opened.size > 0 ? this.maxLagMs : 0;
    return this.orphanedUs + (ORPHANS_PATIENCE * this.config.heartbeatTimeoutMs + executesMs) * 1000;
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
      this.askAndTakeOver(nowUs);
      return;
    }
    this.cut();
    this.outbox.halt("join_aborted");
  }

  private askAndTakeOver(nowUs: number): void {
    if (this.promotion === null) this.askForPromotion(false, nowUs);
    this.takeOver(nowUs);
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
    if (this.phase === "orphaned") this.askAndTakeOver(nowUs);
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
    assert(this.replay.verified !== null, "only a verified backup may ask for promotion");
    assert(this.term !== null, "a backup that follows knows its term");
    this.promotion = new Promotion(handOver, nowUs);
    this.arbitration.ask({ kind: "promote", term: this.term });
  }

  private arbiterAnswered({ request, outcome, term, synced }: ArbiterAnswered, nowUs: number): void {
    if (!this.arbitration.answers(request)) return;
    if (outcome === "unavailable") {
      this.arbitration.waitAndAskAgain(nowUs);
      return;
    }
    this.arbitration.close();
    if (outcome === "follow") {
      this.follow(term, synced, nowUs);
      return;
    }
    if (outcome === "refused") {
      this.cut();
      this.outbox.halt("fenced");
      return;
    }
    assert(this.promotion !== null, "a promotion that is granted was asked for");
    assert(this.term !== null && term > this.term, () => `a granted request leads to a newer term than ${this.term}, not to ${term}`);
    this.promotion.granted(term, synced, nowUs);
    if (this.phase === "following" && this.promotion.waitsForHandOver) {
      this.send({ kind: "takingOver", term });
      this.armSilence();
    } else this.takeOver(nowUs);
  }

  /** Another one has been promoted, and will dial. */
  private follow(term: bigint, synced: readonly ReplicaId[], nowUs: number): void {
    const asked = this.promotion;
    this.promotion = null;
    assert(this.term !== null && asked !== null, "who is told to follow has asked for promotion");
    // It has a primary that it hears: that one, or the one before, whose last word is still to come.
    if (this.phase === "following") return;
    // That it has heard of already, and could not follow.
    if (this.phase === "orphaned" && term <= this.term) return;
    if (term <= this.term) {
      // That it knows, and has followed: that one has failed as well.
      this.askForPromotion(false, nowUs);
      return;
    }
    this.belongsTo(term, synced);
    this.orphan(nowUs);
  }

  private orphan(nowUs: number): void {
    this.phase = "orphaned";
    this.orphanedUs = nowUs;
    this.armSilence();
  }

  /** Every record that was acknowledged has been executed, and no more come (rule P7). */
  private get isDrained(): boolean {
    return this.phase === "promoting" && this.engine.idle && this.replay.drained;
  }

  /** True when the arbiter has said yes and the log is drained. */
  get readyToGoLive(): boolean {
    return this.outbox.haltReason === null && this.isDrained && this.isGranted;
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
        inheritance: { ...this.replay.history, members: this.promotion.synced, opened: [...this.opened], sinceUs: nowUs },
      },
    };
  }
}
