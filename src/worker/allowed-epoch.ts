/**
 * The epoch that a primary's engine may begin by itself: some words of memory that the main thread and the engine thread share.
 *
 * The main thread writes them while the engine runs the epoch before, and the number last. The engine looks at its end of the epoch,
 * and reads the rest only where the number is that of the very next one. What comes later than that look is for an epoch that the
 * engine is told to run, and is never the number that it looks for again.
 */
import type { AllowedEpoch } from "../hypervisor/messages.ts";

const EPOCH = 0;
const LENGTH = 1;
const RATE = 2;
const CLOCK_OFFSET = 3;
const BEFORE_TIME = 4;
const WORDS = 5;

export class AllowedEpochWords {
  readonly memory: SharedArrayBuffer;
  private readonly words: BigInt64Array;

  /** @param memory another thread's; where it is left out, one of its own, in which nothing is allowed */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(WORDS * BigInt64Array.BYTES_PER_ELEMENT);
    this.words = new BigInt64Array(this.memory);
    if (memory === undefined) Atomics.store(this.words, EPOCH, -1n);
  }

  allow({ epoch, length, rate, clockOffset, beforeTime }: AllowedEpoch): void {
    this.words[LENGTH] = length;
    this.words[RATE] = BigInt(rate);
    this.words[CLOCK_OFFSET] = clockOffset;
    this.words[BEFORE_TIME] = beforeTime;
    Atomics.store(this.words, EPOCH, epoch);
  }

  /** @returns what is allowed of this epoch; null: nothing */
  read(epoch: bigint): AllowedEpoch | null {
    if (Atomics.load(this.words, EPOCH) !== epoch) return null;
    const [, length = 0n, rate = 0n, clockOffset = 0n, beforeTime = 0n] = this.words;
    return { epoch, length, rate: Number(rate), clockOffset, beforeTime };
  }
}
