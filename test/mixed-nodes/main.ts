/**
 * `npm run mixed-nodes -- [--kills N] [--minutes M] [--vms V] [--seed S]`: V VMs on one worker of the oldest supported Node and one of
 * the newest boot in lockstep; then a process with primaries is killed, N times or until M minutes are over. Prints a JSON line.
 *
 * Exit status 1: replicas differed, a transcript does not hold, or there is only one version of Node; 2: the command line is wrong.
 */
import { parseArgs } from "node:util";
import { runMixedPairs, twoNodes } from "./mixed-pair.ts";

/** A pace that a small host can follow. */
const TYPE_EVERY_MS = 100;
const COUNT_EVERY_SECONDS = 0.1;

const { values } = parseArgs({
  options: { kills: { type: "string" }, minutes: { type: "string" }, vms: { type: "string" }, seed: { type: "string" } },
});
const kills = Number(values.kills ?? 100);
const minutes = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes);
const vms = Number(values.vms ?? 2);
const seed = Number(values.seed ?? 1);
if (!(Number.isInteger(kills) && kills >= 1) || !(Number.isInteger(vms) && vms >= 1) || !(minutes > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write("mixed-nodes: --kills and --vms are at least 1, --minutes is above 0, --seed is a whole number\n");
  process.exit(2);
}
const nodes = await twoNodes();
if (nodes === null) process.exit(1);
const startedMs = performance.now();
const onNote = (text: string) => process.stderr.write(`${Math.round((performance.now() - startedMs) / 1000)} s: ${text}\n`);
const run = await runMixedPairs(nodes, {
  vms,
  kills,
  minutes,
  seed,
  typeEveryMs: TYPE_EVERY_MS,
  countEverySeconds: COUNT_EVERY_SECONDS,
  onNote,
});
const seconds = Math.round((performance.now() - startedMs) / 1000);
process.stdout.write(`${JSON.stringify({ nodes: nodes.map(({ version }) => version), vms, seed, seconds, ...run })}\n`);
process.exit(run.problems.length === 0 ? 0 : 1);
