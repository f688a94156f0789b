/** One measured figure, as `npm run bench` prints it: a JSON object on a line of its own. */
import { availableParallelism } from "node:os";

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
  readonly better: "lower" | "higher";
  /** Compared with QEMU's translator, plain, and counting instructions as we do; above 1 ours is faster. */
  readonly ratioToQemu?: number;
  readonly ratioToQemuIcount?: number;
  /** Whatever makes the figure readable: counts, conditions, a second unit. */
  readonly detail?: Readonly<Record<string, number | string>>;
}

export interface BenchLine extends Figure {
  readonly met?: boolean;
  readonly cores: number;
  readonly node: string;
}

export function benchLine(figure: Figure): BenchLine {
  const { goal, value, better, p99, ratioToQemu, ratioToQemuIcount } = figure;
  const met = goal === undefined ? {} : { met: better === "lower" ? value <= goal : value >= goal };
  return {
    ...figure,
    value: rounded(value),
    ...(p99 === undefined ? {} : { p99: rounded(p99) }),
    ...(ratioToQemu === undefined ? {} : { ratioToQemu: rounded(ratioToQemu) }),
    ...(ratioToQemuIcount === undefined ? {} : { ratioToQemuIcount: rounded(ratioToQemuIcount) }),
    ...met,
    cores: availableParallelism(),
    node: process.version,
  };
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
