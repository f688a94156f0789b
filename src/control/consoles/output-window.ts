/**
 * Released console output of one VM, as far as it is held here.
 *
 *      oldest                     end
 *     ---[========================)---   offsets since the VM's creation
 *
 * Holds at least the newest `keepBytes` of what came, and more while a reader is behind, up to `maxBytes`.
 */
export class OutputWindow {
  private chunks: { readonly offset: bigint; readonly bytes: Uint8Array }[] = [];
  private start: bigint;
  private next: bigint;
  private readonly keepBytes: bigint;
  private readonly maxBytes: bigint;

  constructor(at: bigint, keepBytes: number, maxBytes: number) {
    this.start = at;
    this.next = at;
    this.keepBytes = BigInt(keepBytes);
    this.maxBytes = BigInt(maxBytes);
  }

  get oldest(): bigint {
    return this.start;
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
    // A copy: the frame's buffer belongs to the socket.
    this.chunks.push({ offset: this.next, bytes: new Uint8Array(bytes.subarray(skip)) });
    this.next = end;
    return true;
  }

  /** Begins anew at `offset`: what lay below is not to be had any more. */
  restart(offset: bigint): void {
    this.chunks = [];
    this.start = offset;
    this.next = offset;
  }

  /** @param neededFrom offset of the slowest reader */
  trim(neededFrom: bigint): void {
    const kept = this.next - this.keepBytes;
    const least = this.next - this.maxBytes;
    const wanted = max(least, neededFrom < kept ? neededFrom : kept);
    let drop = 0;
    for (const chunk of this.chunks) {
      if (chunk.offset + BigInt(chunk.bytes.length) > wanted) break;
      drop++;
    }
    if (drop === 0) return;
    this.chunks.splice(0, drop);
    this.start = this.chunks[0]?.offset ?? this.next;
  }

  /** At most `maxBytes` bytes from `from` on, which is within the window; empty at its end. */
  read(from: bigint, maxBytes: number): Uint8Array {
    if (from >= this.next || maxBytes <= 0) return new Uint8Array(0);
    const parts: Uint8Array[] = [];
    let length = 0;
    for (let index = this.find(from); index < this.chunks.length && length < maxBytes; index++) {
      const chunk = this.chunks[index] as { offset: bigint; bytes: Uint8Array };
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
      if ((this.chunks[middle] as { offset: bigint }).offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
