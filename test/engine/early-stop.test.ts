/**
 * A run that another thread asks to stop ends long before its limit, and the guest cannot tell where: from there it goes on to the
 * states of a machine that nobody stopped.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import { StopRequest } from "../../src/engine/stop-request.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";

/** Days of it. */
const FAR = 1n << 50n;
/** What is executed at most once it is asked; a slice, at whose end the host comes by, is 100,000. */
const SOON = 40_000n;
/** And at least, so that a guest moves however often it is asked. */
const LEAST = 4000n;
const RATE = 1 << 24;

const module = machineModule();

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

const GUESTS = {
  // auipc t0, 1; ld a0, 0(t0); addi a0, a0, 1; sd a0, 0(t0); jal x0, -12
  "counts in memory": words(0x00001297, 0x0002b503, 0x00150513, 0x00a2b023, 0xff5ff06f),
  // A loop of two blocks: auipc t0, 1; addi a0, a0, 1; andi a1, a0, 1; beq a1, x0, 8; addi a2, a2, 1; jal x0, -16
  branches: words(0x00001297, 0x00150513, 0x00157593, 0x00058463, 0x00160613, 0xff1ff06f),
  // auipc t0, 0; addi t0, t0, 16; csrrw x0, mtvec, t0; addi a0, a0, 1; ecall; which comes to the fourth again: mtvec is aligned.
  "traps for ever": words(0x00000297, 0x01028293, 0x30529073, 0x00000013, 0x00150513, 0x00000073),
};

const ENGINES = {
  interpreted: () => undefined,
  translated: () => ({ compiler: new ImmediateCompiler(), sampleInterval: 100, threshold: 2, landings: 4 }),
};

function machine(image: Uint8Array, engine: keyof typeof ENGINES, stopRequest?: StopRequest): VirtualMachine {
  const regions = ENGINES[engine]();
  const vm = new VirtualMachine(module, { memoryMiB: 1, ...(regions && { regions }), ...(stopRequest && { stopRequest }) });
  vm.loadProgram(image);
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  return vm;
}

describe.each(Object.keys(ENGINES) as (keyof typeof ENGINES)[])("%s", (engine) => {
  test.each(Object.entries(GUESTS))("a guest that %s ends soon where it is asked to, in a state that it comes to anyway", (_, image) => {
    const request = new StopRequest();
    const vm = machine(image, engine, request);
    const unstopped = machine(image, "interpreted");
    expect(vm.run(500_000n, false)).toBe("limit");
    request.ask();
    for (let round = 0; round < 20; round++) {
      const before = vm.instant;
      expect(vm.run(FAR, false)).toBe("stopped");
      expect(vm.instant - before).toBeGreaterThanOrEqual(LEAST);
      expect(vm.instant - before).toBeLessThan(SOON);
      unstopped.run(vm.instant, true);
      expect(vm.hash()).toBe(unstopped.hash());
    }
    if (engine === "translated") expect(vm.regionStatistics()?.retired).toBeGreaterThan(100_000);
  });

  test("a run that is exact goes on to its end, asked or not, and so does one that is no longer asked", () => {
    const request = new StopRequest();
    const vm = machine(GUESTS.branches, engine, request);
    request.ask();
    expect([vm.run(1_000_000n, true), vm.instant]).toEqual(["limit", 1_000_000n]);
    request.withdraw();
    expect([vm.run(2_000_000n, false), vm.instant]).toEqual(["limit", 2_000_000n]);
  });

  test("a run ends where another thread asks in the middle of it", async () => {
    const request = new StopRequest();
    const vm = machine(GUESTS["counts in memory"], engine, request);
    vm.run(500_000n, true);
    const begun = new Int32Array(new SharedArrayBuffer(4));
    const asker = new Worker(
      `const { workerData: { memory, begun } } = require("node:worker_threads");
      Atomics.wait(begun, 0, 0);
      Atomics.store(new Int32Array(memory.buffer), 0, 1);`,
      { eval: true, workerData: { memory: request.memory, begun } },
    );
    const exited = once(asker, "exit");
    await once(asker, "online");
    Atomics.store(begun, 0, 1);
    Atomics.notify(begun, 0);
    expect(vm.run(FAR, false)).toBe("stopped");
    expect(vm.instant).toBeLessThan(FAR);
    await exited;
  });
});
