/**
 * `npm run bench [-- NAME…] [-- --table]`: measures, and prints one JSON line a figure on stdout and nothing else there.
 *
 * A bench checks its own result and throws where it is wrong: then there is no line, and the exit status is 1.
 */

import { type BenchLine, benchLine, type Figure } from "./bench-line.ts";
import { boot } from "./boot.ts";
import { engine } from "./engine.ts";
import { failover } from "./failover.ts";
import { log } from "./log.ts";
import { memory } from "./memory.ts";
import { np } from "./np.ts";

/** What a name on the command line runs; a bench may print figures of several names, measured in one run. */
const BENCHES: Readonly<Record<string, () => AsyncIterable<Figure>>> = { boot, engine, failover, log, np, memory };
const ALIASES: Readonly<Record<string, string>> = { interpreter: "boot", repair: "failover" };

const words = process.argv.slice(2);
const table = words.includes("--table");
const names = words.filter((word) => !word.startsWith("--"));
const unknown = names.filter((name) => !(name in BENCHES) && !(name in ALIASES));
if (unknown.length > 0) {
  process.stderr.write(
    `Cannot run ${unknown.join(", ")}: the benches are ${[...Object.keys(BENCHES), ...Object.keys(ALIASES)].join(", ")}\n`,
  );
  process.exit(2);
}
const wanted = new Set(names.length === 0 ? Object.keys(BENCHES) : names.map((name) => ALIASES[name] ?? name));

let failed = false;
for (const name of wanted) {
  process.stderr.write(`bench ${name}\n`);
  try {
    for await (const figure of BENCHES[name]?.() ?? []) print(benchLine(figure));
  } catch (error) {
    failed = true;
    process.stderr.write(`bench ${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  }
}
process.exit(failed ? 1 : 0);

function print(line: BenchLine): void {
  if (!table) {
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  const tail = line.p99 === undefined ? "" : `  p99 ${line.p99}`;
  const ratios = line.ratioToQemu === undefined ? "" : `  x${line.ratioToQemu} of QEMU, x${line.ratioToQemuIcount} of icount`;
  const goal = line.goal === undefined ? "" : `  goal ${line.goal} ${line.met ? "met" : "missed"}`;
  process.stdout.write(
    `${line.bench.padEnd(12)} ${line.name.padEnd(22)} ${String(line.value).padStart(10)} ${line.unit.padEnd(8)}${tail}${ratios}  n ${line.n}${goal}\n`,
  );
}
