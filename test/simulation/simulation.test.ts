/** Whole clusters under seeded faults: the protocol keeps its invariants, and the checkers find what breaks them. */
import { describe, expect, test } from "vitest";
import { BUGS } from "./bugs.ts";
import { MODEL_GUESTS } from "./model-guest.ts";
import { noFigures, Simulation, SimulationFailure } from "./simulation.ts";

const SEEDS = 25;
const STEPS = 2000;
/** Worlds in which a deliberate bug must show. */
const BUG_SEEDS = 60;

test(`${SEEDS} worlds under faults keep the invariants, and heal`, () => {
  const total = noFigures();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { kills, promotions, pairings } = new Simulation({ seed, steps: STEPS, guests: MODEL_GUESTS }).run();
    total.kills += kills;
    total.promotions += promotions;
    total.pairings += pairings;
  }
  // They would prove little if nothing had happened.
  expect(total.kills).toBeGreaterThan(SEEDS * 5);
  expect(total.promotions).toBeGreaterThan(SEEDS);
  expect(total.pairings).toBeGreaterThan(SEEDS);
});

test("a seed is one run, every time", () => {
  const run = () => new Simulation({ seed: 12, steps: STEPS, guests: MODEL_GUESTS }).run();
  expect(run()).toEqual(run());
});

describe("the checkers find that", () => {
  test.each(Object.entries(BUGS))("%s", (_name, decorate) => {
    const find = (): void => {
      for (let seed = 1; seed <= BUG_SEEDS; seed++) new Simulation({ seed, steps: STEPS, guests: MODEL_GUESTS, decorate }).run();
    };
    expect(find).toThrow(SimulationFailure);
  });
});
