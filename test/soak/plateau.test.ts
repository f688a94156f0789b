/** The rule of the soak: what grows without end is found, what only swings is not. */
import { expect, test } from "vitest";
import { judge } from "./plateau.ts";

function series(length: number, value: (at: number) => number): number[] {
  return Array.from({ length }, (_, at) => value(at));
}

const CASES: readonly (readonly [what: string, samples: readonly number[], plateau: boolean])[] = [
  ["that grows at the same pace to its end", series(200, (at) => 1000 + 10 * at), false],
  ["that grows in the warm-up alone", series(200, (at) => Math.min(at, 40) * 50), true],
  ["that swings", series(200, (at) => 1000 + 300 * Math.sin(at)), true],
  ["that grows slower and slower", series(200, (at) => 5000 * (1 - Math.exp(-at / 20))), true],
  ["that leaps near its end", series(200, (at) => (at === 190 ? 1100 : 1000)), false],
  ["of a few samples", series(5, () => 1), false],
];

test.each(CASES)("a measure %s is judged", (_, samples, plateau) => {
  expect(judge(samples).plateau).toBe(plateau);
});
