/**
 * Invariant 2: what was released, by all primaries together, is what one guest prints that never failed and was given the same
 * inputs; what clients typed appears in it in order and once, and what was acknowledged to them is never lost.
 *
 * The guest that never failed is here: it follows the log of whoever releases, epoch by epoch, and prints the same.
 */
import type { Guest, GuestKind, TranscriptReader } from "../guest.ts";
import { sessionId } from "../guest.ts";
import { consoleEndOf, type ExecutedEpoch, extendDigest } from "../history.ts";
import { Violation } from "./violation.ts";

const NAME = "released output";

export class ReleasedOutput {
  private bytes: Uint8Array = new Uint8Array(4096);
  private count = 0;
  private readonly reference: Guest;
  private readonly reader: TranscriptReader;
  private nextEpoch = 0n;
  private digest = 0;
  private printed = 0;
  private readonly echoed = new Map<number, number>();
  private readonly acknowledgedNext = new Map<number, bigint>();

  constructor(private readonly kind: GuestKind) {
    this.reference = kind.create();
    this.reader = kind.reader();
  }

  /** Bytes released so far. */
  get length(): number {
    return this.count;
  }

  at(offset: number): number {
    return this.bytes[offset] as number;
  }

  echoes(session: number): number {
    return this.echoed.get(session) ?? 0;
  }

  /** Highest offset acknowledged to the session's client. */
  acknowledgedTo(session: number): bigint {
    return this.acknowledgedNext.get(session) ?? 0n;
  }

  /**
   * @param from what this replica had released before
   * @returns the epoch that holds the last of it, or null where nothing is new
   */
  released(replica: string, from: number, upTo: number, newest: ExecutedEpoch | null): ExecutedEpoch | null {
    if (consoleEndOf(newest) < upTo)
      throw new Violation(NAME, `${replica} releases up to ${upTo}, its guest wrote ${consoleEndOf(newest)}`);
    const known = this.count;
    let covering: ExecutedEpoch | null = null;
    for (let executed = newest; executed !== null && consoleEndOf(executed) > from; executed = executed.before) {
      if (consoleEndOf(executed) >= upTo) covering = executed;
      const end = Math.min(known, upTo, consoleEndOf(executed));
      for (let offset = Math.max(from, executed.consoleStart); offset < end; offset++) {
        const byte = executed.output[offset - executed.consoleStart];
        if (byte !== this.bytes[offset]) throw new Violation(NAME, `byte ${offset} was ${this.bytes[offset]}, ${replica} releases ${byte}`);
      }
    }
    if (upTo <= known || covering === null) return null;
    this.follow(replica, covering);
    this.append(upTo, covering);
    return covering;
  }

  /** The client has been told that everything below `next` is safe. */
  acknowledged(session: number, next: bigint): void {
    if (next > this.acknowledgedTo(session)) this.acknowledgedNext.set(session, next);
  }

  /** Whoever becomes primary has everything that was acknowledged. */
  promoted(replica: string, guest: Guest): void {
    const sessions = guest.inputSessions();
    for (const [session, next] of this.acknowledgedNext) {
      const delivered = sessions.get(sessionId(session));
      if (delivered === undefined && sessions.size >= 60) continue; // forgotten for others
      if ((delivered ?? 0n) < next)
        throw new Violation(
          NAME,
          `${next} bytes of session ${session} were acknowledged, new primary ${replica} was given ${delivered ?? 0n}`,
        );
    }
  }

  /** The guest that never failed catches up with the log of whoever releases. */
  private follow(replica: string, covering: ExecutedEpoch): void {
    const due: ExecutedEpoch[] = [];
    let executed: ExecutedEpoch | null = covering;
    for (; executed !== null && executed.epoch >= this.nextEpoch; executed = executed.before) due.push(executed);
    if ((executed?.digest ?? 0) !== this.digest)
      throw new Violation(
        NAME,
        `${replica} releases what no continuation of the released history made: logs part before epoch ${this.nextEpoch}`,
      );
    for (const epoch of due.reverse()) this.run(epoch);
  }

  private run({ epoch, clock, inputs, endInstant, output }: ExecutedEpoch): void {
    const { reference } = this;
    reference.begin(clock, inputs);
    while (reference.run(endInstant, true) === "output");
    if (reference.instant !== endInstant)
      throw new Violation(NAME, `epoch ${epoch} ends at ${endInstant}, a guest that never failed at ${reference.instant}`);
    const printed = reference.readConsole(BigInt(this.printed));
    this.printed += printed.length;
    if (!equal(printed, output)) throw new Violation(NAME, `epoch ${epoch} printed what a guest that never failed does not`);
    this.nextEpoch = epoch + 1n;
    this.digest = extendDigest(this.digest, endInstant, clock, inputs);
    try {
      this.reader.read(printed, (session, byte) => this.echo(session, byte));
    } catch (error) {
      throw error instanceof Violation ? error : new Violation(NAME, (error as Error).message, { cause: error });
    }
  }

  private echo(session: number, byte: number): void {
    if (byte === this.kind.powerOff) return;
    const offset = this.echoed.get(session) ?? 0;
    const typed = this.kind.typedByte(session, offset);
    if (byte !== typed) throw new Violation(NAME, `echo ${offset} of session ${session} is ${byte}, typed was ${typed}`);
    this.echoed.set(session, offset + 1);
  }

  private append(upTo: number, covering: ExecutedEpoch): void {
    while (this.bytes.length < upTo) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    for (
      let executed: ExecutedEpoch | null = covering;
      executed !== null && consoleEndOf(executed) > this.count;
      executed = executed.before
    ) {
      const from = Math.max(this.count, executed.consoleStart);
      const to = Math.min(upTo, consoleEndOf(executed));
      this.bytes.set(executed.output.subarray(from - executed.consoleStart, to - executed.consoleStart), from);
    }
    this.count = upTo;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
