/**
 * The output rule: what an epoch let out leaves only when every member of the wait set has acknowledged its record.
 *
 *     append(E) --every member acked E--> committed: console bytes up to its end and acks of its inputs may leave
 *
 * The wait set is the arbiter's synced set, and a newcomer from the instant of its state on. Acks are cumulative. With an
 * empty wait set a record commits at once. What a promoted backup begins with is as one record: it commits when the members that it
 * has from its predecessor have told where they stand. The guest never waits here; what waits is counted, so that the primary can
 * slow down before memory runs out.
 */
import { assert } from "../base/assert.ts";
import { DelayHistogram } from "../base/delay-histogram.ts";
import type { EpochInput, SessionInput } from "../engine/epoch.ts";
import { endOf, lengthOf } from "./input-buffer.ts";
import type { ReplicaId } from "./messages.ts";
import type { Inheritance } from "./succession.ts";

interface Outstanding {
  readonly epoch: bigint;
  readonly consoleEnd: bigint;
  readonly inputs: readonly EpochInput[];
  readonly recordedUs: number;
}

export interface Committed {
  /** Console bytes below this may leave. */
  readonly consoleEnd: bigint;
  /** Per input session: everything below this offset is in a committed record. */
  readonly inputNext: ReadonlyMap<string, bigint>;
}

export class OutputCommit {
  /** How long output waited for acks, from its record to its release; what nobody had to acknowledge is not in it. */
  readonly delay = new DelayHistogram();
  private outstanding: Outstanding[];
  private undurable = 0;
  /** Wait set: the newest epoch that each member has acknowledged; null: it has not told yet. */
  private readonly acked: Map<ReplicaId, bigint | null>;
  private readonly firstEpoch: bigint;

  /**
   * @param nextEpoch of the next record
   * @param committedEnd console bytes that were written before it
   * @param inherited members of whom nobody knows yet what they hold of that, and since when
   */
  constructor(
    private nextEpoch: bigint,
    private committedEnd: bigint,
    inherited: Pick<Inheritance, "members" | "sinceUs">,
  ) {
    this.firstEpoch = nextEpoch;
    this.acked = new Map(inherited.members.map((member) => [member, null]));
    this.outstanding = [{ epoch: nextEpoch - 1n, consoleEnd: committedEnd, inputs: [], recordedUs: inherited.sinceUs }];
  }

  /** What it began with may be seen outside. */
  get hasBegun(): boolean {
    const oldest = this.outstanding[0];
    return oldest === undefined || oldest.epoch >= this.firstEpoch;
  }

  get empty(): boolean {
    return this.outstanding.length === 0;
  }

  /** Bytes of input in records that are not committed. */
  get undurableInputBytes(): number {
    return this.undurable;
  }

  /** Everything the outside may see: console bytes below this have been committed. */
  get consoleEnd(): bigint {
    return this.committedEnd;
  }

  append(epoch: bigint, consoleEnd: bigint, inputs: readonly EpochInput[], nowUs: number): void {
    assert(epoch === this.nextEpoch, () => `epoch ${epoch} is recorded where ${this.nextEpoch} was due`);
    this.nextEpoch += 1n;
    this.outstanding.push({ epoch, consoleEnd, inputs, recordedUs: nowUs });
    for (const input of sessionInputs(inputs)) this.undurable += lengthOf(input);
  }

  /** A member enters the wait set; what is recorded before now does not wait for it. */
  enter(member: ReplicaId): void {
    assert(!this.acked.has(member), () => `${member} is in the wait set already`);
    this.acked.set(member, this.nextEpoch - 1n);
  }

  leave(member: ReplicaId): void {
    this.acked.delete(member);
  }

  acknowledge(member: ReplicaId, epoch: bigint): void {
    const before = this.acked.get(member);
    assert(before !== undefined, () => `${member} is not in the wait set`);
    assert(epoch < this.nextEpoch, () => `${member} acknowledges epoch ${epoch}, ${this.nextEpoch} is not recorded yet`);
    if (before === null || epoch > before) this.acked.set(member, epoch);
  }

  /** Takes out what every member has acknowledged. @returns null: nothing more than before */
  commit(nowUs: number): Committed | null {
    let upTo = this.nextEpoch - 1n;
    for (const epoch of this.acked.values()) {
      if (epoch === null) return null;
      if (epoch < upTo) upTo = epoch;
    }
    let count = 0;
    const inputNext = new Map<string, bigint>();
    for (const { epoch, consoleEnd, inputs, recordedUs } of this.outstanding) {
      if (epoch > upTo) break;
      count++;
      if (this.acked.size > 0 && consoleEnd > this.committedEnd) this.delay.observe(nowUs - recordedUs);
      this.committedEnd = consoleEnd;
      for (const input of sessionInputs(inputs)) {
        this.undurable -= lengthOf(input);
        inputNext.set(input.inputSession, endOf(input));
      }
    }
    if (count === 0) return null;
    this.outstanding.splice(0, count);
    return { consoleEnd: this.committedEnd, inputNext };
  }

  /** When the oldest record was made that this member has not acknowledged; without a member: that is not committed. */
  oldestUnackedUs(member?: ReplicaId): number | null {
    const acked = member === undefined ? null : (this.acked.get(member) ?? null);
    for (const { epoch, recordedUs } of this.outstanding) if (acked === null || epoch > acked) return recordedUs;
    return null;
  }

  /** Offset below which the session's bytes are committed, given the offset below which they are in some record. */
  durableInput(inputSession: string, recorded: bigint): bigint {
    for (const { inputs } of this.outstanding) {
      const first = sessionInputs(inputs).find((input) => input.inputSession === inputSession);
      if (first !== undefined) return first.offset;
    }
    return recorded;
  }
}

/** What clients said, of all that an epoch delivers: only that is acknowledged to anybody. */
export function sessionInputs(inputs: readonly EpochInput[]): readonly SessionInput[] {
  return inputs.filter((input) => input.kind === "console" || input.kind === "resize");
}
