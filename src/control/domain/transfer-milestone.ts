/** How far a state transfer must have come before it is worth an event: a dozen at most, however long it takes. */

/** The parts of a report that count. */
export interface TransferFacts {
  readonly backup: string;
  readonly round: number;
  /** 0..1 */
  readonly progress: number;
}

export interface TransferMilestone {
  readonly backup: string;
  /** 0..4; it does not go back where the guest writes. */
  readonly quarter: number;
  /** Of the round, from 1: rounds become many where a guest writes fast. */
  readonly octave: number;
}

/** @returns the milestone that has been reached since `last`; null: none */
export function nextMilestone(last: TransferMilestone | null, { backup, round, progress }: TransferFacts): TransferMilestone | null {
  const quarter = Math.floor(4 * progress);
  const octave = Math.floor(Math.log2(Math.max(1, round))) + 1;
  if (last === null || last.backup !== backup) return { backup, quarter, octave };
  if (quarter <= last.quarter && octave <= last.octave) return null;
  return { backup, quarter: Math.max(quarter, last.quarter), octave: Math.max(octave, last.octave) };
}
