/** The clock rule and the timers against their definition, over epochs of many rates. */
import { expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";

const module = machineModule();
const S1 = 9;

/** Interrupts are on from this instant. */
const ENABLED = 10n;

/** Sets mtimecmp, or stimecmp by Sstc, and loops; the handler puts minstret into s1 and waits. */
function program(deadline: bigint, supervisorTimer: boolean): Uint8Array {
  const image = new Uint8Array(0x100);
  const view = new DataView(image.buffer);
  const setTimer = supervisorTimer
    ? [0x04833383, 0x30a39073, 0x14d29073] // ld t2, 0x48(t1); csrw menvcfg, t2; csrw stimecmp, t0
    : [0x020043b7, 0x0053b023, 0x00000013]; // lui t2, 0x2004; sd t0, 0(t2); nop
  const main = [
    ...[0x00000317, 0x04033283], // auipc t1, 0; ld t0, 0x40(t1)
    ...setTimer,
    ...[0x05033383, 0x30439073], // ld t2, 0x50(t1); csrw mie, t2
    ...[0x08030313, 0x30531073], // addi t1, t1, 0x80; csrw mtvec, t1
    ...[0x30046073, 0x0000006f], // csrsi mstatus, 8; j .
  ];
  const handler = [0xb02024f3, 0x30401073, 0x10500073, 0xffdff06f]; // csrr s1, minstret; csrw mie, zero; wfi; j .-4
  for (const [index, word] of main.entries()) view.setUint32(index * 4, word, true);
  for (const [index, word] of handler.entries()) view.setUint32(0x80 + index * 4, word, true);
  view.setBigUint64(0x40, deadline, true);
  view.setBigUint64(0x48, 1n << 63n, true); // STCE
  view.setBigUint64(0x50, supervisorTimer ? 1n << 5n : 1n << 7n, true); // STIE, MTIE
  return image;
}

interface Epoch {
  readonly start: bigint;
  readonly time: bigint;
  readonly rate: number;
}

function timeAt(epochs: readonly Epoch[], instant: bigint): bigint {
  const epoch = epochs.findLast(({ start }) => start <= instant)!;
  return epoch.time + ((instant - epoch.start) * BigInt(epoch.rate)) / BigInt(CLOCK_RATE_INSTRUCTIONS);
}

/** By bisection, since time never goes back. */
function firstInstant(epochs: readonly Epoch[], deadline: bigint, from: bigint, to: bigint): bigint {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) / 2n;
    if (timeAt(epochs, middle) >= deadline) high = middle;
    else low = middle + 1n;
  }
  return low;
}

test.each([false, true])(
  "a timer interrupts before the first instruction at which its time is reached (supervisor's: %s)",
  (supervisorTimer) => {
    const prng = new Prng(supervisorTimer ? 2 : 1);
    const vm = new VirtualMachine(module, { memoryMiB: 1 });
    const blank = vm.snapshot();
    let late = 0;
    for (let run = 0; run < 300; run++) {
      const deadline = 1000n + BigInt(prng.between(0, prng.between(1, 100_000)));
      vm.restore(blank);
      vm.loadProgram(program(deadline, supervisorTimer));
      const epochs: Epoch[] = [];
      for (let i = 0; i < 8 && !vm.waiting; i++) {
        const rate = prng.between(1, 2 ** prng.between(1, 32) - 1);
        epochs.push({ start: vm.instant, time: i === 0 ? 1000n : vm.time + BigInt(prng.between(0, 3)), rate });
        vm.beginEpoch(epochs.at(-1)!, []);
        vm.run(vm.instant + BigInt(prng.between(1, 20_000)), true);
        if (!vm.waiting) expect(vm.time).toBe(timeAt(epochs, vm.instant));
      }
      if (!vm.waiting) {
        // It was not due in all this: nor should it have been.
        expect(timeAt(epochs, vm.instant - 2n) < deadline, `run ${run}`).toBe(true);
        late++;
        continue;
      }
      expect(vm.registers()[S1], `run ${run}`).toBe(firstInstant(epochs, deadline, ENABLED, vm.instant));
    }
    expect(late).toBeLessThan(200);
  },
);
