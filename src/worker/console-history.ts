/**
 * The console output of a replica that is kept, addressed by its offset in the VM's output since creation: the first bytes of its guest,
 * and the newest ones.
 *
 *     base       head's end      oldest            released            end
 *      |  may be read |  not kept   |  may be read     |  waits for acks  |
 *      v              v             v                  v                  v
 *      [==============]    ...      [==================|==================]---
 *
 * Byte N is the same byte on every replica, so whoever is primary can serve any reader from any offset that is still
 * held. `release` moves only forward and only as the output rule allows; the bytes above it leave nobody's hands. The machine knows
 * nothing of this: how much is kept may differ between replicas, and what a backup lacks of it its primary sends when they pair.
 */
import { assert } from "../base/assert.ts";
import { HeadBuffer } from "../base/head-buffer.ts";

/** How much of a console's history is kept for readers who come late or fall behind. */
export interface ConsoleRetention {
  /** First bytes of the guest. */
  readonly headBytes: number;
  /** Newest bytes. */
  readonly tailBytes: number;
}

/** What a machine holds of its own output: a backup that joins has it. */
const MACHINE_RING_BYTES = 256 * 1024;

export const DEFAULT_RETENTION: ConsoleRetention = { headBytes: 0, tailBytes: MACHINE_RING_BYTES };

/** Released bytes that are there at least for those who are reading: a burst is longer than a short tail. */
const STREAMING_BYTES = MACHINE_RING_BYTES;

/** A backup does not know what its primary has released: it keeps this much, and a primary that waits for acks too. */
export const CONSOLE_UNRELEASED_BYTES = 4 * 1024 * 1024;

export class ConsoleHistory {
  /** Ring, length a power of two: the byte at offset N is at `N mod length`. */
  private ring = new Uint8Array(4096);
  private first = 0n;
  private next = 0n;
  private releasedTo = 0n;
  private readonly head: HeadBuffer;
  private tailBytes: number;

  constructor(base: bigint, { headBytes, tailBytes }: ConsoleRetention) {
    this.head = new HeadBuffer(base, headBytes);
    this.tailBytes = tailBytes;
    this.reset(base, new Uint8Array(0));
  }

  get retention(): ConsoleRetention {
    return { headBytes: this.head.limit, tailBytes: this.tailBytes };
  }

  /** Offset of the guest's first byte. */
  get base(): bigint {
    return this.head.start;
  }

  /** Offset of the first of the newest bytes. */
  get oldest(): bigint {
    return max(this.first, this.released - BigInt(this.tailBytes));
  }

  /** Offset of the first byte that is kept. */
  get start(): bigint {
    return this.head.end > this.head.start ? this.head.start : this.oldest;
  }

  /** Where somebody who comes and wants the bytes from `offset` on gets some: there, or behind what is not kept. */
  keptFrom(offset: bigint): bigint {
    return this.headHolds(offset) ? offset : max(offset, offset < this.head.start ? this.start : this.oldest);
  }

  /** The same for somebody who is reading: he gets what is not dropped yet. */
  heldFrom(offset: bigint): bigint {
    return this.headHolds(offset) ? offset : max(offset, this.first);
  }

  /** Offset after the last byte that the guest has written. */
  get end(): bigint {
    return this.next;
  }

  /** Bytes below may be read. */
  get released(): bigint {
    return min(this.releasedTo, this.next);
  }

  /** Starts again with what a joined backup's machine holds. */
  reset(offset: bigint, bytes: Uint8Array): void {
    this.first = offset;
    this.next = offset;
    this.append(offset, bytes);
  }

  /** Another retention, for what is kept from now on: what is over it is dropped, what was dropped does not come back. */
  retain({ headBytes, tailBytes }: ConsoleRetention): void {
    this.head.setLimit(headBytes);
    // Where the newest bytes lie next to the head, it may be longer than it was.
    if (this.head.end >= this.first && this.head.end < this.next) this.head.append(this.head.end, this.copy(this.head.end, headBytes));
    this.tailBytes = tailBytes;
    this.first = this.oldestKept(this.next);
    this.shrink();
  }

  /** Older bytes, as the primary sends them: they lie next to what is held, on either side of what is not kept. */
  backfill(offset: bigint, bytes: Uint8Array): void {
    this.head.append(offset, bytes);
    const end = offset + BigInt(bytes.length);
    if (offset >= this.first || end < this.first) return;
    const from = max(offset, this.next - BigInt(Math.max(this.tailBytes, CONSOLE_UNRELEASED_BYTES)));
    if (from >= this.first) return;
    if (this.next - from > BigInt(this.ring.length)) this.grow(Number(this.next - from));
    this.write(from, bytes.subarray(Number(from - offset), Number(this.first - offset)));
    this.first = from;
  }

  /**
   * What a backup that has joined lacks of the released history, which is what its machine does not hold, in pieces: the tail backwards,
   * then the head from its beginning, so that each lies next to what is there.
   */
  *lackedByBackup(maxBytes: number): Generator<{ readonly offset: bigint; readonly bytes: Uint8Array }> {
    // It had joined before the guest wrote the newest of these, so it holds more; what comes twice is dropped.
    const known = min(this.next - BigInt(MACHINE_RING_BYTES), this.released);
    if (known <= this.head.start) return;
    for (let end = known; end > this.oldest; ) {
      const offset = max(this.oldest, end - BigInt(maxBytes));
      const bytes = this.read(offset, Number(end - offset));
      if (BigInt(bytes.length) < end - offset) return;
      yield { offset, bytes };
      end = offset;
    }
    for (let offset = this.head.start; offset < min(this.head.end, this.released); ) {
      const bytes = this.read(offset, Math.min(maxBytes, Number(this.head.end - offset)));
      yield { offset, bytes };
      offset += BigInt(bytes.length);
    }
  }

  append(offset: bigint, bytes: Uint8Array): void {
    assert(offset === this.next, () => `console bytes at ${offset} follow those that end at ${this.next}`);
    if (bytes.length === 0) return;
    this.head.append(offset, bytes);
    const end = offset + BigInt(bytes.length);
    this.first = this.oldestKept(end);
    const kept = end - offset > end - this.first ? bytes.subarray(bytes.length - Number(end - this.first)) : bytes;
    if (end - this.first > BigInt(this.ring.length)) this.grow(Number(end - this.first));
    this.write(end - BigInt(kept.length), kept);
    this.next = end;
  }

  release(upTo: bigint): void {
    assert(upTo >= this.releasedTo, () => `output is released up to ${this.releasedTo}, ${upTo} would take it back`);
    this.releasedTo = upTo;
    this.first = this.oldestKept(this.next);
  }

  /** A copy of at most `maxBytes` released bytes from `from` on, which is held; to the end of the head at most. Empty: nothing to read yet. */
  read(from: bigint, maxBytes: number): Uint8Array {
    assert(from >= this.first || this.headHolds(from), () => `console bytes from ${from} are gone, the oldest is ${this.first}`);
    const available = this.released - from;
    if (available <= 0n) return new Uint8Array(0);
    const length = available < BigInt(maxBytes) ? Number(available) : maxBytes;
    return from < this.first ? this.head.read(from, length) : this.copy(from, length);
  }

  private index(offset: bigint): number {
    return Number(offset & BigInt(this.ring.length - 1));
  }

  private write(offset: bigint, bytes: Uint8Array): void {
    const at = this.index(offset);
    const head = Math.min(bytes.length, this.ring.length - at);
    this.ring.set(bytes.subarray(0, head), at);
    this.ring.set(bytes.subarray(head), 0);
  }

  private headHolds(offset: bigint): boolean {
    return offset >= this.head.start && offset < this.head.end;
  }

  /** Released or not. */
  private copy(from: bigint, maxBytes: number): Uint8Array {
    const length = Math.min(maxBytes, Number(this.next - from));
    const out = new Uint8Array(length);
    const at = this.index(from);
    const head = this.ring.subarray(at, Math.min(at + length, this.ring.length));
    out.set(head);
    out.set(this.ring.subarray(0, length - head.length), head.length);
    return out;
  }

  /** Released bytes up to the tail's length, unreleased ones up to `CONSOLE_UNRELEASED_BYTES`. */
  private oldestKept(end: bigint): bigint {
    const wanted = min(end - BigInt(Math.max(this.tailBytes, STREAMING_BYTES)), this.releasedTo);
    const bound = end - BigInt(Math.max(this.tailBytes, CONSOLE_UNRELEASED_BYTES));
    return max(this.first, max(wanted, bound));
  }

  /** Gives memory back that a longer tail took. */
  private shrink(): void {
    let capacity = 4096;
    while (BigInt(capacity) < this.next - this.first) capacity *= 2;
    if (capacity < this.ring.length) this.resize(capacity);
  }

  private grow(bytes: number): void {
    let capacity = this.ring.length;
    while (capacity < bytes) capacity *= 2;
    this.resize(capacity);
  }

  private resize(capacity: number): void {
    const old = this.ring;
    const from = this.next - this.first > 0n ? this.first : this.next;
    const parts: Uint8Array[] = [];
    const at = this.index(from);
    const length = Number(this.next - from);
    const head = Math.min(length, old.length - at);
    parts.push(old.slice(at, at + head), old.slice(0, length - head));
    this.ring = new Uint8Array(capacity);
    let offset = from;
    for (const part of parts) {
      this.write(offset, part);
      offset += BigInt(part.length);
    }
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
