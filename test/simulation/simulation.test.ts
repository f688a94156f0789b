/** Whole clusters under seeded faults: the protocol keeps its invariants, and what breaks them is found. */
import { describe, expect, test } from "vitest";
import { BUGS } from "./bugs.ts";
import { Violation } from "./checkers/violation.ts";
import { addFigures, noFigures } from "./figures.ts";
import { guestsOf } from "./guests.ts";
import { MODEL_GUESTS } from "./model-guest.ts";
import { type Decorator, Simulation, SimulationFailure } from "./simulation.ts";

const SEEDS = 25;
const STEPS = 2000;
/** Worlds in which a deliberate bug must show. */
const BUG_SEEDS = 60;

test(`${SEEDS} worlds under faults keep the invariants, and heal`, () => {
  const total = noFigures();
  for (let seed = 1; seed <= SEEDS; seed++) {
    addFigures(total, new Simulation({ seed, steps: STEPS, guests: MODEL_GUESTS }).run());
  }
  // They would prove little if nothing had happened.
  expect(total.kills).toBeGreaterThan(SEEDS * 5);
  expect(total.promotions).toBeGreaterThan(SEEDS);
  expect(total.pairings).toBeGreaterThan(SEEDS);
});

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

/** Who finds each of `BUGS`: a checker by its name, or "replica", which asserts what its peers must keep to. */
const FOUND_BY: Readonly<Record<string, string>> = {
  "output is released before it is acknowledged": "synced set holds records",
  "a record is acknowledged before it was received": "replica",
  "a backup promotes itself without the arbiter": "one writer",
  "a refusal of the arbiter is taken for a grant": "one writer",
  "a term is used again": "replica",
  "a backup joins without the first record of the log": "replica",
  "a backup joins without the table of input sessions": "replica",
  "input is acknowledged and not logged": "released output",
};

describe("it is found that", () => {
  test.each(Object.entries(BUGS))("%s", (name, decorate) => {
    expect(finder(decorate)).toBe(FOUND_BY[name]);
  });
});

/** @returns who finds a violation first; null: nobody */
function finder(decorate: Decorator): string | null {
  for (let seed = 1; seed <= BUG_SEEDS; seed++) {
    try {
      new Simulation({ seed, steps: STEPS, guests: MODEL_GUESTS, decorate }).run();
    } catch (error) {
      if (error instanceof SimulationFailure && error.cause instanceof Violation) return error.cause.checker;
      throw error;
    }
  }
  return null;
}
