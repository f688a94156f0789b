/**
 * The first bytes of a stream whose bytes are addressed by offset: those that follow `start` without a hole, up to a bound.
 *
 *     start          end                  start + limit
 *       [=============|  what comes next     |
 */
export class HeadBuffer {
  private held = new Uint8Array(0);
  private length = 0;
  private first: bigint;
  private most: number;

  constructor(start: bigint, limit: number) {
    this.first = start;
    this.most = limit;
  }

  get start(): bigint {
    return this.first;
  }

  /** Offset after the last byte that is held. */
  get end(): bigint {
    return this.first + BigInt(this.length);
  }

  get limit(): number {
    return this.most;
  }

  /** Another stream, or the same from another beginning. */
  restart(start: bigint): void {
    this.first = start;
    this.length = 0;
    this.held = new Uint8Array(0);
  }

  /** What lies beyond a smaller bound is given up; a larger one brings nothing back. */
  setLimit(limit: number): void {
    this.most = limit;
    if (this.length <= limit) return;
    this.length = limit;
    this.held = this.held.slice(0, limit);
  }

  /** Takes of these bytes what continues those that are held, as far as there is room. */
  append(offset: bigint, bytes: Uint8Array): void {
    const skip = this.end - offset;
    if (skip < 0n || skip >= BigInt(bytes.length)) return;
    const fresh = bytes.subarray(Number(skip), Number(skip) + this.most - this.length);
    if (fresh.length === 0) return;
    if (this.length + fresh.length > this.held.length) {
      const larger = new Uint8Array(Math.min(this.most, Math.max(2 * this.held.length, this.length + fresh.length)));
      larger.set(this.held.subarray(0, this.length));
      this.held = larger;
    }
    this.held.set(fresh, this.length);
    this.length += fresh.length;
  }

  /** A copy of at most `maxBytes` from `from` on; empty outside of what is held. */
  read(from: bigint, maxBytes: number): Uint8Array {
    if (from < this.first || from >= this.end) return new Uint8Array(0);
    const at = Number(from - this.first);
    return this.held.slice(at, Math.min(this.length, at + maxBytes));
  }
}
