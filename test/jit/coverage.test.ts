/** How much of what a guest executes is translated, where its code is of a kind that is easily left to the interpreter. */
import { expect, test } from "vitest";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { GuestRun } from "../machine/guest-run.ts";
import { ADDI, jump, pageOf } from "./encode.ts";

const plain = (count: number): number[] => Array.from({ length: count }, () => ADDI);

/** So many times an instruction and a jump over two. */
const jumpingAhead = (times: number): number[] => Array.from({ length: times }, () => [ADDI, jump(0, 12), ADDI, ADDI]).flat();

/** @returns how many of the instructions from `from` to `to` were interpreted, in a state that is the interpreter's */
function interpreted(pages: readonly (readonly number[])[], from: bigint, to: bigint, options: Omit<RegionOptions, "compiler">): number {
  const image = Buffer.concat(pages.map(pageOf));
  const guest = new GuestRun({ image }, 8, { compiler: new ImmediateCompiler(), ...options });
  guest.to(from);
  const before = guest.vm.regionStatistics()?.retired ?? 0;
  guest.to(to);
  const interpreter = new GuestRun({ image }, 8);
  interpreter.to(to);
  expect(guest.hash).toBe(interpreter.hash);
  return Number(to - from) - ((guest.vm.regionStatistics()?.retired ?? 0) - before);
}

test("a loop of more instructions than a region may have is translated", () => {
  const loop = [...plain(900), jump(0, -900 * 4)];
  expect(interpreted([loop], 2_000_000n, 4_000_000n, { sampleInterval: 500, threshold: 2 })).toBeLessThan(20_000);
});

test("of the next instruction it is known whether a region was made from it", () => {
  const guest = new GuestRun({ image: pageOf([ADDI, ADDI, jump(0, -4), ADDI]) }, 8, { compiler: new ImmediateCompiler(), threshold: 2 });
  expect(guest.vm.nextCode).toBe("unknown");
  guest.to(100n);
  expect(guest.vm.nextCode).toBe("page without regions");
  guest.to(1_000_000n);
  expect(guest.vm.nextCode).toBe("in a region");
});

test("a place that translated code comes to is translated after so many times, however few instructions run there", () => {
  // A loop of jumps to as many places in the next page, each of which is ten instructions and a jump back.
  const places = 60;
  const calls = Array.from({ length: places }, (_, index) => jump(0, 4096 + (index * 11 - index) * 4));
  const there = calls.flatMap((_, index) => {
    const back = index + 1 === places ? 0 : index + 1;
    return [...plain(10), jump(0, back * 4 - 4096 - (index * 11 + 10) * 4)];
  });
  const options = { sampleInterval: 2048, threshold: 4 };
  expect(interpreted([calls, there], 1_500_000n, 2_000_000n, { ...options, landings: 10 })).toBeLessThan(5_000);
  expect(interpreted([calls, there], 1_500_000n, 2_000_000n, { ...options, landings: 0 })).toBeGreaterThan(400_000);
});

test.for([
  { loop: "of one block", image: pageOf([...plain(32), jump(0, -32 * 4)]) },
  { loop: "with jumps inside, to where the interpreter is often sampled", image: pageOf([...jumpingAhead(16), jump(0, -16 * 4 * 4)]) },
])("where slices end is no place to enter a loop at, however often one ends there: $loop", ({ image }) => {
  // The slices of the 33 instructions of a loop's pass end at each of them in turn.
  const regions: RegionOptions = { compiler: new ImmediateCompiler(), sampleInterval: 16, threshold: 4, landings: 8 };
  const guest = new GuestRun({ image }, 8, regions);
  for (let to = 34n; to <= 34n * 10_000n; to += 34n) guest.to(to);
  expect(guest.vm.regionStatistics()).toMatchObject({ requested: 1, regions: 1 });
});
