/** Whether a measure that was sampled for long has stopped to grow. */

/** Of the samples, so many first ones are warm-up. */
export const WARM_UP = 1 / 4;
/** What the second half may be above the first. */
export const GROWTH_MAX = 0.05;
/** Fewer samples than these say nothing. */
const SAMPLES_MIN = 8;

export const RULE =
  `behind the first ${WARM_UP * 100} % of the samples, the maximum of the second half ` +
  `is at most ${GROWTH_MAX * 100} % above that of the first`;

export interface Verdict {
  readonly plateau: boolean;
  /** Maximum of the first half behind the warm-up, and of the second. */
  readonly first: number;
  readonly second: number;
}

/** @param samples in the order of time, at equal distances */
export function judge(samples: readonly number[]): Verdict {
  const settled = samples.slice(Math.ceil(samples.length * WARM_UP));
  const half = Math.floor(settled.length / 2);
  const [first, second] = [Math.max(...settled.slice(0, half)), Math.max(...settled.slice(half))];
  return { plateau: samples.length >= SAMPLES_MIN && second <= first * (1 + GROWTH_MAX), first, second };
}
