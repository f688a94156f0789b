/**
 * How long an epoch should be, and how fast guest time runs inside it: both from the measured speed of the engine.
 *
 * Speed is a moving average in instructions per millisecond of real time, over epochs long enough to tell. Integers only:
 * the numbers end up in epoch records.
 */

/** `ClockSample.rate` counts ticks per this many instructions: the engine's constant, whose types alone this room imports. */
export const CLOCK_RATE_INSTRUCTIONS = 1 << 24;

/** What a new VM is believed to do, until measured: 100 instructions per microsecond. */
const INITIAL_SPEED = 100_000;
const SPEED_MIN = 1_000;
const SPEED_MAX = 10_000_000;

/** Shorter runs measure the way to the engine and back, not the engine. */
const TELLING_US = 1000;
const TELLING_INSTRUCTIONS = 10_000n;

const EPOCH_MIN_INSTRUCTIONS = 10_000n;

/**
 * 16 ns of guest time per instruction. A guest that looks slower than this spends its life in its own timer tick; an engine
 * that IS slower lets guest time jump to the next sample instead.
 */
const RATE_MAX = Math.floor((CLOCK_RATE_INSTRUCTIONS * 16) / 100);

/** `CLOCK_RATE_INSTRUCTIONS` * 10,000 ticks per millisecond, less 1/16: guest time should not pass the next sample. */
const RATE_TIMES_SPEED = (CLOCK_RATE_INSTRUCTIONS / 16) * 15 * 10_000;

/**
 * Execution of a backup may trail by so much. It is an epoch or two behind at best. More would not make a guest faster that
 * computes all the time, since a backup of the same speed never catches up again; it would only have the more to do before it takes over.
 */
const LAG_MS = 20;
const LAG_MIN_INSTRUCTIONS = 1_000_000n;

export class EpochPacing {
  private speed = INITIAL_SPEED;

  constructor(private readonly epochTargetMs: number) {}

  /** How long an epoch takes, about, if nothing ends it earlier; microseconds. */
  get epochUs(): number {
    return this.epochTargetMs * 1000;
  }

  /** One epoch took so long from `runEpoch` to `epochEnded`. */
  observe(instructions: bigint, elapsedUs: number): void {
    if (elapsedUs < TELLING_US || instructions < TELLING_INSTRUCTIONS) return;
    const sample = Number((instructions * 1000n) / BigInt(elapsedUs));
    const next = this.speed + Math.trunc((sample - this.speed) / 4);
    this.speed = Math.min(SPEED_MAX, Math.max(SPEED_MIN, next));
  }

  /** Instructions per millisecond. */
  get measured(): number {
    return this.speed;
  }

  /** Instructions of the next epoch, if nothing ends it earlier. */
  epochLength(): bigint {
    const length = BigInt(this.speed) * BigInt(this.epochTargetMs);
    return length < EPOCH_MIN_INSTRUCTIONS ? EPOCH_MIN_INSTRUCTIONS : length;
  }

  /** `ClockSample.rate`. */
  rate(): number {
    return Math.min(RATE_MAX, Math.floor(RATE_TIMES_SPEED / this.speed));
  }

  /** Instructions by which a backup's execution may trail before the primary waits for it. */
  lagLimit(): bigint {
    const limit = BigInt(this.speed) * BigInt(LAG_MS);
    return limit < LAG_MIN_INSTRUCTIONS ? LAG_MIN_INSTRUCTIONS : limit;
  }
}

/** A backup whose last ack showed it further behind than this tells as soon as it has caught up: below every `lagLimit`. */
export const LAG_WORTH_TELLING = LAG_MIN_INSTRUCTIONS / 2n;
/** One with so many records still to execute tells after each, so that a primary that waits for it goes on before it has nothing left to do. */
export const LOG_WORTH_TELLING = 2;
