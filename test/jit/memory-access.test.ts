/**
 * Accesses that share one look at the TLB, in a group or from one pass of a loop to the next, where what was seen there ends between
 * two of them: the page is unmapped, mapped elsewhere, becomes a page table's, holds code that is written, ends, is a device's. The
 * programs check themselves; here they go through the interpreter's states too, in pieces that cut groups and loops anywhere.
 */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import type { MachineAddresses, PageSource } from "../../src/jit/index.ts";
import { fixture, RATE } from "../machine/guest-run.ts";
import { type MachineBuild, machineModule } from "../support/machine-module.ts";

const LIMIT = 200_000n;
/** Has regions entered at heads of loops alone: an entry in a loop has its accesses look at the TLB each time. */
class LoopCompiler extends ImmediateCompiler {
  override request(pages: readonly PageSource[], machine: MachineAddresses): void {
    const atLoops = pages.map((source) => ({ ...source, seeds: loopHeads(source.page), entries: [], all: false }));
    super.request(
      atLoops.filter(({ seeds }) => seeds.length > 0),
      machine,
    );
  }
}

/** With their last checks. */
const PROGRAMS = [
  ["access-groups", 9, ImmediateCompiler],
  ["kept-pages", 9, ImmediateCompiler],
  ["kept-pages", 9, LoopCompiler],
] as const;

/** Where conditional branches of 32-bit instructions lead back to. */
function loopHeads(page: Uint8Array): readonly number[] {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  const heads = new Set<number>();
  for (let at = 0; at < page.length; at += 4) {
    const bits = view.getInt32(at, true);
    if ((bits & 0x7f) !== 0x63 || bits >= 0) continue;
    heads.add(at + ((bits >> 31) << 12) + (((bits >> 7) & 1) << 11) + (((bits >> 25) & 0x3f) << 5) + (((bits >> 8) & 15) << 1));
  }
  return [...heads].filter((head) => head >= 0);
}

/** @param longest instructions between two looks at the state, where the hash makes every page clean again */
function tell(program: string, build: MachineBuild, longest: number, regions?: RegionOptions): { story: string[]; vm: VirtualMachine } {
  const vm = new VirtualMachine(machineModule(build), { memoryMiB: 2, ...(regions && { regions }) });
  vm.loadProgram(fixture(`programs/${program}.bin`));
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

describe.each(PROGRAMS.flatMap(([program, last, Compiler]) => [3, 40, 1000].map((longest) => ({ program, last, Compiler, longest }))))(
  "$program in pieces of at most $longest instructions, by $Compiler.name",
  ({ program, last, Compiler, longest }) => {
    const interpreted = tell(program, "machine", longest);

    test("passes its own checks", () => {
      expect(interpreted.story.at(-1)).toBe(`poweroff in check ${last}`);
    });

    test.each<MachineBuild>(["machine", "machine-tiny-tlb"])("is translated, on the build %s, in the interpreter's states", (build) => {
      const regions = { compiler: new Compiler(), sampleInterval: 3, threshold: 1, landings: 2 };
      const { story, vm } = tell(program, build, longest, regions);
      expect(story).toEqual(interpreted.story);
      // In pieces of three there is hardly a block that fits.
      expect(vm.regionStatistics()?.retired).toBeGreaterThan(longest === 3 ? 0 : 1000);
    });
  },
);
