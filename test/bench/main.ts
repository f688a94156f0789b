/**
 * `npm run bench [-- NAME…] [--table] [--kills N] [--minutes M] [--pairs N]`: measures, and prints one JSON line a figure on stdout and nothing else there.
 *
 * A bench checks its own result and throws where it is wrong: then there is no line, and the exit status is 1.
 */

import { parseArgs } from "node:util";
import { api } from "./api.ts";
import { backups } from "./backups.ts";
import { type BenchLine, type BenchOptions, benchLine, type Figure } from "./bench-line.ts";
import { boot } from "./boot.ts";
import { consoleFanout } from "./console-fanout.ts";
import { density } from "./density.ts";
import { earlyStop } from "./early-stop.ts";
import { engineBoot } from "./engine-boot.ts";
import { engineCoverage } from "./engine-coverage.ts";
import { engineGuest } from "./engine-guest.ts";
import { engineLoops } from "./engine-loops.ts";
import { events } from "./events.ts";
import { failover } from "./failover.ts";
import { WORKLOADS } from "./guest-workloads.ts";
import { hash } from "./hash.ts";
import { killsInARow } from "./kills-in-a-row.ts";
import { lag } from "./lag.ts";
import { log } from "./log.ts";
import { memory } from "./memory.ts";
import { np } from "./np.ts";
import { outputLatency } from "./output-latency.ts";
import { reconcile } from "./reconcile.ts";
import { repair } from "./repair.ts";
import { runAsWorker } from "./run-as-worker.ts";

/** What a name on the command line runs; a bench may print figures of several names, measured in one run. */
const BENCHES: Readonly<Record<string, (workloads: readonly string[], options: BenchOptions) => AsyncIterable<Figure>>> = {
  boot,
  "engine:loops": engineLoops,
  "engine:guest": engineGuest,
  "engine:boot": engineBoot,
  "engine:coverage": engineCoverage,
  "early-stop": earlyStop,
  failover: (_workloads, options) => failover(options),
  repair: (_workloads, options) => repair(options),
  log,
  lag,
  np,
  "output-latency": outputLatency,
  hash,
  memory,
  backups,
  api,
  events,
  reconcile,
  "console-fanout": consoleFanout,
  "kills-in-a-row": (_workloads, options) => killsInARow(options),
  density: (_workloads, options) => density(options),
};
/** Benches that run only where they are named: they take long. */
const NAMED_ONLY = new Set(["kills-in-a-row", "density", "console-fanout"]);
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  engine: ["engine:loops", "engine:guest", "engine:boot"],
  interpreter: ["boot"],
};
/** `engine:guest:gzip` is that workload alone. */
const WORKLOAD = /^(engine:guest):(.+)$/;

await runAsWorker();

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { table: { type: "boolean" }, kills: { type: "string" }, minutes: { type: "string" }, pairs: { type: "string" } },
});
const table = values.table === true;
const options: BenchOptions = { ...numberOf("kills"), ...numberOf("minutes"), ...numberOf("pairs") };
const wanted = new Map<string, string[]>();
for (const name of names.length === 0
  ? Object.keys(BENCHES).filter((name) => !NAMED_ONLY.has(name))
  : names.flatMap((name) => GROUPS[name] ?? [name])) {
  const [, bench = name, workload] = WORKLOAD.exec(name) ?? [];
  if (!(bench in BENCHES) || (workload !== undefined && !WORKLOADS.some((each) => each.name === workload))) {
    const all = [...Object.keys(BENCHES), ...Object.keys(GROUPS), ...WORKLOADS.map((each) => `engine:guest:${each.name}`)];
    process.stderr.write(`Cannot run ${name}: the benches are ${all.join(", ")}\n`);
    process.exit(2);
  }
  wanted.set(bench, [...(wanted.get(bench) ?? []), ...(workload === undefined ? [] : [workload])]);
}

let failed = false;
for (const [name, parts] of wanted) {
  process.stderr.write(`bench ${name}\n`);
  try {
    for await (const figure of BENCHES[name]?.(parts, options) ?? []) print(benchLine(figure));
  } catch (error) {
    failed = true;
    process.stderr.write(`bench ${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  }
}
process.exit(failed ? 1 : 0);

function numberOf(name: "kills" | "minutes" | "pairs"): BenchOptions {
  const text = values[name];
  if (text === undefined) return {};
  const value = Number(text);
  if (value > 0 && (name === "minutes" || Number.isInteger(value))) return { [name]: value };
  process.stderr.write(`Cannot use --${name} ${text}: a number above 0 is wanted\n`);
  process.exit(2);
}

function print(line: BenchLine): void {
  if (!table) {
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  const tail = line.p99 === undefined ? "" : `  p99 ${line.p99}`;
  const ratios = line.ratioToQemu === undefined ? "" : `  x${line.ratioToQemu} of QEMU, x${line.ratioToQemuIcount} of icount`;
  const goals = [
    ...(line.goal === undefined ? [] : [line.goal]),
    ...(line.goalP99 === undefined ? [] : [`p99 ${line.goalP99}`]),
    ...(line.goalRatioToQemu === undefined ? [] : [`x${line.goalRatioToQemu} and x${line.goalRatioToQemuIcount}`]),
  ];
  const goal = goals.length === 0 ? "" : `  goal ${goals.join(", ")} ${line.met ? "met" : "missed"}`;
  const published = line.published === undefined ? "" : `  published ${line.published}`;
  process.stdout.write(
    `${line.bench.padEnd(15)} ${line.name.padEnd(22)} ${String(line.value).padStart(10)} ${line.unit.padEnd(8)}${tail}${ratios}  n ${line.n}${goal}${published}\n`,
  );
}
