/** When an engine thread moves its machine into fresh memory, on a Debian guest and a clock that the test sets. */
import { setImmediate } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { READY_LINE } from "../../src/images/index.ts";
import { IdleCompaction } from "../../src/worker/idle-compaction.ts";
import { LinuxGuest, linuxFiles, type SavedGuest } from "../support/linux-guest.ts";
import { machineModule } from "../support/machine-module.ts";

const MEMORY_MIB = 96;
const BOOT = 300_000_000n;

let guest: LinuxGuest;
let booted: SavedGuest;
beforeAll(async () => {
  guest = new LinuxGuest(await linuxFiles(), MEMORY_MIB);
  guest.runUntil(READY_LINE);
  guest.runUntil("# ");
  // Whatever its boot has left to do is done, so that it waits.
  for (let epoch = 0; epoch < 100 || !guest.vm.waiting; epoch++) guest.epoch(1_000_000n);
  booted = guest.save();
});

/** A machine whose guest has worked so much, and what becomes of it. */
function story(worked: bigint) {
  guest.become(booted);
  const moves: VirtualMachine[] = [];
  const idle = new IdleCompaction((machine) => {
    moves.push(machine);
    guest.vm = machine;
  });
  let nowMs = 0;
  idle.worked(worked);
  return {
    idle,
    moves,
    /** An epoch of a guest that wakes and waits again, so long after the one before. */
    epoch(afterMs: number, hashed = true): void {
      nowMs += afterMs;
      const before = guest.vm.instant;
      guest.epoch(1_000_000n);
      if (hashed) {
        guest.vm.hash();
        guest.vm.changedPages();
      }
      idle.epochEnded(guest.vm, guest.vm.instant - before, hashed, nowMs);
    },
  };
}

/** Long enough for all that an engine thread does by itself between two commands. */
async function betweenCommands(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await setImmediate();
}

describe("a machine whose guest has booted", () => {
  test("is moved once it has idled for three seconds, behind an epoch with a hash, and goes on as if it had not been", async () => {
    const { epoch, moves } = story(BOOT);
    epoch(0);
    epoch(2900);
    await betweenCommands();
    epoch(50);
    expect(moves).toHaveLength(0);
    epoch(100);
    await betweenCommands();
    epoch(1000, false);
    expect(moves).toHaveLength(0);
    const hash = guest.vm.hash();
    epoch(1000);
    expect(moves).toEqual([guest.vm]);
    expect(guest.vm.hash()).not.toBe(hash);
    const from = guest.transcript.length;
    guest.type("echo $((6*7))\n");
    guest.runUntil("42", from);
    const moved = guest.vm.hash();
    const straight = guest.transcript;
    const instant = guest.vm.instant;

    // The same epochs without a move.
    guest.become(booted);
    for (let number = 0; number < 6; number++) guest.epoch(1_000_000n);
    guest.type("echo $((6*7))\n");
    guest.runUntil("42", from);
    expect([guest.vm.instant, guest.vm.hash(), guest.transcript]).toEqual([instant, moved, straight]);
  });

  test("is moved again only after as much work", async () => {
    const { epoch, idle, moves } = story(BOOT);
    for (let number = 0; number < 10; number++) {
      epoch(1500);
      await betweenCommands();
    }
    expect(moves).toHaveLength(1);
    idle.worked(BOOT);
    for (let number = 0; number < 10; number++) {
      epoch(1500);
      await betweenCommands();
    }
    expect(moves).toHaveLength(2);
  });

  test("is not moved while its guest works", async () => {
    const { epoch, idle, moves } = story(BOOT);
    for (let number = 0; number < 10; number++) {
      epoch(1500);
      idle.worked(40_000_000n);
      await betweenCommands();
    }
    expect(moves).toHaveLength(0);
  });

  test("leaves a state transfer alone: one that begins meanwhile brings all of it", async () => {
    const { epoch, idle, moves } = story(BOOT);
    epoch(0);
    epoch(3000);
    await setImmediate();
    idle.stop();
    const receiver = new VirtualMachine(machineModule(), { memoryMiB: MEMORY_MIB });
    guest.vm.beginCapture();
    receiver.applyState(guest.vm.captureState(0, true).pages);
    receiver.finishRestore();
    await betweenCommands();
    expect(receiver.hash()).toBe(guest.vm.hash());
    expect(moves).toHaveLength(0);
  });
});

test("a machine whose guest has done little since it began is not moved", async () => {
  const { epoch, moves } = story(1_000_000n);
  for (let number = 0; number < 10; number++) {
    epoch(1500);
    await betweenCommands();
  }
  expect(moves).toHaveLength(0);
});
