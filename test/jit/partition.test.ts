/** How a page with more code than one region may have becomes several, none of which leaves to where the others cannot be entered. */
import { expect, test } from "vitest";
import { partition } from "../../src/jit/index.ts";
import { ADDI, branchNotEqual, jump, pageOf, RETURN } from "./encode.ts";

const MAXIMUM = 100;

function check(words: readonly number[], seeds: readonly number[], starts: readonly number[]): (readonly number[])[] {
  const page = pageOf(words);
  const executed = new Uint8Array(2048).fill(1, 0, words.length * 2);
  const parts = partition(page, executed, seeds, false, MAXIMUM);
  expect(parts.map((part) => part.executed.indexOf(1) * 2)).toEqual(starts);
  // Each halfword is in one part.
  expect(executed.map((_, half) => parts.reduce((sum, part) => sum + (part.executed[half] ?? 0), 0))).toEqual(executed);
  return parts.map((part) => [...part.seeds].sort((a, b) => a - b));
}

const plain = (count: number): number[] => Array.from({ length: count }, () => ADDI);

test("what one region may have is one part", () => {
  expect(check([...plain(MAXIMUM - 1), RETURN], [0], [0])).toEqual([[0]]);
});

test("functions are not cut", () => {
  const words = [...plain(69), RETURN, ...plain(59), RETURN, ...plain(79), RETURN];
  expect(check(words, [0, 280, 520], [0, 280, 520])).toEqual([[0], [280], [520]]);
});

test("a function that is longer than a region is cut where it is entered then", () => {
  expect(check([...plain(149), RETURN], [0], [0, 400])).toEqual([[0], [400]]);
});

test("a loop is not cut where a cut beside it will do", () => {
  // 60 instructions, a loop of 60 more, and the way out.
  const words = [...plain(60), ...plain(59), branchNotEqual(-59 * 4), ...plain(10), RETURN];
  expect(check(words, [0], [0, 240])).toEqual([[0], [240]]);
});

test("what another part jumps to is an entry, and where the guest comes back to from a call", () => {
  // The first function calls one in the second part, and jumps to the middle of it.
  const loops = [...plain(58), branchNotEqual(-58 * 4), branchNotEqual(-59 * 4), RETURN];
  const words = [...plain(49), jump(1, 31 * 4), jump(0, 40 * 4), ...plain(9), ...loops];
  expect(check(words, [0, 240], [0, 240])).toEqual([
    [0, 200],
    [240, 320, 360],
  ]);
});

test("all that was executed is what nothing leads to, too", () => {
  const words = [...plain(9), RETURN, ...plain(4), RETURN, ...plain(4), RETURN];
  const page = pageOf(words);
  // All but the second function; each instruction is marked where it begins.
  const executed = Uint8Array.from({ length: 2048 }, (_, half) => (half % 2 === 0 && half < 40 && (half < 20 || half >= 30) ? 1 : 0));
  const seedsOf = (all: boolean) => partition(page, executed, [8], all).map(({ seeds }) => [...seeds].sort((a, b) => a - b));
  expect(seedsOf(false)).toEqual([[8]]);
  expect(seedsOf(true)).toEqual([[0, 8, 60]]);
});
