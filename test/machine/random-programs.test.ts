/**
 * Random programs on several machines that differ in nothing but how they are run: at once, in random pieces, with hashes taken
 * in between, moved to other machines. All must be in the same state at the same instants: what a machine caches never shows.
 *
 * `MACHINE_SEED=n npx vitest run …` runs the program of one seed.
 */
import { expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { LocalMachine } from "../determinism/machine-host.ts";
import { PROGRAM_INSTRUCTIONS, PROGRAM_MEMORY_MIB, tellProgram } from "../determinism/stories.ts";
import { Traveller } from "../determinism/traveller.ts";

const PROGRAMS = 120;

const seeds = process.env.MACHINE_SEED ? [Number(process.env.MACHINE_SEED)] : Array.from({ length: PROGRAMS }, (_, index) => index + 1);

test(`${seeds.length} random programs are the same however they are run`, async () => {
  const machine = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "interpreter" });
  const other = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "interpreter" });
  let instructions = 0;
  for (const seed of seeds) {
    const told = await tellProgram(machine, seed);
    instructions += Number(told.at(-1)?.split(" ")[0]);

    const cuts = new Prng(-seed);
    const pieces = new Traveller([machine], cuts, { longestPiece: 60 });
    expect(await tellProgram(pieces, seed), `seed ${seed}, in short pieces`).toEqual(told);
    const hashed = new Traveller([machine], cuts, { longestPiece: 400, hashOneIn: 2 });
    expect(await tellProgram(hashed, seed), `seed ${seed}, hashed in between`).toEqual(told);
    const moved = new Traveller([machine, other], cuts, { longestPiece: 3000, moveOneIn: 1 });
    expect(await tellProgram(moved, seed), `seed ${seed}, moved in between`).toEqual(told);
  }
  // Most of them run on to their end: they would prove little if they halted at once.
  expect(instructions).toBeGreaterThan((seeds.length * PROGRAM_INSTRUCTIONS) / 2);
});
