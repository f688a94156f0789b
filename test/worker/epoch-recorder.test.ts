import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { EpochRecord } from "../../src/hypervisor/messages.ts";
import { LoggingChannelDecoder } from "../../src/wire/logging-channel.ts";
import { EpochRecorder } from "../../src/worker/epoch-recorder.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-recorder-"));
afterAll(() => rmSync(folder, { recursive: true }));

function record(epoch: bigint): EpochRecord {
  return { epoch, clock: { time: epoch * 100n, rate: 7 }, inputs: [], endInstant: epoch * 10n + 3n, stateHash: epoch === 1n ? 99n : null };
}

test("what is recorded is on disk at once, and reads back as it was", () => {
  const recorder = new EpochRecorder(folder, "vm_1", "rep_1", (error) => expect.unreachable(error.message));
  recorder.booted({ memoryMiB: 96, kernelDigest: "sha256:k", initramfsDigest: "sha256:i", cmdline: "quiet", rngSeed: "00ff" });
  const records = [0n, 1n, 2n].map(record);
  const decoder = new LoggingChannelDecoder();
  decoder.acceptMessages();
  for (const each of records) recorder.ended(each);
  expect(decoder.push(readFileSync(join(folder, "vm_1", "rep_1.log")))).toEqual(
    records.map((each) => ({ kind: "epoch", term: 0n, record: each })),
  );
  expect(JSON.parse(readFileSync(join(folder, "vm_1", "boot.json"), "utf8"))).toMatchObject({ memoryMiB: 96, rngSeed: "00ff" });
  recorder.close();
});

test("a folder that cannot be written ends the recording, and is said once", () => {
  const file = join(folder, "no-folder");
  writeFileSync(file, "");
  const failures: string[] = [];
  const recorder = new EpochRecorder(file, "vm_1", "rep_1", ({ message }) => failures.push(message));
  for (const epoch of [0n, 1n, 2n]) recorder.ended(record(epoch));
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatch(/ENOTDIR/);
});

test("a disk that is full ends the recording, and is said once", () => {
  const failures: string[] = [];
  const recorder = new EpochRecorder(folder, "vm_2", "rep_1", ({ message }) => failures.push(message));
  mkdirSync(join(folder, "vm_2"));
  // Every write to this device fails so.
  symlinkSync("/dev/full", join(folder, "vm_2", "rep_1.log"));
  for (const epoch of [0n, 1n, 2n]) recorder.ended(record(epoch));
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatch(/ENOSPC/);
});
