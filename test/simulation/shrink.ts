/**
 * Makes a failing run small: fewer faults, fewer steps, one VM, as long as the same checker finds something. What is left is what
 * somebody reads.
 *
 * Faults are taken out in chunks, from half of them down to single ones (Zeller's ddmin without the complements). Each fault draws
 * from a stream of its own, so those that are left strike alike for as long as what happens before them is alike.
 */
import type { RunForm } from "./run-form.ts";

/** What a run came to. */
export interface Found {
  readonly checker: string;
  /** The step at which it was found. */
  readonly step: number;
  /** Faults that had struck by then. */
  readonly faults: readonly number[];
}

/** Runs that shrinking may take. */
const RUNS_MAX = 400;

/** @param run null: nothing is found */
export function shrink(form: RunForm, found: Found, run: (form: RunForm) => Found | null, runsMax = RUNS_MAX): RunForm {
  let [best, bestFound] = [form, found];
  let runs = 0;
  const attempt = (candidate: RunForm): boolean => {
    if (runs++ >= runsMax) return false;
    const result = run(candidate);
    if (result === null || result.checker !== found.checker) return false;
    // Nothing that is to strike later has to do with it.
    const faults = candidate.faults?.filter((fault) => result.faults.includes(fault)) ?? null;
    best = { ...candidate, faults };
    bestFound = result;
    return true;
  };
  attempt({ ...best, faults: found.faults });
  if (best.vms !== 1) attempt({ ...best, vms: 1 });
  let chunk = Math.ceil((best.faults?.length ?? 0) / 2);
  while (best.faults !== null && chunk >= 1 && runs < runsMax) {
    let removed = false;
    for (let at = 0; at < best.faults.length; ) {
      const faults: readonly number[] = best.faults;
      if (attempt({ ...best, faults: [...faults.slice(0, at), ...faults.slice(at + chunk)] })) removed = true;
      else at += chunk;
    }
    if (!removed || chunk > 1) chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2);
  }
  // It may need the end, in which all heals: then it is found after the last step.
  if (bestFound.step < best.steps) attempt({ ...best, steps: bestFound.step + 1 });
  for (let steps = best.steps >> 1; steps >= 1 && runs < runsMax; ) {
    if (!attempt({ ...best, steps })) break;
    steps = best.steps >> 1;
  }
  return best;
}
