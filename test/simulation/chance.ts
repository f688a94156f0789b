/**
 * Chance for the simulator: sfc32, 32 bits at a time. `base`'s generator has 64 and takes ten times as long; it makes the seeds.
 *
 * Whoever draws has a stream of its own, so that one draw more here changes nothing there: that is what keeps a run alike while
 * the shrinker takes faults out of it.
 */
import { Prng } from "../../src/base/prng.ts";

export class Chance {
  private a: number;
  private b: number;
  private c: number;
  private count = 1;

  /** @param stream distinguishes the streams of one seed */
  constructor(seed: number, stream: number) {
    const words = new Prng((BigInt(stream) << 53n) ^ BigInt(seed));
    const first = words.u64();
    this.a = Number(first & 0xffff_ffffn) | 0;
    this.b = Number(first >> 32n) | 0;
    this.c = Number(words.u64() & 0xffff_ffffn) | 0;
    for (let warm = 0; warm < 12; warm++) this.u32();
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    const sum = (((this.a + this.b) | 0) + this.count) | 0;
    this.count = (this.count + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }

  /** Uniform integer in [0, count). */
  below(count: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * count);
  }

  /** Uniform integer in [low, high], both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  oneOf<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.below(list.length)];
  }
}
