/** A seeded pseudo-random generator (SplitMix64) for tests, fuzzers and the simulator: same seed, same sequence, on every host. */
export class Prng {
  private state: bigint;

  constructor(seed: bigint | number) {
    this.state = BigInt.asUintN(64, BigInt(seed));
  }

  /** Uniform in [0, 2^64). */
  u64(): bigint {
    this.state = BigInt.asUintN(64, this.state + 0x9e37_79b9_7f4a_7c15n);
    let z = this.state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
    return z ^ (z >> 31n);
  }

  /** Uniform integer in [low, high], both ends included; `high - low` below 2^53. */
  between(low: number, high: number): number {
    return low + Number(this.u64() % BigInt(high - low + 1));
  }
}
