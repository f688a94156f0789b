/**
 * The log as a backup has it, and the guest as far as the log has brought it (rules P4 to P6).
 *
 *     received --executed next--> in the engine's hands --epochEnded, equal--> executed
 *                                         '--epochEnded, differs--> the backup fails
 *
 * One epoch runs in the engine, and the next one waits there: the engine goes from one to the other without waiting for the word.
 */
import { assert } from "../base/assert.ts";
import { DelayHistogram } from "../base/delay-histogram.ts";
import type { GuestHalt } from "../engine/epoch.ts";
import type { EngineGate } from "./engine-gate.ts";
import { EpochPacing, LAG_WORTH_TELLING, LOG_WORTH_TELLING } from "./epoch-pacing.ts";
import { InputSessions } from "./input-buffer.ts";
import type { EpochRecord, ExecutionPoint, LoggingChannelMessage, ReplicaId, ReplicaInput } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { PrimaryStart } from "./primary.ts";
import type { Inheritance } from "./succession.ts";
import { WallClock } from "./wall-clock.ts";

/** One runs, one is next. */
export const EPOCHS_IN_FLIGHT = 2;

/** So many of the records that it has executed a backup keeps, where there are others that may lack them. */
const TAIL_RECORDS = 256;

const NOTHING_YET: ExecutionPoint = { epoch: 0n, instant: 0n, time: 0n, wakeTime: null, waiting: false, consoleEnd: 0n };

interface Received {
  readonly record: EpochRecord;
  readonly receivedUs: number;
}

type EpochEnded = Extract<ReplicaInput, { kind: "epochEnded" }>;

export class LogReplay {
  /** From the receipt of an epoch's record to the end of its execution. */
  readonly executionDelay = new DelayHistogram();
  /** The newest instant at which both states were found equal; null: not yet. */
  verified: { readonly instant: bigint; readonly stateHash: bigint } | null = null;
  /** State hashes that were found equal to the primary's: of the state that came first, and of the log. */
  hashesCompared = 0;
  point = NOTHING_YET;
  guestHalt: GuestHalt | null = null;

  private sessions = new InputSessions();
  private inputRoom = 0;
  private entropyWanted = 0;
  private readonly wallClock = new WallClock();
  private readonly pacing: EpochPacing;

  /** Records that are here and not in the engine's hands. */
  private readonly log: Received[] = [];
  /** The epoch that the engine runs, and the one that it is to run next. */
  private readonly executing: Received[] = [];
  private keepsTail = false;
  /** Since when the first of them runs. */
  private runsSinceUs = 0;
  /** The newest records that are executed, oldest first. */
  private tail: EpochRecord[] = [];
  /** From whom the newest record came, or else the state. */
  private author: ReplicaId | null = null;
  private received: bigint | null = null;
  private receivedInstant = 0n;
  private applied: bigint | null = null;
  private toldInstant = 0n;
  /** Instructions of the newest record's epoch. */
  private newestLength = 0n;

  constructor(
    epochTargetMs: number,
    private readonly engine: EngineGate,
    private readonly outbox: Outbox,
  ) {
    this.pacing = new EpochPacing(epochTargetMs);
  }

  /** The log goes on from here: the state at this point is on its way, or here. */
  startAt(point: ExecutionPoint, author: ReplicaId): void {
    this.point = point;
    this.author = author;
    this.receivedInstant = point.instant;
    this.toldInstant = point.instant;
  }

  /** The state at the point is here, and is the primary's. */
  restored({ stateHash, inputSessions, inputRoom, entropyWanted, wallOffsetNs }: Extract<ReplicaInput, { kind: "stateHashed" }>): void {
    this.foundEqual(this.point.instant, stateHash);
    this.sessions = new InputSessions(inputSessions);
    this.inputRoom = inputRoom;
    this.entropyWanted = entropyWanted;
    this.wallClock.stateHas(wallOffsetNs);
  }

  told(unixUs: number, nowUs: number): void {
    this.wallClock.told(unixUs, nowUs);
  }

  receive(record: EpochRecord, author: ReplicaId, nowUs: number): void {
    const due = this.received === null ? this.point.epoch : this.received + 1n;
    assert(record.epoch === due, () => `epoch ${record.epoch} arrives where ${due} is due`);
    assert(record.endInstant >= this.receivedInstant, () => `epoch ${record.epoch} ends at ${record.endInstant}, before its start`);
    this.log.push({ record, receivedUs: nowUs });
    this.author = author;
    this.received = record.epoch;
    this.newestLength = record.endInstant - this.receivedInstant;
    this.receivedInstant = record.endInstant;
  }

  /**
   * A new primary's log begins with `nextEpoch`, and the record before came from `author`: lets go what is received beyond that.
   *
   * @returns false where this is another history, or is executed further already
   */
  resumeBefore(nextEpoch: bigint, author: ReplicaId): boolean {
    if (this.author !== author || this.point.epoch + BigInt(this.executing.length) > nextEpoch) return false;
    for (let newest = this.log.at(-1); newest !== undefined && newest.record.epoch >= nextEpoch; newest = this.log.at(-1)) this.log.pop();
    const last = this.log.at(-1) ?? this.executing.at(-1);
    this.received = last?.record.epoch ?? (this.point.epoch === 0n ? null : this.point.epoch - 1n);
    this.receivedInstant = last?.record.endInstant ?? this.point.instant;
    return true;
  }

  /** What is to be told now. */
  ack(): Extract<LoggingChannelMessage, { kind: "ack" }> {
    this.toldInstant = this.point.instant;
    return { kind: "ack", received: this.received, applied: this.applied, appliedInstant: this.point.instant };
  }

  /**
   * The primary should hear how far execution has come, beside what it hears with every record. A backup that keeps up is an epoch
   * or two behind where that ack leaves it, and the next record's ack comes as soon: an ack more for each epoch would cost both
   * their main threads as much as the epoch's own.
   */
  get worthTelling(): boolean {
    const toExecute = this.executing.length + this.log.length;
    const untold = this.receivedInstant - this.toldInstant;
    return untold > LAG_WORTH_TELLING && untold >= 2n * this.newestLength && (toExecute === 0 || toExecute >= LOG_WORTH_TELLING);
  }

  /** Everything that was received has been executed. */
  get drained(): boolean {
    return this.log.length === 0 && this.executing.length === 0;
  }

  get lagInstructions(): bigint {
    return this.received === null ? 0n : this.receivedInstant - this.point.instant;
  }

  /** When the oldest record came that is not executed; null: there is none. */
  get lagSinceUs(): number | null {
    return this.executing[0]?.receivedUs ?? this.log[0]?.receivedUs ?? null;
  }

  inputNext(inputSession: string): bigint {
    return this.sessions.next(inputSession) ?? 0n;
  }

  /** As many as the engine takes; none, where it does something else. */
  executeNext(nowUs: number): void {
    while (this.engine.takesEpoch) {
      const received = this.log.shift();
      if (received === undefined) return;
      this.execute(received, nowUs);
    }
  }

  /** Rules P5 and P6: an epoch runs when its record is here, with the primary's clock and inputs, to the primary's instant. */
  private execute(received: Received, nowUs: number): void {
    const { record } = received;
    const due = this.point.epoch + BigInt(this.executing.length);
    assert(record.epoch === due, () => `epoch ${record.epoch} is executed where ${due} is due`);
    for (const input of record.inputs) {
      if (input.kind === "console" || input.kind === "resize") this.sessions.delivered(input);
      else if (input.kind === "wallClock") this.wallClock.delivered(input, record.clock.time);
    }
    this.engine.begin("runEpoch");
    if (this.executing.length === 0) this.runsSinceUs = nowUs;
    this.executing.push(received);
    this.outbox.emit({
      kind: "runEpoch",
      epoch: record.epoch,
      limitInstant: record.endInstant,
      exact: true,
      clock: record.clock,
      inputs: record.inputs,
      wantHash: record.stateHash !== null,
    });
  }

  /** @returns the record of the epoch that has ended, and whether it has ended as the primary's did: only then the guest has come on */
  ended(ended: EpochEnded, nowUs: number): { readonly record: EpochRecord; readonly equal: boolean } {
    this.engine.end("runEpoch");
    const executed = this.executing.shift();
    assert(executed !== undefined && ended.begun === null, "an epoch that ends was executed, and a backup's engine begins none by itself");
    const { record, receivedUs } = executed;
    this.pacing.observe(ended.endInstant - this.point.instant, nowUs - this.runsSinceUs);
    this.runsSinceUs = nowUs;
    if (ended.endInstant !== record.endInstant || ended.stateHash !== record.stateHash) return { record, equal: false };
    this.point = {
      epoch: record.epoch + 1n,
      instant: ended.endInstant,
      time: ended.time,
      wakeTime: ended.wakeTime,
      waiting: ended.reason === "wfi",
      consoleEnd: ended.consoleEnd,
    };
    if (record.stateHash !== null) this.foundEqual(record.endInstant, record.stateHash);
    this.inputRoom = ended.inputRoom;
    this.entropyWanted = ended.entropyWanted;
    this.applied = record.epoch;
    this.keep(record);
    this.executionDelay.observe(nowUs - receivedUs);
    this.guestHalt = ended.halt;
    return { record, equal: true };
  }

  private keep(record: EpochRecord): void {
    if (!this.keepsTail) return;
    this.tail.push(record);
    if (this.tail.length > 2 * TAIL_RECORDS) this.tail.splice(0, TAIL_RECORDS);
  }

  private foundEqual(instant: bigint, stateHash: bigint): void {
    this.verified = { instant, stateHash };
    this.hashesCompared++;
  }

  /** There are other backups, who may lack what this one has executed when it is promoted; or there are none any more. */
  set hasOthers(hasOthers: boolean) {
    this.keepsTail = hasOthers;
    if (!hasOthers) this.tail = [];
  }

  /** What those need who go on with it, once it is drained. */
  get history(): Pick<Inheritance, "author" | "log"> {
    assert(this.drained && this.author !== null, "a log that is drained came from somebody");
    return { author: this.author, log: this.tail };
  }

  /** What a primary takes over of it, once it is drained. */
  handOver(): Pick<PrimaryStart, "point" | "sessions" | "inputRoom" | "entropyWanted" | "wallClock" | "pacing" | "guestHalt"> {
    assert(this.drained, "the log is drained before promotion");
    const { point, sessions, inputRoom, entropyWanted, wallClock, pacing, guestHalt } = this;
    return { point, sessions, inputRoom, entropyWanted, wallClock, pacing, guestHalt };
  }
}
