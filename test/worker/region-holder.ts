/**
 * A thread that takes regions and gives them back at random, for ever, as machines' threads do; it counts what all such threads were
 * granted beside the account, and how often that was more than they may hold.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Prng } from "../../src/base/prng.ts";
import { holdRegions, type RegionShare } from "../../src/worker/region-account.ts";

export interface HolderData {
  readonly share: RegionShare;
  readonly seed: number;
  /** Shared by all threads, one number each: regions granted now; and how often they were granted, were refused, and were too many. */
  readonly figures: Readonly<Record<"granted" | "grants" | "refusals" | "passed", Int32Array>>;
}

const { share, seed, figures } = workerData as HolderData;
const prng = new Prng(seed);
let holds = 0;
parentPort?.postMessage("runs");
for (;;) {
  const wanted = prng.between(0, share.maximum);
  if (wanted <= holds) {
    // What is counted here is never more than what is held.
    Atomics.add(figures.granted, 0, wanted - holds);
    holdRegions(share, wanted);
    holds = wanted;
  } else if (holdRegions(share, wanted)) {
    const granted = Atomics.add(figures.granted, 0, wanted - holds) + wanted - holds;
    holds = wanted;
    if (granted > share.maximum) Atomics.add(figures.passed, 0, 1);
    Atomics.add(figures.grants, 0, 1);
  } else Atomics.add(figures.refusals, 0, 1);
}
