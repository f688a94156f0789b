/**
 * A guest small enough to be obviously deterministic, with everything that the protocol cares about: it counts, reads the
 * clock, prints, consumes input, writes memory, waits for its timer, asks for entropy, powers off.
 *
 * It acts at every 20,000th instruction. What it prints is a sequence of pairs: `tag, byte`, where tag 0 is its own chatter
 * (a function of all of its past, clock readings included) and tag n echoes a byte of input session n. Inside it counts with
 * numbers, which are exact here and ten times as fast as bigints.
 *
 * Its state travels as bytes: memory by page while it runs, and at the last capture everything else as well.
 */
import {
  CLOCK_RATE_INSTRUCTIONS,
  type ClockSample,
  type EpochEnd,
  type EpochInput,
  type GuestHalt,
  type SessionInput,
  type TerminalSize,
} from "../../src/engine/epoch.ts";
import type { Chance } from "./chance.ts";
import { type CapturedState, type Guest, type GuestKind, sessionId, sessionNumber, type TranscriptReader } from "./guest.ts";

const QUANTUM = 20_000;
const INPUT_RING_BYTES = 256;
const CONSOLE_RING_BYTES = 1024;
const SESSIONS_MAX = 64;
/** Consuming this byte powers the guest off. */
const POWER_OFF = 0xff;

const PAGES = 32;
const PAGE_WORDS = 4;
/** One page here stands for so many of a real guest, so that transfers take several rounds and end when little is left. */
const PAGES_REPORTED = 64;
/** Pages of one capture while it runs. */
const CAPTURE_PAGES = 20;

const PART_PAGES = 0;
const PART_REST = 1;

const FLAG_WAITING = 1;
const FLAG_HALTED = 2;
const NO_WAKE = -1;

export const MODEL_GUESTS: GuestKind = {
  name: "model",
  sessionsMax: 200,
  instructionsPerUs: 100,
  powerOff: POWER_OFF,
  create: () => new ModelGuest(),
  createEmpty: () => new ModelGuest(),
  typedByte: (session, offset) => resizedTo(session, offset)?.cols ?? (offset * 7 + session * 131 + (offset >> 5)) % 250,
  resizedTo,
  reader: () => new PairReader(),
};

function resizedTo(session: number, offset: number): TerminalSize | null {
  const turn = offset + session * 17;
  return turn % 37 === 5 ? { cols: 1 + (turn % 249), rows: 1 + (turn % 50) } : null;
}

class PairReader implements TranscriptReader {
  private tag: number | null = null;

  read(output: Uint8Array, echo: (session: number, byte: number) => void): void {
    for (const byte of output) {
      if (this.tag === null) this.tag = byte;
      else {
        if (this.tag !== 0) echo(this.tag, byte);
        this.tag = null;
      }
    }
  }
}

/** What a hash has come to: here and not in objects, because every epoch of every replica is hashed. */
let hashLow = 0;
let hashHigh = 0;

function hashWord(value: number): void {
  hashLow = Math.imul(hashLow ^ value, 0x0100_0193);
  hashHigh = Math.imul(hashHigh ^ (value >>> 15) ^ hashLow, 0x85eb_ca6b);
}

function hashLong(value: number): void {
  hashWord(value | 0);
  hashWord(Math.floor(value / 0x1_0000_0000));
}

class ModelGuest implements Guest {
  private at = 0;
  private ticks = 0;
  private wakeTicks = NO_WAKE;
  private waiting = false;
  private mixedLow = 0x9e37_79b9;
  private mixedHigh = 0x7f4a_7c15;
  private readonly memory = new Uint32Array(PAGES * PAGE_WORDS);
  private memoryHash = 0;
  /** Pages that a transfer has not captured, or that were written since. */
  private dirty = 0;
  private captureAt = 0;
  private round = 1;
  private sessions = new Map<string, bigint>();
  /** Tag and byte of what was typed and not consumed. */
  private ring: number[] = [];
  private readonly console = new Uint8Array(CONSOLE_RING_BYTES);
  private written = 0;
  private startAt = 0;
  private startTicks = 0;
  private rate = 0;
  halt: GuestHalt | null = null;
  entropyWanted = 0;
  wallOffsetNs = 0n;

  get instant(): bigint {
    return BigInt(this.at);
  }

  get time(): bigint {
    return BigInt(this.ticks);
  }

  get wakeTime(): bigint | null {
    return this.wakeTicks === NO_WAKE ? null : BigInt(this.wakeTicks);
  }

  get consoleEnd(): bigint {
    return BigInt(this.written);
  }

  get inputRoom(): number {
    return INPUT_RING_BYTES - this.ring.length / 2;
  }

  inputSessions(): ReadonlyMap<string, bigint> {
    return this.sessions;
  }

  begin(clock: ClockSample, inputs: readonly EpochInput[]): void {
    const ticks = Number(clock.time);
    if (ticks < this.ticks) throw new Error(`guest time goes back from ${this.ticks} to ${ticks}`);
    if (this.halt !== null) throw new Error("a guest that powered off is run again");
    this.startAt = this.at;
    this.startTicks = ticks;
    this.rate = clock.rate;
    let wakes = this.wakeTicks !== NO_WAKE && this.wakeTicks <= ticks;
    for (const input of inputs) {
      this.deliver(input, clock.time);
      if (input.kind !== "wallClock") wakes = true;
    }
    if (this.waiting && wakes) {
      this.waiting = false;
      this.wakeTicks = NO_WAKE;
    }
    this.ticks = ticks;
  }

  run(untilInstant: bigint, exact: boolean): EpochEnd {
    const until = Number(untilInstant);
    const printedBefore = this.written;
    while (this.at < until && !this.waiting && this.halt === null) {
      if (this.at % QUANTUM === 0) {
        this.act(this.now());
        this.at++;
      } else {
        if (!exact && this.written !== printedBefore) break;
        this.at = Math.min(until, (Math.floor(this.at / QUANTUM) + 1) * QUANTUM);
      }
    }
    this.ticks = this.now();
    if (this.halt !== null) return "halted";
    if (this.waiting) return "wfi";
    return this.at < until ? "output" : "limit";
  }

  readConsole(from: bigint): Uint8Array {
    const start = Number(from);
    if (start < this.written - CONSOLE_RING_BYTES || start > this.written) throw new Error(`console bytes from ${start} are not held`);
    const bytes = new Uint8Array(this.written - start);
    for (let at = start; at < this.written; at++) bytes[at - start] = this.console[at % CONSOLE_RING_BYTES] as number;
    return bytes;
  }

  hash(): bigint {
    hashLow = this.mixedLow;
    hashHigh = this.mixedHigh ^ this.memoryHash;
    hashLong(this.at);
    hashLong(this.ticks);
    hashLong(this.wakeTicks);
    hashLong(this.written);
    hashWord((this.waiting ? FLAG_WAITING : 0) | (this.halt === null ? 0 : FLAG_HALTED));
    hashWord(this.entropyWanted);
    if (this.wallOffsetNs !== 0n) hashLong(Number(BigInt.asUintN(52, this.wallOffsetNs)));
    for (const value of this.ring) hashWord(value);
    for (const [session, next] of this.sessions) {
      hashWord(sessionNumber(session));
      hashLong(Number(next));
    }
    return (BigInt(hashLow >>> 0) << 32n) | BigInt(hashHigh >>> 0);
  }

  capture(first: boolean, _maxBytes: number, final: boolean): CapturedState {
    if (first) {
      this.dirty = -1;
      this.captureAt = 0;
      this.round = 1;
    }
    const pages = this.takePages(final ? PAGES : CAPTURE_PAGES);
    let left = 0;
    for (let rest = this.dirty; rest !== 0; rest &= rest - 1) left++;
    return { parts: final ? [pages, this.takeRest()] : [pages], pagesLeft: left * PAGES_REPORTED, round: this.round };
  }

  endCapture(): void {
    this.dirty = 0;
  }

  apply(pages: Uint8Array): void {
    const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
    if (view.getUint8(0) === PART_PAGES) this.putPages(view);
    else this.putRest(view);
  }

  restored(): void {
    this.dirty = 0;
  }

  flipBit(chance: Chance): void {
    const word = chance.below(PAGES * PAGE_WORDS);
    this.store(word, (this.memory[word] as number) ^ (1 << chance.below(32)));
  }

  release(): void {}

  // --- state as bytes ----------------------------------------------------------------------------------------------

  private takePages(atMost: number): Uint8Array {
    const taken: number[] = [];
    while (this.dirty !== 0 && taken.length < atMost) {
      const page = this.captureAt;
      if ((this.dirty & (1 << page)) !== 0) taken.push(page);
      this.dirty &= ~(1 << page);
      this.captureAt = (page + 1) % PAGES;
      if (this.captureAt === 0) this.round++;
    }
    const view = new DataView(new ArrayBuffer(1 + taken.length * (1 + 4 * PAGE_WORDS)));
    view.setUint8(0, PART_PAGES);
    let at = 1;
    for (const page of taken) {
      view.setUint8(at++, page);
      for (let word = page * PAGE_WORDS; word < (page + 1) * PAGE_WORDS; word++, at += 4) view.setUint32(at, this.memory[word] as number);
    }
    return new Uint8Array(view.buffer);
  }

  private putPages(view: DataView): void {
    for (let at = 1; at < view.byteLength; ) {
      const page = view.getUint8(at++);
      for (let word = page * PAGE_WORDS; word < (page + 1) * PAGE_WORDS; word++, at += 4) this.store(word, view.getUint32(at));
    }
  }

  private takeRest(): Uint8Array {
    const console = this.readConsole(BigInt(Math.max(0, this.written - CONSOLE_RING_BYTES)));
    const view = new DataView(new ArrayBuffer(1 + 60 + this.ring.length + this.sessions.size * 10 + console.length));
    view.setUint8(0, PART_REST);
    view.setFloat64(1, this.at);
    view.setFloat64(9, this.ticks);
    view.setFloat64(17, this.wakeTicks);
    view.setFloat64(25, this.written);
    view.setInt32(33, this.mixedLow);
    view.setInt32(37, this.mixedHigh);
    view.setBigInt64(41, this.wallOffsetNs);
    view.setUint16(49, this.entropyWanted);
    view.setUint16(51, (this.waiting ? FLAG_WAITING : 0) | (this.halt === null ? 0 : FLAG_HALTED));
    view.setUint16(53, this.ring.length);
    view.setUint16(55, this.sessions.size);
    view.setUint32(57, console.length);
    let at = 61;
    for (const value of this.ring) view.setUint8(at++, value);
    for (const [session, next] of this.sessions) {
      view.setUint16(at, sessionNumber(session));
      view.setFloat64(at + 2, Number(next));
      at += 10;
    }
    const bytes = new Uint8Array(view.buffer);
    bytes.set(console, at);
    return bytes;
  }

  private putRest(view: DataView): void {
    this.at = view.getFloat64(1);
    this.ticks = view.getFloat64(9);
    this.wakeTicks = view.getFloat64(17);
    this.written = view.getFloat64(25);
    this.mixedLow = view.getInt32(33);
    this.mixedHigh = view.getInt32(37);
    this.wallOffsetNs = view.getBigInt64(41);
    this.entropyWanted = view.getUint16(49);
    const flags = view.getUint16(51);
    this.waiting = (flags & FLAG_WAITING) !== 0;
    this.halt = (flags & FLAG_HALTED) !== 0 ? "poweroff" : null;
    const ringLength = view.getUint16(53);
    const sessions = view.getUint16(55);
    const consoleLength = view.getUint32(57);
    let at = 61;
    this.ring = [];
    for (let count = 0; count < ringLength; count++) this.ring.push(view.getUint8(at++));
    this.sessions = new Map();
    for (let count = 0; count < sessions; count++, at += 10) {
      this.sessions.set(sessionId(view.getUint16(at)), BigInt(view.getFloat64(at + 2)));
    }
    for (let offset = this.written - consoleLength; offset < this.written; offset++) {
      this.console[offset % CONSOLE_RING_BYTES] = view.getUint8(at++);
    }
  }

  // --- the program -------------------------------------------------------------------------------------------------

  private now(): number {
    return this.startTicks + Math.floor(((this.at - this.startAt) * this.rate) / CLOCK_RATE_INSTRUCTIONS);
  }

  private deliver(input: EpochInput, time: bigint): void {
    switch (input.kind) {
      case "console":
        this.type(input, input.bytes);
        return;
      case "resize":
        this.mix(input.size.cols);
        this.mix(input.size.rows);
        // So that it is seen, in its place: as a byte that was typed.
        this.type(input, [input.size.cols]);
        return;
      case "wallClock":
        this.wallOffsetNs = input.unixNs - time * 100n;
        return;
      case "entropy":
        if (input.bytes.length !== this.entropyWanted) {
          throw new Error(`${input.bytes.length} bytes of entropy are delivered where ${this.entropyWanted} are wanted`);
        }
        this.entropyWanted = 0;
        for (const byte of input.bytes) this.mix(byte);
        return;
      case "sysRq":
        this.mix(input.key.charCodeAt(0));
        return;
    }
  }

  private type({ inputSession, offset }: SessionInput, bytes: ArrayLike<number> & Iterable<number>): void {
    const next = this.sessions.get(inputSession);
    if (bytes.length > this.inputRoom) throw new Error(`${bytes.length} bytes are delivered into a ring with room for ${this.inputRoom}`);
    if (next === undefined && this.sessions.size >= SESSIONS_MAX) {
      const leastRecentlyUsed = this.sessions.keys().next().value as string;
      this.sessions.delete(leastRecentlyUsed);
    }
    this.sessions.delete(inputSession);
    this.sessions.set(inputSession, offset + BigInt(bytes.length));
    const tag = sessionNumber(inputSession);
    for (const byte of bytes) this.ring.push(tag, byte);
  }

  private mix(value: number): void {
    this.mixedLow = Math.imul(this.mixedLow ^ value, 0x1ce4_e5b9);
    this.mixedLow ^= this.mixedLow >>> 15;
    this.mixedHigh = Math.imul((this.mixedHigh + this.mixedLow) | 0, 0x85eb_ca6b);
    this.mixedHigh ^= this.mixedHigh >>> 13;
  }

  private store(word: number, value: number): void {
    this.memoryHash ^= Math.imul((this.memory[word] as number) ^ (word << 20), 0x9e37_79b1) ^ Math.imul(value ^ (word << 20), 0x9e37_79b1);
    this.memory[word] = value;
    this.dirty |= 1 << (word >> 2);
  }

  private act(now: number): void {
    const word = this.mixedLow & (PAGES * PAGE_WORDS - 1);
    this.mix((now + this.at + (this.memory[word] as number)) | 0);
    this.store(word, this.mixedHigh >>> 0);
    const tag = this.ring.shift();
    if (tag !== undefined) {
      const byte = this.ring.shift() as number;
      this.print(tag, byte);
      this.mix(byte);
      if (byte === POWER_OFF) this.halt = "poweroff";
      return;
    }
    const choice = this.mixedHigh & 0xff;
    if (choice < 60) this.print(0, (this.mixedHigh >>> 8) & 0xff);
    else if (choice < 63) {
      // Its driver waits for the bytes; it may have other things to do meanwhile, or not.
      this.entropyWanted = 1 + ((this.mixedHigh >>> 8) & 0x3f);
      this.waiting = choice < 62;
    } else if (choice < 68) {
      this.waiting = true;
      this.wakeTicks = choice < 67 ? now + 10_000 * (1 + ((this.mixedHigh >>> 16) & 0xf)) : now + 1_000_000;
    }
  }

  private print(tag: number, byte: number): void {
    this.console[this.written++ % CONSOLE_RING_BYTES] = tag;
    this.console[this.written++ % CONSOLE_RING_BYTES] = byte;
  }
}
