/**
 * A Debian guest on a bare VirtualMachine: boots it, types at it, without any replication around.
 *
 * The clock rule is fixed, so a run is the same every time: 20 ns of guest time an instruction, and an idle guest's time
 * jumps to its next timer. It begins at BOOT_UNIX_MS, and what it gets for entropy is always the same.
 */
import { readFileSync } from "node:fs";
import { Prng } from "../../src/base/prng.ts";
import type { EpochInput } from "../../src/engine/epoch.ts";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { ImageStore } from "../../src/images/index.ts";
import { guestImageStore } from "./guest-image.ts";
import { machineModule } from "./machine-module.ts";

export const INPUT_SESSION = "00000000-0000-4000-8000-000000000001";

/** What time it is in the world at the guest's first instruction: 14 November 2023, 22:13:20. */
export const BOOT_UNIX_MS = 1_700_000_000_000;

/** Ticks per 2^24 instructions: 0.2 ticks, 20 ns, each. */
const RATE = Math.trunc(0.2 * (1 << 24));

export interface LinuxFiles {
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array;
  readonly cmdline: string;
}

export async function linuxFiles(): Promise<LinuxFiles> {
  const { dir, manifest } = await guestImageStore();
  const store = new ImageStore(dir);
  return {
    kernel: readFileSync(store.blobPath(manifest.kernel.digest)),
    initramfs: readFileSync(store.blobPath(manifest.initramfs.digest)),
    cmdline: manifest.cmdline,
  };
}

/** A guest as it was, between two epochs. */
export interface SavedGuest {
  readonly machine: Uint8Array;
  readonly transcript: string;
  readonly inputOffset: bigint;
}

export class LinuxGuest {
  vm: VirtualMachine;
  /** Everything the guest has written to its console. */
  transcript = "";
  private console = 0n;
  private inputOffset = 0n;
  private pending: EpochInput[] = [{ kind: "wallClock", unixNs: BigInt(BOOT_UNIX_MS) * 1_000_000n }];
  private readonly entropy = new Prng(1);

  /**
   * @param firmware runs in M mode and boots the kernel; null: the machine is its own firmware
   * @param regions translates; undefined: everything is interpreted
   */
  constructor(files: LinuxFiles, memoryMiB = 128, firmware: Uint8Array | null = null, regions?: RegionOptions) {
    this.vm = new VirtualMachine(machineModule(), { memoryMiB, ...(regions && { regions }) });
    if (firmware === null) this.vm.loadLinux(files);
    else this.vm.loadFirmware({ ...files, firmware });
  }

  save(): SavedGuest {
    if (this.pending.length > 0) throw new Error("the guest has not got all its input yet");
    return { machine: this.vm.snapshot(), transcript: this.transcript, inputOffset: this.inputOffset };
  }

  /** Goes on as the one that was saved, whatever it has been meanwhile. */
  become({ machine, transcript, inputOffset }: SavedGuest): void {
    this.vm.restore(machine);
    this.transcript = transcript;
    this.console = this.vm.consoleEnd;
    this.inputOffset = inputOffset;
    this.pending = [];
  }

  /** The guest sees it at the start of the next epoch. */
  type(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.pending.push({ kind: "console", inputSession: INPUT_SESSION, offset: this.inputOffset, bytes });
    this.inputOffset += BigInt(bytes.length);
  }

  /** The terminal at the console has this size from the start of the next epoch on. */
  resize(cols: number, rows: number): void {
    this.pending.push({ kind: "resize", inputSession: INPUT_SESSION, offset: this.inputOffset, size: { cols, rows } });
    this.inputOffset += 1n;
  }

  /** One epoch of at most so many instructions; false once the guest has ended itself. */
  epoch(instructions: bigint): boolean {
    const { vm } = this;
    const wanted = vm.entropyWanted;
    if (wanted > 0) this.pending.push({ kind: "entropy", bytes: Uint8Array.from({ length: wanted }, () => this.entropy.between(0, 255)) });
    const wake = vm.wakeTime;
    const time = wake !== null && wake > vm.time && this.pending.length === 0 ? wake : vm.time;
    vm.beginEpoch({ time, rate: RATE }, this.pending);
    this.pending = [];
    const limit = vm.instant + instructions;
    let end = vm.run(limit, true);
    while (end === "output") end = vm.run(limit, true);
    this.transcript += new TextDecoder("latin1").decode(vm.readConsole(this.console));
    this.console = vm.consoleEnd;
    return end !== "halted";
  }

  /** Runs until the transcript has `text` behind position `from`. @throws after so many instructions without it */
  runUntil(text: string, from = 0, budget = 2_000_000_000n): void {
    const limit = this.vm.instant + budget;
    let idle = 0;
    while (!this.transcript.includes(text, from)) {
      const before = this.vm.instant;
      const runs = this.epoch(1_000_000n);
      idle = this.vm.instant === before ? idle + 1 : 0;
      if (!runs || this.vm.instant > limit || idle > 10_000) {
        throw new Error(`the guest did not print ${JSON.stringify(text)}; its console:\n${this.transcript.slice(-2000)}`);
      }
    }
  }
}
