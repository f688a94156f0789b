/** A short run of the fuzzer, the same programs each time: `npm run fuzz` runs on. */
import { expect, test } from "vitest";
import { hasQemu } from "../support/qemu.ts";
import { compareBatch, programNumbers } from "./differential.ts";
import { MachineEngine } from "./machine-engine.ts";
import { randomProgram } from "./program.ts";
import { QemuEngine } from "./qemu-engine.ts";
import { findDifference } from "./stepwise.ts";

const BATCHES = 2;
const BATCH = 500;
const TRANSLATED = 40;

const qemu = hasQemu();

test.skipIf(!qemu)(`${BATCHES * BATCH} random programs end on our machine as they do on QEMU`, async () => {
  const [ours, theirs] = [new MachineEngine(), new QemuEngine()];
  let [traps, parted] = [0, 0];
  for (let batch = 0; batch < BATCHES; batch++) {
    const report = await compareBatch(programNumbers(1n, batch * BATCH, BATCH), ours, theirs);
    expect(report.mismatches, "npm run fuzz -- --program NUMBER shows where").toEqual([]);
    traps += report.traps;
    parted += report.parted;
  }
  // They do go through traps and modes, and nearly all to their end.
  expect(traps).toBeGreaterThan(10 * BATCHES * BATCH);
  expect(parted).toBeLessThan(0.2 * BATCHES * BATCH);
});

test.skipIf(!qemu)("a random program is in the same state as on QEMU after every instruction", async () => {
  expect(await findDifference(randomProgram(42n))).toBeNull();
});

test.skipIf(!qemu)(`${TRANSLATED} random programs that run thrice end in translated code as they do on QEMU`, async () => {
  const ours = new MachineEngine("translator");
  const report = await compareBatch(programNumbers(2n, 0, TRANSLATED), ours, new QemuEngine(), 3);
  expect(report.mismatches, "npm run fuzz -- --engine translator --seed 2 runs them again").toEqual([]);
  expect(ours.translated).toBeGreaterThan(Number(ours.instructions) / 4);
});
