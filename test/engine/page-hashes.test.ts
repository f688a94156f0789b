/** Which pages a machine says it has changed, and what two replicas make of it. */
import { expect, test } from "vitest";
import { pageName } from "../../src/engine/page-hashes.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { differingPages } from "../../src/hypervisor/differing-pages.ts";
import { machineModule } from "../support/machine-module.ts";

const module = machineModule();
const RAM_PAGE = 0x80000;

/** Counts in t0 and stores it at the start of each page from 0x80100000 on: auipc t1, 0x100; lui t2, 1; 1: sd t0, 0(t1); addi t0, t0, 1; add t1, t1, t2; j 1b. */
const WRITER = new Uint8Array(new Uint32Array([0x00100317, 0x000013b7, 0x00533023, 0x00128293, 0x00730333, 0xff5ff06f]).buffer);

function writer(): VirtualMachine {
  const vm = new VirtualMachine(module, { memoryMiB: 4 });
  vm.loadProgram(WRITER);
  vm.beginEpoch({ time: 0n, rate: 1 << 20 }, []);
  return vm;
}

function pagesOf(changes: BigUint64Array): bigint[] {
  return [...changes].filter((_word, index) => index % 3 === 0);
}

/** @returns the hash, and the changes since this was asked last */
function look(vm: VirtualMachine): { hash: bigint; changes: BigUint64Array } {
  return { hash: vm.hash(), changes: vm.changedPages() };
}

test("a look lists the pages written since the look before, in order, with their hashes before and now", () => {
  const vm = writer();
  const first = look(vm);
  expect(pagesOf(first.changes).map(pageName)).toEqual(["hart", "devices", "ram 0x80000000"]);
  // 600 pages: more than the machine hands over at once.
  vm.run(vm.instant + 2n + 600n * 4n, true);
  const second = look(vm);
  const pages = pagesOf(second.changes);
  expect(pages.slice(1)).toEqual(Array.from({ length: 599 }, (_, i) => BigInt(RAM_PAGE + 0x100 + 1 + i))); // page 0 got a 0
  expect(second.changes[1]).toBe(first.changes[2]);
  expect(second.hash).not.toBe(first.hash);
  expect(look(vm)).toEqual({ hash: second.hash, changes: new BigUint64Array() });
});

test("a hash that was taken in between, for a transfer, hides no change from the next look", () => {
  const vm = writer();
  look(vm);
  vm.run(vm.instant + 2n + 20n * 4n, true);
  vm.beginCapture();
  while (vm.captureState(4096, false).pagesLeft > 0) vm.hash();
  expect(pagesOf(look(vm).changes)).toHaveLength(1 + 19);
});

const flips = [
  { name: "ram that the guest writes no more", page: RAM_PAGE + 0x101, offset: 9, bit: 7 },
  { name: "ram that the guest never wrote", page: RAM_PAGE + 0x3ff, offset: 4095, bit: 0 },
  { name: "a register", page: 1, offset: 27 * 8, bit: 3 },
  { name: "a device", page: 2, offset: 416, bit: 2 },
] as const;

for (const { name, page, offset, bit } of flips) {
  test(`a bit that flips in ${name} makes that page the one that differs`, () => {
    const [a, b] = [writer(), writer()];
    for (const vm of [a, b]) {
      vm.run(vm.instant + 300n, true);
      look(vm);
    }
    b.flipBit(page, offset, bit);
    // However the runs are cut, and whatever was hashed in between.
    a.run(a.instant + 1000n, true);
    b.run(b.instant + 400n, true);
    b.hash();
    b.run(b.instant + 600n, true);
    const [ours, theirs] = [look(a), look(b)];
    expect(theirs.hash).not.toBe(ours.hash);
    const differing = differingPages([ours.changes], [theirs.changes]);
    expect(differing.map((difference) => difference.page)).toEqual([BigInt(page)]);
    b.flipBit(page, offset, bit);
    expect(b.hash()).toBe(ours.hash);
  });
}
