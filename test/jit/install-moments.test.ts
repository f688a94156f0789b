/**
 * Whenever a region is installed, and whenever it is dropped, the guest is where the interpreter is: answers come late, in any order
 * and again, regions are dropped at random moments, and after each of thousands of random pieces the states are compared.
 *
 * `npm run determinism` goes on with other seeds. `MACHINE_SEED=n npx vitest run …` runs the program of one seed.
 */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { CLOCK_RATE_INSTRUCTIONS, type EpochInput } from "../../src/engine/epoch.ts";
import { Lockstep } from "../determinism/lockstep.ts";
import { LocalMachine } from "../determinism/machine-host.ts";
import { LINUX_CODE, LINUX_MEMORY_MIB, linuxAtReset, PROGRAM_CODE, PROGRAM_MEMORY_MIB, tellProgram } from "../determinism/stories.ts";
import { WORK_COMMAND, withWork } from "../support/guest-work.ts";
import { INPUT_SESSION, LinuxGuest, linuxFiles } from "../support/linux-guest.ts";

const PROGRAMS = 8;
const LONGEST_PIECE = 10_000;
const EPOCH_INSTRUCTIONS = 10_000;
/** Of the boot's beginning, and of the guest's work. */
const LINUX_INSTRUCTIONS = 6_000_000n;
/** 0.2 ticks, 20 ns, each. */
const RATE = Math.trunc(0.2 * CLOCK_RATE_INSTRUCTIONS);

const longestPiece = () => LONGEST_PIECE;

const seeds = process.env.MACHINE_SEED ? [Number(process.env.MACHINE_SEED)] : Array.from({ length: PROGRAMS }, (_, index) => index + 1);

test(`${seeds.length} random programs, each in pieces of 1 to ${LONGEST_PIECE} instructions, never leave the interpreter's states`, async () => {
  let translated = 0;
  const interpreter = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "interpreter" });
  for (const seed of seeds) {
    const translator = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "translates-erratically", seed });
    const machines = new Lockstep(interpreter, translator, new Prng(seed), { what: `seed ${seed}`, longestPiece, code: PROGRAM_CODE });
    for (const flavour of ["mixed", "float"] as const) await tellProgram(machines, seed, flavour, EPOCH_INSTRUCTIONS);
    translated += await machines.translated();
  }
  expect(translated).toBeGreaterThan(seeds.length * 1000);
});

describe("a Linux guest never leaves the interpreter's states", () => {
  const interpreter = new LocalMachine({ memoryMiB: LINUX_MEMORY_MIB, engine: "interpreter" });
  test("at the start of its boot", async () => {
    const translator = new LocalMachine({ memoryMiB: LINUX_MEMORY_MIB, engine: "translates-erratically", seed: 1 });
    const machines = new Lockstep(interpreter, translator, new Prng(1), { what: "Linux", longestPiece, code: LINUX_CODE });
    const { time } = await machines.restore(linuxAtReset(await linuxFiles()));
    await machines.beginEpoch({ time, rate: RATE }, []);
    await machines.run(LINUX_INSTRUCTIONS);
    expect(await machines.translated()).toBeGreaterThan(Number(LINUX_INSTRUCTIONS) / 10);
  });

  test("at its work", async () => {
    const guest = new LinuxGuest(withWork(await linuxFiles()), LINUX_MEMORY_MIB);
    guest.runUntil("# ");
    const translator = new LocalMachine({ memoryMiB: LINUX_MEMORY_MIB, engine: "translates-erratically", seed: 2 });
    const machines = new Lockstep(interpreter, translator, new Prng(2), { what: "Linux", longestPiece, code: LINUX_CODE });
    let position = await machines.restore(guest.vm.snapshot());
    const limit = position.instant + LINUX_INSTRUCTIONS;
    let inputs: EpochInput[] = [
      { kind: "console", inputSession: INPUT_SESSION, offset: 0n, bytes: new TextEncoder().encode(WORK_COMMAND) },
    ];
    while (position.instant < limit) {
      await machines.beginEpoch({ time: position.wakeTime ?? position.time, rate: RATE }, inputs);
      inputs = [];
      position = await machines.run(limit);
    }
    expect(await machines.translated()).toBeGreaterThan(Number(LINUX_INSTRUCTIONS) / 10);
  });
});
