/**
 * `npm run rolling -- [--vms N] [--workers W]`: restarts every worker once under N protected VMs, and prints a JSON line with what
 * was seen. Exit status 1: a client met an error, a transcript does not hold, or a VM was unprotected and no event said so.
 */
import { parseArgs } from "node:util";
import { Installation } from "../support/installation.ts";
import { restartAllWorkers } from "./rolling-restart.ts";

const MEMORY_MIB = 96;
/** So many VMs type and count at a pace that a small host can follow. */
const TYPE_EVERY_MS = 250;
const COUNT_EVERY_SECONDS = 0.25;

const { values } = parseArgs({ options: { vms: { type: "string" }, workers: { type: "string" } } });
const vms = Number(values.vms ?? 6);
const workers = Number(values.workers ?? 3);
if (!(Number.isInteger(vms) && vms >= 1) || !(Number.isInteger(workers) && workers >= 3)) {
  process.stderr.write("rolling: --vms is at least 1, --workers at least 3\n");
  process.exit(2);
}

const at = await Installation.start({ workers });
let problems = 0;
try {
  const guests = [];
  for (let vm = 1; vm <= vms; vm++) {
    const guest = await at.boot({ name: `rolling-${vm}`, memoryMiB: MEMORY_MIB });
    await guest.protectedNow();
    await guest.beginStory(TYPE_EVERY_MS, COUNT_EVERY_SECONDS);
    guests.push(guest);
    process.stderr.write(`${vm} of ${vms} VMs are protected\n`);
  }
  const startedMs = performance.now();
  const outcome = await restartAllWorkers(at, guests, (text) => process.stderr.write(`${text}\n`));
  problems = outcome.problems.length;
  process.stdout.write(`${JSON.stringify({ vms, seconds: Math.round((performance.now() - startedMs) / 1000), ...outcome })}\n`);
} finally {
  await at.stop();
}
process.exit(problems === 0 ? 0 : 1);
