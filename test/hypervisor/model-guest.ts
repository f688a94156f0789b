/**
 * A guest small enough to be obviously deterministic, with everything that the protocol cares about: it counts, reads the
 * clock, prints, consumes input, waits for its timer, asks for entropy, powers off.
 *
 * It acts at every 5000th instruction. What it prints is a sequence of pairs: `tag, byte`, where tag 0 is its own chatter
 * (a function of all of its past, clock readings included) and tag n echoes a byte of input session n.
 */
import {
  CLOCK_RATE_INSTRUCTIONS,
  type ClockSample,
  type ConsoleInput,
  type EpochEnd,
  type EpochInput,
  type GuestHalt,
} from "../../src/engine/epoch.ts";
import { sessionNumber } from "../simulation/guest.ts";

const QUANTUM = 5000n;
/** Consuming this byte powers the guest off. */
export const POWER_OFF = 0xff;
export const RING_BYTES = 256;

export interface Run {
  readonly limitInstant: bigint;
  readonly clock: ClockSample;
  readonly inputs: readonly EpochInput[];
}

export interface RunEnd {
  readonly instant: bigint;
  readonly reason: EpochEnd;
  readonly time: bigint;
  readonly output: readonly number[];
}

export class ModelGuest {
  instant = 0n;
  time = 0n;
  consoleEnd = 0n;
  waiting = false;
  wakeTime: bigint | null = null;
  halt: GuestHalt | null = null;
  entropyWanted = 0;
  /** As the machine's: wall clock in ns = 100 * guest time + this. */
  wallOffsetNs = 0n;
  readonly sessions = new Map<string, bigint>();
  private readonly ring: (readonly [session: number, byte: number])[] = [];
  private mixed = 0x9e37_79b9_7f4a_7c15n;

  get inputRoom(): number {
    return RING_BYTES - this.ring.length;
  }

  clone(): ModelGuest {
    const copy = new ModelGuest();
    copy.instant = this.instant;
    copy.time = this.time;
    copy.consoleEnd = this.consoleEnd;
    copy.waiting = this.waiting;
    copy.wakeTime = this.wakeTime;
    copy.halt = this.halt;
    copy.entropyWanted = this.entropyWanted;
    copy.wallOffsetNs = this.wallOffsetNs;
    for (const [session, next] of this.sessions) copy.sessions.set(session, next);
    copy.ring.push(...this.ring);
    copy.mixed = this.mixed;
    return copy;
  }

  hash(): bigint {
    let hash = this.mixed;
    const add = (value: bigint) => {
      hash = BigInt.asUintN(64, (hash ^ value) * 0x100_0000_01b3n);
    };
    for (const value of [
      this.instant,
      this.time,
      this.consoleEnd,
      this.wakeTime ?? -1n,
      BigInt(this.ring.length),
      BigInt(this.entropyWanted),
      this.wallOffsetNs,
    ]) {
      add(value);
    }
    add(BigInt(this.waiting));
    for (const [session, next] of this.sessions) add(BigInt(sessionNumber(session)) + (next << 8n));
    return hash;
  }

  run({ limitInstant, clock, inputs }: Run): RunEnd {
    if (clock.time < this.time) throw new Error(`guest time goes back from ${this.time} to ${clock.time}`);
    if (this.halt !== null) throw new Error("a guest that powered off is run again");
    const start = this.instant;
    for (const input of inputs) this.deliver(input, clock.time);
    if (this.waiting && (inputs.some(({ kind }) => kind !== "wallClock") || (this.wakeTime !== null && this.wakeTime <= clock.time))) {
      this.waiting = false;
      this.wakeTime = null;
    }
    const output: number[] = [];
    const now = () => clock.time + ((this.instant - start) * BigInt(clock.rate)) / BigInt(CLOCK_RATE_INSTRUCTIONS);
    let reason: EpochEnd = "limit";
    while (this.instant < limitInstant && !this.waiting && this.halt === null) {
      if (this.instant % QUANTUM === 0n) {
        this.act(now(), output);
        this.instant += 1n;
      } else {
        const next = (this.instant / QUANTUM + 1n) * QUANTUM;
        this.instant = next < limitInstant ? next : limitInstant;
      }
    }
    if (this.halt !== null) reason = "halted";
    else if (this.waiting) reason = "wfi";
    this.time = now();
    this.consoleEnd += BigInt(output.length);
    return { instant: this.instant, reason, time: this.time, output };
  }

  private deliver(input: EpochInput, time: bigint): void {
    switch (input.kind) {
      case "console":
        this.type(input);
        return;
      case "wallClock":
        this.wallOffsetNs = input.unixNs - time * 100n;
        return;
      case "entropy":
        if (input.bytes.length !== this.entropyWanted) {
          throw new Error(`${input.bytes.length} bytes of entropy are delivered where ${this.entropyWanted} are wanted`);
        }
        this.entropyWanted = 0;
        for (const byte of input.bytes) this.mixed = BigInt.asUintN(64, (this.mixed ^ BigInt(byte)) * 0x100_0000_01b3n);
        return;
    }
  }

  private type({ inputSession, offset, bytes }: ConsoleInput): void {
    const next = this.sessions.get(inputSession);
    if ((next ?? 0n) !== offset) throw new Error(`session ${inputSession} goes on at ${next ?? 0n}, delivered is ${offset}`);
    if (bytes.length > this.inputRoom) throw new Error(`${bytes.length} bytes are delivered into a ring with room for ${this.inputRoom}`);
    if (next === undefined && this.sessions.size === 64) this.sessions.delete([...this.sessions.keys()][0] as string);
    this.sessions.delete(inputSession);
    this.sessions.set(inputSession, offset + BigInt(bytes.length));
    for (const byte of bytes) this.ring.push([sessionNumber(inputSession), byte]);
  }

  private act(now: bigint, output: number[]): void {
    this.mixed = BigInt.asUintN(64, (this.mixed ^ (now + this.instant)) * 0xbf58_476d_1ce4_e5b9n);
    this.mixed ^= this.mixed >> 29n;
    const consumed = this.ring.shift();
    if (consumed !== undefined) {
      output.push(consumed[0], consumed[1]);
      this.mixed ^= BigInt(consumed[1]) << 7n;
      if (consumed[1] === POWER_OFF) this.halt = "poweroff";
      return;
    }
    const choice = Number(this.mixed & 0xffn);
    if (choice < 40) output.push(0, Number((this.mixed >> 8n) & 0xffn));
    else if (choice < 43) {
      // Its driver waits for the bytes; it may have other things to do meanwhile, or not.
      this.entropyWanted = 1 + Number((this.mixed >> 8n) & 0x3fn);
      this.waiting = choice < 42;
    } else if (choice < 48) {
      this.waiting = true;
      this.wakeTime = choice < 47 ? now + 10_000n * (1n + ((this.mixed >> 16n) & 0xfn)) : now + 1_000_000n;
    }
  }
}
