/**
 * Runs a recorded VM again, on one machine in this process and without any failure: the run that all others are compared with.
 *
 * The records come from `UNDERSTUDY_RECORD_DIR` (src/worker/epoch-recorder.ts). Every state hash in them, whoever was primary
 * when it was taken, must be met at its instant, and the console must be byte for byte what the clients saw.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import type { EpochRecord } from "../../src/hypervisor/messages.ts";
import { ImageStore } from "../../src/images/index.ts";
import { LoggingChannelDecoder } from "../../src/wire/logging-channel.ts";
import type { BootRecord } from "../../src/worker/epoch-recorder.ts";
import { machineModule } from "./machine-module.ts";

export interface Replay {
  readonly epochs: number;
  readonly instant: bigint;
  /** Everything that the guest wrote. */
  readonly console: Uint8Array;
  readonly hashesCompared: number;
  /** Replicas that were primary for at least one epoch. */
  readonly primaries: number;
  /** What is wrong, in sentences. */
  readonly problems: readonly string[];
}

/** @param folder `UNDERSTUDY_RECORD_DIR` of all workers */
export async function replay(folder: string, vmId: string, imageStore: string): Promise<Replay> {
  const { boot, records, primaries } = readRecords(join(folder, vmId));
  const store = new ImageStore(imageStore);
  const vm = new VirtualMachine(machineModule(), { memoryMiB: boot.memoryMiB });
  vm.loadLinux({
    kernel: readFileSync(store.blobPath(boot.kernelDigest)),
    initramfs: readFileSync(store.blobPath(boot.initramfsDigest)),
    cmdline: boot.cmdline,
    rngSeed: Buffer.from(boot.rngSeed, "hex"),
    consoleBase: BigInt(boot.consoleBase),
  });

  const console: Uint8Array[] = [];
  const problems: string[] = [];
  let drained = vm.consoleEnd;
  let hashesCompared = 0;
  let expected = 0n;
  for (const { epoch, clock, inputs, endInstant, stateHash } of records) {
    if (epoch !== expected) {
      problems.push(`epoch ${epoch} comes where ${expected} is due`);
      break;
    }
    expected = epoch + 1n;
    vm.beginEpoch(clock, inputs);
    // It stops for output where the ring of it is full.
    for (let end: string | null = null; end === null || end === "output"; ) {
      end = vm.run(endInstant, true);
      if (vm.consoleEnd > drained) console.push(vm.readConsole(drained));
      drained = vm.consoleEnd;
    }
    if (stateHash === null) continue;
    hashesCompared++;
    const hash = vm.hash();
    if (hash === stateHash) continue;
    problems.push(`at instant ${endInstant} the state's hash is ${hash.toString(16)}, recorded is ${stateHash.toString(16)}`);
    break;
  }
  return { epochs: records.length, instant: vm.instant, console: Buffer.concat(console), hashesCompared, primaries, problems };
}

/** One history of what several primaries recorded: each one's log is good up to the first epoch of the next one's. */
function readRecords(folder: string): { boot: BootRecord; records: EpochRecord[]; primaries: number } {
  const boot = JSON.parse(readFileSync(join(folder, "boot.json"), "utf8")) as BootRecord;
  const logs = readdirSync(folder)
    .filter((name) => name.endsWith(".log"))
    .map((name) => readLog(join(folder, name)))
    .filter((log) => log.length > 0)
    .sort((a, b) => Number((a[0] as EpochRecord).epoch - (b[0] as EpochRecord).epoch));
  const records = logs.flatMap((log, index) => {
    const next = logs[index + 1]?.[0]?.epoch;
    return next === undefined ? log : log.filter(({ epoch }) => epoch < next);
  });
  return { boot, records, primaries: logs.length };
}

/** Whole frames; the last one may be cut where its process was killed. */
function readLog(file: string): EpochRecord[] {
  const decoder = new LoggingChannelDecoder();
  decoder.acceptMessages();
  return decoder.push(readFileSync(file)).flatMap((frame) => (frame.kind === "epoch" ? [frame.record] : []));
}
