/**
 * Random programs on two engines, a batch at a time: QEMU runs in a process of its own while ours runs here.
 *
 * A program's number is its seed; those of a run with seed N are N * 2^32 and on.
 */
import { type Comparison, compareResults } from "./compare.ts";
import { EngineStuck, type FuzzEngine } from "./engine.ts";
import { buildImage, decodeResults, type Image, type ProgramRecord, type ProgramResult } from "./frame.ts";
import { randomProgram } from "./program.ts";

export interface Mismatch {
  readonly number: bigint;
  readonly differences: readonly string[];
}

export interface BatchReport {
  readonly programs: number;
  readonly traps: number;
  /** How many met an exception, by its name. */
  readonly excused: ReadonlyMap<string, number>;
  /** How many parted at one, and were compared up to it. */
  readonly parted: number;
  readonly mismatches: readonly Mismatch[];
}

export function programNumbers(seed: bigint, first: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => (seed << 32n) + BigInt(first + index));
}

/** Runs programs on both engines, `runs` times each, and compares what came of each the last time. */
export async function compareBatch(numbers: readonly bigint[], ours: FuzzEngine, theirs: FuzzEngine, runs = 1): Promise<BatchReport> {
  const programs = numbers.map((number) => randomProgram(number));
  const image = buildImage(programs, runs);
  // The one that is a process of its own first.
  const [others, own] = await Promise.all([resultsOf(theirs, image), resultsOf(ours, image)]);
  const excused = new Map<string, number>();
  const mismatches: Mismatch[] = [];
  let traps = 0;
  let parted = 0;
  for (const [index, number] of numbers.entries()) {
    const [a, b] = [own.results[index] as ProgramResult, others.results[index] as ProgramResult];
    const stuck = [own, others].filter(({ ended }) => ended === index).map(({ message }) => message);
    if (index >= Math.min(own.ended, others.ended) && stuck.length === 0) break;
    const comparison: Comparison =
      stuck.length > 0 ? { differences: stuck, excused: [] } : compareResults(programs[index] as ProgramRecord, a, b);
    traps += a.traps.length;
    for (const { name } of comparison.excused) excused.set(name, (excused.get(name) ?? 0) + 1);
    if (comparison.excused.some(({ goesOn }) => !goesOn)) parted++;
    if (comparison.differences.length > 0) mismatches.push({ number, differences: comparison.differences });
    if (stuck.length > 0) break;
  }
  return { programs: numbers.length, traps, excused, parted, mismatches };
}

interface Outcome {
  readonly results: readonly ProgramResult[];
  /** How many programs came to their end: each has at least one trap. */
  readonly ended: number;
  readonly message: string;
}

async function resultsOf(engine: FuzzEngine, image: Image): Promise<Outcome> {
  try {
    const results = decodeResults(await engine.run(image));
    return { results, ended: results.length, message: "" };
  } catch (error) {
    if (!(error instanceof EngineStuck)) throw error;
    const results = decodeResults(error.results);
    const ended = results.findIndex(({ traps }) => traps.length === 0);
    return { results, ended: ended < 0 ? results.length : ended, message: error.message };
  }
}
