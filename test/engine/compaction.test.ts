/** A Debian guest that is moved into fresh memory while it runs: it cannot tell, and the host has memory back. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { Compaction } from "../../src/engine/compaction.ts";
import { READY_LINE } from "../../src/images/index.ts";
import { collectGarbage } from "../../src/worker/collect-garbage.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";

const MIB = 2 ** 20;
const MEMORY_MIB = 128;
const SCRIPT = "for i in 1 2 3; do cat /proc/uptime; ls -l /bin | sha256sum; done; echo $((6*7)) done\n";

/** What is resident of the memories of machines: mappings of their size, and nothing else of the process. */
function machinesMiB(): number {
  collectGarbage();
  const mappings = readFileSync("/proc/self/smaps", "latin1").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const kiB = (mapping: string, what: string): number => Number(new RegExp(`^${what}: +(\\d+) kB$`, "m").exec(mapping)?.[1] ?? 0);
  const machines = mappings.filter((mapping) => kiB(mapping, "Size") > MEMORY_MIB * 1024 && kiB(mapping, "Size") < 2 * MEMORY_MIB * 1024);
  return machines.reduce((sum, mapping) => sum + kiB(mapping, "Rss") / 1024, 0);
}

test("a guest that is moved while it works goes on as the one that is not, and a booted one needs less memory then", async () => {
  const files = await linuxFiles();
  const guest = new LinuxGuest(files, MEMORY_MIB);
  guest.runUntil(READY_LINE);
  guest.runUntil("# ");
  const booted = guest.save();
  const before = machinesMiB();

  const moved = (): void => {
    const compaction = new Compaction(guest.vm);
    for (compaction.step(MIB); compaction.pagesLeft > 100; compaction.step(MIB));
    guest.vm.hash();
    guest.vm.changedPages();
    guest.vm = compaction.finish();
  };
  moved();
  // The old memory is there until it is collected, which nothing on the stack may prevent.
  await expect.poll(machinesMiB).toBeLessThan(before - 20);

  const told = (move: (guest: LinuxGuest) => void): string[] => {
    guest.become(booted);
    guest.type(SCRIPT);
    const states: string[] = [];
    const from = guest.transcript.length;
    while (!guest.transcript.includes("42 done", from)) {
      guest.epoch(200_000n);
      move(guest);
      states.push(`${guest.vm.instant} ${guest.vm.hash()}`);
    }
    return [...states, guest.transcript.slice(from)];
  };
  const straight = told(() => {});
  const prng = new Prng(1);
  let compaction: Compaction | null = null;
  let moves = 0;
  const travelled = told(() => {
    compaction ??= new Compaction(guest.vm);
    if (compaction.pagesLeft > 500) compaction.step(MIB * prng.between(1, 8));
    else if (prng.between(0, 3) === 0) {
      guest.vm.hash();
      guest.vm.changedPages();
      guest.vm = compaction.finish();
      compaction = null;
      moves++;
    }
  });
  expect(travelled).toEqual(straight);
  expect(moves).toBeGreaterThan(2);
});

test("what changes after a move is listed as it is without one", async () => {
  const guest = new LinuxGuest(await linuxFiles(), MEMORY_MIB);
  guest.runUntil(READY_LINE);
  guest.runUntil("# ");
  const booted = guest.save();
  const changesAfter = (move: boolean): BigUint64Array => {
    guest.become(booted);
    guest.vm.hash();
    guest.vm.changedPages();
    if (move) {
      const compaction = new Compaction(guest.vm);
      guest.vm = compaction.finish();
    }
    guest.type("echo hello > /tmp/hello\n");
    guest.epoch(3_000_000n);
    guest.vm.hash();
    return guest.vm.changedPages();
  };
  const straight = changesAfter(false);
  expect(straight.length).toBeGreaterThan(0);
  expect(changesAfter(true)).toEqual(straight);
});
