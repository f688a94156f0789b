/** Whole clusters under seeded faults: the protocol keeps its invariants, and what breaks them is found. */
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { BUGS, type Bug, CRUDE_BUGS, type KnownBug } from "./bugs.ts";
import { FaultPlan } from "./faults.ts";
import { addFigures, noFigures } from "./figures.ts";
import { guestsOf } from "./guests.ts";
import { MODEL_GUESTS } from "./model-guest.ts";
import { type RunForm, readRun, writeRun } from "./run-form.ts";
import { type Found, shrink } from "./shrink.ts";
import { backupsMaxOf, Simulation, SimulationFailure } from "./simulation.ts";

const SEEDS = 20;
const STEPS = 2000;
/** Seeds of worlds in which a deliberate bug must show. */
const BUG_SEEDS = 1000;

test(`${SEEDS} worlds under faults keep the invariants, and heal`, () => {
  const total = noFigures();
  for (let seed = 1; seed <= SEEDS; seed++) {
    addFigures(total, new Simulation({ seed, steps: STEPS, guests: MODEL_GUESTS }).run());
  }
  // They would prove little if nothing had happened.
  expect(total.kills).toBeGreaterThan(SEEDS * 5);
  expect(total.promotions).toBeGreaterThan(SEEDS);
  expect(total.pairings).toBeGreaterThan(SEEDS);
  expect(total.handedOver + total.madeToFail).toBeGreaterThan(0);
  expect(total.resizes).toBeGreaterThan(SEEDS);
});

for (const seed of [randomInt(1_000, 2 ** 31), randomInt(1_000, 2 ** 31), randomInt(1_000, 2 ** 31)]) {
  test(`a world that nobody has seen keeps the invariants, and heals: seed=${seed} faults=all steps=${STEPS} guest=model`, () => {
    expect(new Simulation({ seed, steps: STEPS, guests: MODEL_GUESTS }).run().worlds).toBe(1);
  });
}

test("worlds whose guests are a program on the real machine keep the invariants, and heal", () => {
  const total = noFigures();
  for (const seed of [1, 2, 4]) {
    const figures = new Simulation({ seed, steps: 400, guests: guestsOf("machine") }).run();
    addFigures(total, figures);
  }
  expect(total.promotions).toBeGreaterThan(3);
  expect(total.acknowledgedBytes).toBeGreaterThan(100);
});

test("a seed is one run, every time", () => {
  const run = (seed: number) => {
    const simulation = new Simulation({ seed, steps: STEPS, guests: MODEL_GUESTS });
    return { figures: simulation.run(), trace: simulation.trace.digest };
  };
  expect(run(12)).toEqual(run(12));
  expect(run(13).trace).not.toBe(run(12).trace);
});

test("runs that once found something find nothing any more", () => {
  const lines = readFileSync(fileURLToPath(new URL("seeds.txt", import.meta.url)), "utf8").split("\n");
  const forms = lines.filter((line) => line !== "" && !line.startsWith("#")).map(readRun);
  expect(forms.length).toBeGreaterThan(0);
  for (const form of forms) new Simulation({ ...form, guests: guestsOf(form.guest) }).run();
});

describe("a checker finds that", () => {
  test.each(Object.entries(BUGS))("%s", (_, bug) => {
    expect(finders(bug.make, bug.foundBy, bug)).toContain(bug.foundBy);
  });
});

describe("a replica does not go on where", () => {
  test.each(Object.entries(CRUDE_BUGS))("%s", (_, make) => {
    expect(finders(make, "replica", {})).toContain("replica");
  });
});

test("a failing run is made short, and the short one finds the same", () => {
  const { make, foundBy } = BUGS["the arbiter gives a term twice: it forgets that a primary went on alone"] as (typeof BUGS)[string];
  const run = (form: RunForm) => found(form, make);
  let seed = 20;
  const form = (): RunForm => ({ seed, steps: STEPS, guest: "model", faults: null, vms: null });
  while (run(form())?.checker !== foundBy) seed++;
  const first = run(form()) as Found;
  const short = shrink(form(), first, run, 60);
  expect(short.faults?.length).toBeLessThanOrEqual(Math.min(first.faults.length, 12));
  expect(short.steps).toBeLessThan(STEPS);
  const again = readRun(writeRun(short));
  expect(again).toEqual(short);
  expect(run(again)?.checker).toBe(foundBy);
});

function found({ seed, steps, faults, vms }: RunForm, bug: () => Bug): Found | null {
  try {
    new Simulation({ seed, steps, faults, vms, guests: MODEL_GUESTS, bug: bug() }).run();
    return null;
  } catch (error) {
    if (error instanceof SimulationFailure) return error;
    throw error;
  }
}

/** @returns who finds something, up to the first world in which `wanted` does */
function finders(
  bug: () => Bug,
  wanted: string,
  { profile, severalBackups }: Pick<KnownBug, "profile" | "severalBackups">,
): readonly string[] {
  const finders: string[] = [];
  for (let seed = 1; seed <= BUG_SEEDS && !finders.includes(wanted); seed++) {
    if (profile !== undefined && new FaultPlan(seed, null).profile.name !== profile) continue;
    if (severalBackups === true && backupsMaxOf(seed) === 1) continue;
    const finder = found({ seed, steps: STEPS, guest: "model", faults: null, vms: null }, bug)?.checker;
    if (finder !== undefined) finders.push(finder);
  }
  return finders;
}
