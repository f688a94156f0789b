/**
 * The newest console output of a replica, addressed by its offset in the VM's output since creation.
 *
 *      oldest            released            end
 *        |  may be read     |  waits for acks  |
 *        v                  v                  v
 *     ---[==================|==================]---
 *
 * Byte N is the same byte on every replica, so whoever is primary can serve any reader from any offset that is still
 * held. `release` moves only forward and only as the output rule allows; the bytes above it leave nobody's hands.
 */
import { assert } from "../base/assert.ts";

/** Released bytes that are kept for readers who come late or fall behind. */
export const CONSOLE_HISTORY_BYTES = 256 * 1024;

/** A backup does not know what its primary has released: it keeps this much, and a primary that waits for acks too. */
export const CONSOLE_UNRELEASED_BYTES = 4 * 1024 * 1024;

export class ConsoleHistory {
  /** Ring, length a power of two: the byte at offset N is at `N mod length`. */
  private ring = new Uint8Array(4096);
  private first = 0n;
  private next = 0n;
  private releasedTo = 0n;

  /** Offset of the first byte that is held. */
  get oldest(): bigint {
    return this.first;
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

  append(offset: bigint, bytes: Uint8Array): void {
    assert(offset === this.next, `console bytes at ${offset} follow those that end at ${this.next}`);
    if (bytes.length === 0) return;
    const end = offset + BigInt(bytes.length);
    this.first = oldestKept(this.first, end, this.releasedTo);
    const kept = end - offset > end - this.first ? bytes.subarray(bytes.length - Number(end - this.first)) : bytes;
    if (end - this.first > BigInt(this.ring.length)) this.grow(Number(end - this.first));
    this.write(end - BigInt(kept.length), kept);
    this.next = end;
  }

  release(upTo: bigint): void {
    assert(upTo >= this.releasedTo, `output is released up to ${this.releasedTo}, ${upTo} would take it back`);
    this.releasedTo = upTo;
    this.first = oldestKept(this.first, this.next, upTo);
  }

  /** A copy of at most `maxBytes` released bytes from `from` on; `from` is not below `oldest`. Empty: nothing to read yet. */
  read(from: bigint, maxBytes: number): Uint8Array {
    assert(from >= this.first, `console bytes from ${from} are gone, the oldest is ${this.first}`);
    const available = this.released - from;
    if (available <= 0n) return new Uint8Array(0);
    const length = available < BigInt(maxBytes) ? Number(available) : maxBytes;
    const at = this.index(from);
    const out = new Uint8Array(length);
    const head = this.ring.subarray(at, Math.min(at + length, this.ring.length));
    out.set(head);
    out.set(this.ring.subarray(0, length - head.length), head.length);
    return out;
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

  private grow(bytes: number): void {
    let capacity = this.ring.length;
    while (capacity < bytes) capacity *= 2;
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

/** Released bytes up to `CONSOLE_HISTORY_BYTES`, unreleased ones up to `CONSOLE_UNRELEASED_BYTES`. */
function oldestKept(first: bigint, end: bigint, released: bigint): bigint {
  const wanted = min(end - BigInt(CONSOLE_HISTORY_BYTES), released);
  const bound = end - BigInt(CONSOLE_UNRELEASED_BYTES);
  return max(first, max(wanted, bound));
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
