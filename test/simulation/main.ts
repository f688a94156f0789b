/**
 * `npm run simulate -- [--seed N] [--steps M] [--minutes T] [--faults LIST] [--vms N] [--guest machine] [--trace]`: simulated worlds, one seed after the
 * other, until the time is over or a checker finds something. Without a time it is the one seed. `--guest machine` needs `npm run build`.
 *
 * On stderr each run says what it is before it begins, so that one that hangs can be told; on stdout is one JSON line of figures at
 * the end. Exit status 1: a violation; then the shortest run that shows it again has been looked for, and printed.
 */
import { parseArgs } from "node:util";
import { addFigures, noFigures } from "./figures.ts";
import { guestsOf } from "./guests.ts";
import { type RunForm, readFaults, readNumber, runCommand, writeRun } from "./run-form.ts";
import { type Found, shrink } from "./shrink.ts";
import { Simulation, SimulationFailure } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    steps: { type: "string", default: "3000" },
    minutes: { type: "string" },
    faults: { type: "string", default: "all" },
    vms: { type: "string" },
    guest: { type: "string", default: "model" },
    trace: { type: "boolean", default: false },
  },
});
const { first, minutes } = asked();
const total = noFigures();
const start = performance.now();
let trace = "";
for (let seed = first.seed; seed === first.seed || performance.now() - start < minutes * 60_000; seed++) {
  if (!run({ ...first, seed })) break;
}
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage();
const cpuSeconds = (user + system) / 1e6;
const figures = {
  ...total,
  trace,
  seconds: Number(seconds.toFixed(1)),
  cpuSeconds: Number(cpuSeconds.toFixed(1)),
  killsPerCpuSecond: Math.round(total.kills / cpuSeconds),
};
process.stdout.write(`${JSON.stringify(figures)}\n`);

/** @returns false: it found something */
function run(form: RunForm): boolean {
  process.stderr.write(`${writeRun(form)}\n`);
  const simulation = simulate(form, values.trace);
  try {
    addFigures(total, simulation.run());
    // Of the last world: one seed, one trace.
    trace = simulation.trace.digest;
    return true;
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    process.stderr.write(`${error.message}\n${error.cause.stack}\nagain: ${runCommand(form)}\n`);
    process.exitCode = 1;
    const shortest = shrink(form, error, find);
    process.stderr.write(`shortest: ${runCommand(shortest)}\nkeep it: ${writeRun(shortest)}\n`);
    return false;
  }
}

function simulate(form: RunForm, told: boolean): Simulation {
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  return new Simulation({ ...form, guests: guestsOf(form.guest), ...(told ? { tell } : {}) });
}

function find(form: RunForm): Found | null {
  try {
    simulate(form, false).run();
    return null;
  } catch (error) {
    if (error instanceof SimulationFailure) return error;
    throw error;
  }
}

function asked(): { readonly first: RunForm; readonly minutes: number } {
  try {
    if (values.guest !== "model" && values.guest !== "machine")
      throw new SyntaxError(`guest is "model" or "machine", not "${values.guest}"`);
    return {
      minutes: values.minutes === undefined ? 0 : readNumber("minutes", values.minutes),
      first: {
        seed: readNumber("seed", values.seed),
        steps: readNumber("steps", values.steps),
        guest: values.guest,
        faults: readFaults(values.faults),
        vms: values.vms === undefined ? null : readNumber("vms", values.vms),
      },
    };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    process.stderr.write(`Cannot simulate: ${error.message}\n`);
    process.exit(2);
  }
}
