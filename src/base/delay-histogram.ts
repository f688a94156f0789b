/** Delays counted by size: cheap enough for one at every epoch, and two looks at it tell the quantiles of what came between. */

/** Upper bounds of the buckets, microseconds, each inclusive; what is longer than the last is in one more bucket. */
export const DELAY_BOUNDS_US: readonly number[] = [
  50, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 12_000, 15_000, 20_000, 30_000,
  50_000, 70_000, 100_000, 150_000, 200_000, 300_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
];

/** What a histogram has come to. */
export interface DelayCounts {
  /** Delays in each bucket, not cumulative; shape: length of `DELAY_BOUNDS_US` + 1. */
  readonly counts: readonly number[];
  /** Microseconds of all of them together. */
  readonly sumUs: number;
}

export class DelayHistogram implements DelayCounts {
  readonly counts: number[] = new Array(DELAY_BOUNDS_US.length + 1).fill(0);
  sumUs = 0;

  /** @param delayUs whole microseconds, 0 or more */
  observe(delayUs: number): void {
    let bucket = 0;
    while (bucket < DELAY_BOUNDS_US.length && delayUs > (DELAY_BOUNDS_US[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sumUs += delayUs;
  }
}
