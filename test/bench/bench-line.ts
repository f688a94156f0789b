/** One measured figure, as `npm run bench` prints it: a JSON object on a line of its own. */
import { availableParallelism } from "node:os";
import { hugePageSizesKiB } from "../../src/worker/huge-pages.ts";
import { publishedFor } from "./published.ts";

export interface Figure {
  readonly bench: string;
  readonly name: string;
  readonly unit: string;
  /** The median where there are several runs. */
  readonly value: number;
  readonly p99?: number;
  /** How many runs or samples. */
  readonly n: number;
  readonly goal?: number;
  /** Of `p99`. */
  readonly goalP99?: number;
  readonly better: "lower" | "higher";
  /** Compared with QEMU's translator, plain, and counting instructions as we do; above 1 ours is faster. */
  readonly ratioToQemu?: number;
  readonly ratioToQemuIcount?: number;
  /** Goals of the ratios. */
  readonly goalRatioToQemu?: number;
  readonly goalRatioToQemuIcount?: number;
  /** Whatever makes the figure readable: counts, conditions, a second unit. */
  readonly detail?: Readonly<Record<string, number | string>>;
}

/** What the command line says beside names. */
export interface BenchOptions {
  /** Of benches that make processes fail: how many. */
  readonly kills?: number;
  /** Of `kills-in-a-row`: it ends then, whatever number it has come to. */
  readonly minutes?: number;
  /** Of `density`: protected pairs. */
  readonly pairs?: number;
}

export interface BenchLine extends Figure {
  /** The best number that others have published, where there is one. */
  readonly published?: string;
  /** All goals that the line has are met. */
  readonly met?: boolean;
  readonly cores: number;
  readonly node: string;
  /** Sizes of huge pages that the host gives memory in; null: it does not say. */
  readonly hugePagesKiB: readonly number[] | null;
}

export function benchLine(figure: Figure): BenchLine {
  const { value, p99, ratioToQemu, ratioToQemuIcount } = figure;
  const goals = goalsMet(figure);
  const met = goals.length === 0 ? {} : { met: goals.every(Boolean) };
  const published = publishedFor(figure.bench, figure.name);
  return {
    ...figure,
    ...(published === null ? {} : { published }),
    value: rounded(value),
    ...(p99 === undefined ? {} : { p99: rounded(p99) }),
    ...(ratioToQemu === undefined ? {} : { ratioToQemu: rounded(ratioToQemu) }),
    ...(ratioToQemuIcount === undefined ? {} : { ratioToQemuIcount: rounded(ratioToQemuIcount) }),
    ...met,
    cores: availableParallelism(),
    node: process.version,
    hugePagesKiB: hugePageSizesKiB(),
  };
}

function goalsMet({
  value,
  p99,
  better,
  goal,
  goalP99,
  ratioToQemu,
  ratioToQemuIcount,
  goalRatioToQemu,
  goalRatioToQemuIcount,
}: Figure): boolean[] {
  const goals: boolean[] = [];
  if (goal !== undefined) goals.push(better === "lower" ? value <= goal : value >= goal);
  if (goalP99 !== undefined && p99 !== undefined) goals.push(better === "lower" ? p99 <= goalP99 : p99 >= goalP99);
  if (goalRatioToQemu !== undefined) goals.push((ratioToQemu ?? 0) >= goalRatioToQemu);
  if (goalRatioToQemuIcount !== undefined) goals.push((ratioToQemuIcount ?? 0) >= goalRatioToQemuIcount);
  return goals;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nearest rank: with 20 samples p99 is the largest. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new Error("a quantile of no values");
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
