/**
 * Groups of accesses that share one look at the TLB, where what was seen there ends between two of them: the page is unmapped, mapped
 * elsewhere, becomes a page table's, holds code that is written, ends, is a device's. The program checks itself; here it goes through
 * the interpreter's states too, in pieces that cut groups anywhere.
 */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { fixture, RATE } from "../machine/guest-run.ts";
import { type MachineBuild, machineModule } from "../support/machine-module.ts";

const LIMIT = 200_000n;
const image = fixture("programs/access-groups.bin");

/** @param longest instructions between two looks at the state, where the hash makes every page clean again */
function tell(build: MachineBuild, longest: number, regions?: RegionOptions): { story: string[]; vm: VirtualMachine } {
  const vm = new VirtualMachine(machineModule(build), { memoryMiB: 2, ...(regions && { regions }) });
  vm.loadProgram(image);
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  const cuts = new Prng(longest);
  const story: string[] = [];
  while (vm.halt === null && vm.instant < LIMIT) {
    vm.run(vm.instant + BigInt(cuts.between(1, longest)), true);
    story.push(`${vm.instant} ${vm.hash().toString(16)} pc ${vm.programCounter.toString(16)}`);
  }
  story.push(`${vm.halt} in check ${vm.registers()[3]}`);
  return { story, vm };
}

describe.each([3, 40, 1000])("in pieces of at most %i instructions", (longest) => {
  const interpreted = tell("machine", longest);

  test("the program passes its own checks", () => {
    expect(interpreted.story.at(-1)).toBe("poweroff in check 9");
  });

  test.each<MachineBuild>(["machine", "machine-tiny-tlb"])("translated, on the build %s, it is in the interpreter's states", (build) => {
    const { story, vm } = tell(build, longest, { compiler: new ImmediateCompiler(), sampleInterval: 3, threshold: 1, landings: 2 });
    expect(story).toEqual(interpreted.story);
    // In pieces of three there is hardly a block that fits.
    expect(vm.regionStatistics()?.retired).toBeGreaterThan(longest === 3 ? 0 : 1000);
  });
});
