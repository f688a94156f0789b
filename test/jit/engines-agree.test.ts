/**
 * The interpreter against translated code: whatever is translated, whenever, the machine is in the same state at the same
 * instants. Everything that runs more than once is translated here, into few regions that push each other out; every other program
 * runs where TLBs have four entries, so that accesses hit, miss, and find other pages' entries.
 *
 * `MACHINE_SEED=n npx vitest run …` runs the program of one seed.
 */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { randomProgram } from "../machine/random-programs.ts";
import { machineModule } from "../support/machine-module.ts";

const PROGRAMS = 100;
const EPOCHS = 6;
const EPOCH_LENGTH = 1500;

const seeds = process.env.MACHINE_SEED ? [Number(process.env.MACHINE_SEED)] : Array.from({ length: PROGRAMS }, (_, index) => index + 1);

const module = machineModule();
const tinyTlb = machineModule("machine-tiny-tlb");

/** Tells a program's story: the state at the end of each piece. */
function tell(program: Uint8Array, seed: number, regions?: RegionOptions): { story: string[]; vm: VirtualMachine } {
  const machine = regions !== undefined && seed % 2 === 0 ? tinyTlb : module;
  const vm = new VirtualMachine(machine, { memoryMiB: 1, ...(regions === undefined ? {} : { regions }) });
  vm.loadProgram(program);
  const environment = new Prng(seed);
  const cuts = new Prng(-seed);
  const story: string[] = [];
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    const wake = vm.wakeTime;
    const rate = environment.between(1, 1 << environment.between(22, 26));
    const later = BigInt(environment.between(0, 40));
    vm.beginEpoch({ time: wake !== null && wake > vm.time ? wake : vm.time + later, rate }, []);
    for (const end = BigInt(epoch * EPOCH_LENGTH); vm.instant < end; ) {
      const next = vm.instant + BigInt(cuts.between(1, cuts.between(1, 600)));
      const before = vm.instant;
      vm.run(next < end ? next : end, true);
      story.push(`${vm.instant} ${vm.hash().toString(16)} pc ${vm.programCounter.toString(16)}${vm.halt === null ? "" : ` ${vm.halt}`}`);
      if (vm.instant === before) break;
    }
  }
  return { story, vm };
}

describe("translated code", () => {
  test(`leaves ${seeds.length} random programs in the interpreter's states`, () => {
    let translated = 0;
    let optimised = 0;
    for (const seed of seeds) {
      const program = randomProgram(new Prng(seed));
      const interpreted = tell(program, seed);
      const regions = {
        compiler: new ImmediateCompiler(),
        sampleInterval: 1 + (seed % 7),
        threshold: 1,
        landings: seed % 5 === 0 ? 1 : 512,
        maximum: 1 + (seed % 40),
        optimiseAfter: 1,
        linkLooks: 1 + (seed % 3),
      };
      const { story, vm } = tell(program, seed, regions);
      expect(story, `seed ${seed}`).toEqual(interpreted.story);
      translated += vm.regionStatistics()?.retired ?? 0;
      optimised += vm.regionStatistics()?.optimised ?? 0;
    }
    // They would prove little if nothing was translated.
    expect(translated).toBeGreaterThan(seeds.length * EPOCHS * 100);
    expect(optimised).toBeGreaterThan(seeds.length / 2);
  });
});
