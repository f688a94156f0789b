/**
 * Released console output of one VM, as far as it is held here: the first bytes of its guest, and the newest ones.
 *
 *      base    head's end        oldest                     end
 *       [==========|  not kept  ---[========================)---   offsets since the VM's creation
 *
 * Of the newest it holds as many as are to be kept, and more while a reader is behind, up to `maxBytes`.
 */
import { HeadBuffer } from "../../base/head-buffer.ts";
import type { ConsoleRetention } from "../domain/console-retention.ts";

interface Chunk {
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

export class OutputWindow {
  private chunks: Chunk[] = [];
  private first: bigint;
  private next: bigint;
  private tailBytes: bigint;
  private readonly maxBytes: bigint;
  private readonly head: HeadBuffer;

  constructor(at: bigint, { headBytes, tailBytes }: ConsoleRetention, maxBytes: number) {
    this.first = at;
    this.next = at;
    this.tailBytes = BigInt(tailBytes);
    this.maxBytes = BigInt(maxBytes);
    this.head = new HeadBuffer(at, headBytes);
  }

  /** Offset of the first of the newest bytes. */
  get oldest(): bigint {
    return this.first;
  }

  /** Offset of the first byte that is held. */
  get start(): bigint {
    return this.head.end > this.head.start ? this.head.start : this.first;
  }

  /** From here to the end nothing is missing: the start, unless something between is not kept. */
  get contiguousFrom(): bigint {
    return this.head.end >= this.first ? this.start : this.first;
  }

  /** Where a reader who wants the bytes from `offset` on gets some: there, or behind what is not kept. */
  heldFrom(offset: bigint): bigint {
    if (offset >= this.first) return offset;
    return offset < this.head.end ? max(offset, this.start) : this.first;
  }

  /** Another guest's output, or another end of the same's head. */
  beginHead(base: bigint): void {
    if (this.head.start !== base) this.head.restart(base);
  }

  /** What is over a smaller retention is dropped; a larger one brings nothing back. */
  retain({ headBytes, tailBytes }: ConsoleRetention): void {
    this.head.setLimit(headBytes);
    for (const { offset, bytes } of this.chunks) this.head.append(offset, bytes);
    this.tailBytes = BigInt(tailBytes);
  }

  get end(): bigint {
    return this.next;
  }

  /**
   * Takes bytes from a worker: those that are known are dropped, and where some are missing between, the window begins anew.
   * @returns true if the window grew
   */
  append(offset: bigint, bytes: Uint8Array): boolean {
    const end = offset + BigInt(bytes.length);
    if (end <= this.next) return false;
    if (offset > this.next) this.restart(offset);
    const skip = Number(this.next - offset);
    this.head.append(offset, bytes);
    // A copy: the frame's buffer belongs to the socket.
    this.chunks.push({ offset: this.next, bytes: new Uint8Array(bytes.subarray(skip)) });
    this.next = end;
    return true;
  }

  /** Begins anew at `offset`: what lay below, but for the head, is not to be had any more. */
  restart(offset: bigint): void {
    this.chunks = [];
    this.first = offset;
    this.next = offset;
  }

  /** @param neededFrom offset of the slowest reader */
  trim(neededFrom: bigint): void {
    const kept = this.next - this.tailBytes;
    const least = this.next - this.maxBytes;
    const wanted = max(least, neededFrom < kept ? neededFrom : kept);
    if (wanted <= this.first) return;
    let drop = 0;
    for (const chunk of this.chunks) {
      if (chunk.offset + BigInt(chunk.bytes.length) > wanted) break;
      drop++;
    }
    this.chunks.splice(0, drop);
    const [chunk] = this.chunks;
    if (chunk !== undefined && chunk.offset < wanted)
      this.chunks[0] = { offset: wanted, bytes: chunk.bytes.subarray(Number(wanted - chunk.offset)) };
    this.first = wanted;
  }

  /** At most `maxBytes` bytes from `from` on, which is held; to the end of the head at most, and empty at the end of it all. */
  read(from: bigint, maxBytes: number): Uint8Array {
    if (from >= this.next || maxBytes <= 0) return new Uint8Array(0);
    if (from < this.first) return this.head.read(from, maxBytes);
    const parts: Uint8Array[] = [];
    let length = 0;
    for (let index = this.find(from); index < this.chunks.length && length < maxBytes; index++) {
      const chunk = this.chunks[index] as Chunk;
      const skip = length === 0 ? Number(from - chunk.offset) : 0;
      const part = chunk.bytes.subarray(skip, skip + maxBytes - length);
      parts.push(part);
      length += part.length;
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  }

  /** Index of the chunk that holds `offset`. */
  private find(offset: bigint): number {
    let low = 0;
    let high = this.chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.chunks[middle] as Chunk).offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
