/** Regions that lead to each other without the dispatcher: what a link leads to is what the machine has there now. */
import { describe, expect, test } from "vitest";
import { dispatcherModule, ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import { RegionLinks } from "../../src/engine/region-links.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { DISPATCHER_EXPORT, LINK_ENTRIES, LINK_MISSED, LINK_TABLE } from "../../src/jit/index.ts";
import { fixture, RATE } from "../machine/guest-run.ts";
import { machineModule } from "../support/machine-module.ts";

const PIECE = 100n;
const LIMIT = 1_000_000n;

// With three or four numbers, one is another region's at once, which is entered at the same place by the same entry.
test.each([2, 3, 4, 1000])("a call goes to the function that is there now, with %i regions at most", (maximum) => {
  const often = { sampleInterval: 3, threshold: 1, landings: 1, optimiseAfter: 1, linkLooks: 1 };
  const regions = { compiler: new ImmediateCompiler(), ...often, maximum };
  const vm = new VirtualMachine(machineModule(), { memoryMiB: 1, regions });
  vm.loadProgram(fixture("programs/rewrites-callee.bin"));
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  while (vm.halt === null && vm.instant < LIMIT) vm.run(vm.instant + PIECE, true);
  expect(vm.halt).toBe("poweroff");
  expect(vm.regionStatistics()?.optimised).toBeGreaterThan(2);
});

/** Any function of WebAssembly: none is called here. */
const [memory, anyTable] = [new WebAssembly.Memory({ initial: 1 }), new WebAssembly.Table({ element: "anyfunc", initial: 1 })];
const SOME = new WebAssembly.Instance(dispatcherModule(), { env: { memory, table: anyTable } }).exports[DISPATCHER_EXPORT];

/** As a region that was compiled for speed has them. */
function linkingInstance() {
  const table = new WebAssembly.Table({ element: "anyfunc", initial: LINK_ENTRIES.length });
  const entries = LINK_ENTRIES.map(() => new WebAssembly.Global({ value: "i64", mutable: true }, 0n));
  const missed = new WebAssembly.Global({ value: "i64", mutable: true }, 0n);
  const named = LINK_ENTRIES.map((name, index) => [name, entries[index]]);
  const instance = { exports: Object.fromEntries([[LINK_TABLE, table], [LINK_MISSED, missed], ...named]) } as WebAssembly.Instance;
  const linked = () => entries.flatMap(({ value }, index) => (value === 0n ? [] : [[value >> 32n, table.get(index) === SOME]]));
  const comesTo = (number: bigint) => {
    missed.value = (number << 32n) | 0xa0n;
  };
  return { instance, linked, comesTo, missed };
}

describe("the links of a region", () => {
  test("lead to where it went by the dispatcher", () => {
    const links = new RegionLinks();
    const { instance, linked, comesTo, missed } = linkingInstance();
    links.assign(1, instance);
    comesTo(7n);
    links.fill((number) => (number === 7 ? SOME : null));
    comesTo(8n);
    links.fill((number) => (number === 7 ? SOME : null));
    expect(linked()).toEqual([[7n, true]]);
    expect(missed.value).toBe(0n);
  });

  test("are taken back when their number is given to another region, or to nobody", () => {
    const links = new RegionLinks();
    const one = linkingInstance();
    const other = linkingInstance();
    links.assign(1, one.instance);
    links.assign(2, other.instance);
    for (const number of [2n, 3n, 4n]) {
      one.comesTo(number);
      other.comesTo(number);
      links.fill(() => SOME);
    }
    links.assign(3, linkingInstance().instance);
    expect(one.linked()).toEqual([
      [2n, true],
      [4n, true],
    ]);
    links.release(4);
    expect(one.linked()).toEqual([[2n, true]]);
    expect(other.linked()).toEqual([[2n, true]]);
  });

  test("hold nothing for a region that is dropped, once none of its numbers is left", () => {
    const links = new RegionLinks();
    const { instance, linked, comesTo } = linkingInstance();
    links.assign(1, instance);
    links.assign(2, instance);
    comesTo(5n);
    links.fill(() => SOME);
    links.release(1);
    expect(linked()).toEqual([[5n, true]]);
    links.release(2);
    expect(linked()).toEqual([]);
    comesTo(5n);
    links.fill(() => SOME);
    expect(linked()).toEqual([]);
  });

  test("are not changed for ever where it leads to many", () => {
    const links = new RegionLinks();
    const { instance, linked, comesTo } = linkingInstance();
    links.assign(1, instance);
    for (let number = 2n; number < 1000n; number++) {
      comesTo(number);
      links.fill(() => SOME);
    }
    expect(linked()).toEqual([62n, 63n, 64n, 65n].map((number) => [number, true]));
  });
});
