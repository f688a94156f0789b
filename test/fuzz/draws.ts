/** What a generator of random programs draws from. */
import type { Prng } from "../../src/base/prng.ts";

export class Draws {
  private state: number;

  constructor(readonly prng: Prng) {
    this.state = Number(prng.u64() & 0xffff_ffffn);
  }

  /** Mulberry32: a Prng of bigints for thousands of draws would take longer than the programs. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b_79f5) | 0;
    let z = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % limit;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
