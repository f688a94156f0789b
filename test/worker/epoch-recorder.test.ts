import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

const BOOT = {
  memoryMiB: 96,
  kernelDigest: "sha256:k",
  initramfsDigest: "sha256:i",
  cmdline: "quiet",
  rngSeed: "00ff",
  consoleBase: "0",
};

test("what is recorded is on disk at once, and reads back as it was", () => {
  const recorder = new EpochRecorder(folder, "vm_1", "rep_1", (error) => expect.unreachable(error.message));
  recorder.booted(BOOT);
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

test("another guest of the same VM is recorded beside the one before", () => {
  const began = (replicaId: string, consoleBase: string): EpochRecorder => {
    const recorder = new EpochRecorder(folder, "vm_3", replicaId, (error) => expect.unreachable(error.message));
    recorder.booted({ ...BOOT, consoleBase });
    recorder.ended(record(0n));
    return recorder;
  };
  const first = began("rep_1", "0");
  const second = began("rep_2", "512");
  // One that has not noticed its end goes on where it is.
  first.ended(record(1n));
  const bases = ["vm_3-before-rep_2", "vm_3"].map((name) => JSON.parse(readFileSync(join(folder, name, "boot.json"), "utf8")).consoleBase);
  expect(bases).toEqual(["0", "512"]);
  expect(readdirSync(join(folder, "vm_3-before-rep_2")).sort()).toEqual(["boot.json", "rep_1.log"]);
  expect(readdirSync(join(folder, "vm_3")).sort()).toEqual(["boot.json", "rep_2.log"]);
  for (const recorder of [first, second]) recorder.close();
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
