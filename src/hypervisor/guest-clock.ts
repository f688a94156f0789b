/**
 * Guest time (ticks of 100 ns) from the host's monotonic clock (microseconds), across hosts whose clocks have nothing in
 * common.
 *
 * The primary keeps `offset`: guest time = 10 * nowUs + offset. A backup estimates what the offset would be on its own
 * clock, from the samples in the records: each was taken before it arrived, so each estimate is at most right, and the
 * largest of the last while is the best. Older ones are forgotten, because two hosts' clocks drift apart.
 */

const TICKS_PER_US = 10n;

/** Length of one of the two windows over which the largest estimate counts. */
const WINDOW_US = 10_000_000;

export class GuestClock {
  /** @param time guest time that it is now, or later than which it must not seem to be */
  constructor(time: bigint, nowUs: number) {
    this.offset = time - BigInt(nowUs) * TICKS_PER_US;
  }

  /** Ticks. */
  readonly offset: bigint;

  now(nowUs: number): bigint {
    return BigInt(nowUs) * TICKS_PER_US + this.offset;
  }

  /** The first microsecond at which guest time is at least `time`. */
  whenUs(time: bigint): number {
    const ticks = time - this.offset;
    return Number((ticks + TICKS_PER_US - 1n) / TICKS_PER_US);
  }
}

export class GuestClockEstimate {
  private windowStartUs = 0;
  private newest: bigint | null = null;
  private older: bigint | null = null;

  /** A record or the end of a state transfer brought this sample of the primary's clock. */
  observe(time: bigint, nowUs: number): void {
    const estimate = time - BigInt(nowUs) * TICKS_PER_US;
    if (nowUs - this.windowStartUs > WINDOW_US) {
      this.older = this.newest;
      this.newest = null;
      this.windowStartUs = nowUs;
    }
    if (this.newest === null || estimate > this.newest) this.newest = estimate;
  }

  /** @returns guest time as the old primary would tell it now, never below `floor` */
  now(floor: bigint, nowUs: number): bigint {
    let best = this.newest;
    if (this.older !== null && (best === null || this.older > best)) best = this.older;
    if (best === null) return floor;
    const time = BigInt(nowUs) * TICKS_PER_US + best;
    return time > floor ? time : floor;
  }
}
