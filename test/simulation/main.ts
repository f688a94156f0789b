/**
 * `npm run simulate -- [--seed N] [--steps M] [--minutes T]`: simulated worlds, one seed after the other, until the time is over or
 * a checker finds something.
 *
 * On stdout at the end one JSON line of figures. Exit status 1: a violation; then the command that shows it again has been printed.
 */
import { parseArgs } from "node:util";
import { MODEL_GUESTS } from "./model-guest.ts";
import { type Figures, noFigures, Simulation, SimulationFailure } from "./simulation.ts";

const { values } = parseArgs({ options: { seed: { type: "string" }, steps: { type: "string" }, minutes: { type: "string" } } });
const first = positive("seed", values.seed ?? "1");
const steps = positive("steps", values.steps ?? "3000");
/** Without a time it is the one seed. */
const minutes = values.minutes === undefined ? 0 : positive("minutes", values.minutes);

const total = noFigures();
const start = performance.now();
for (let seed = first; seed === first || performance.now() - start < minutes * 60_000; seed++) {
  const simulation = new Simulation({ seed, steps, guests: MODEL_GUESTS });
  if (minutes === 0) process.stderr.write(`seed=${seed} faults=${simulation.plan.profile.name}\n`);
  try {
    add(simulation.run());
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    process.stderr.write(`seed=${seed} faults=${simulation.plan.profile.name}\n${error.message}\n${error.cause.stack}\n`);
    process.stderr.write(`again: npm run simulate -- --seed ${seed} --steps ${steps}\n`);
    process.exitCode = 1;
    break;
  }
}
const seconds = (performance.now() - start) / 1000;
const figures = { ...total, seconds: Number(seconds.toFixed(1)), killsPerSecond: Math.round(total.kills / seconds) };
process.stdout.write(`${JSON.stringify(figures)}\n`);

function add(figures: Figures): void {
  for (const name of Object.keys(total) as (keyof Figures)[]) total[name] += figures[name];
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(`Cannot simulate with --${name} ${text}: it is a whole number from 1 on\n`);
  process.exit(2);
}
