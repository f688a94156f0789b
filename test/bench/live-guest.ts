/**
 * A Debian guest on a bare VirtualMachine that lives as one of a primary does: epochs of 5 ms, the clock is the host's, and between
 * two samples of it guest time runs as fast as the engine does. An idle guest's host waits. Nothing is logged, and no state hashed.
 */
import { setTimeout } from "node:timers/promises";
import { Prng } from "../../src/base/prng.ts";
import type { EpochInput } from "../../src/engine/epoch.ts";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { EpochPacing } from "../../src/hypervisor/epoch-pacing.ts";
import { GuestClock } from "../../src/hypervisor/guest-clock.ts";
import { BOOT_UNIX_MS, INPUT_SESSION, type LinuxFiles } from "../support/linux-guest.ts";
import { machineModule } from "../support/machine-module.ts";

/** As a worker's. */
const EPOCH_TARGET_MS = 5;
/** A guest that takes longer hangs. */
const LIMIT_MS = 300_000;

export class LiveGuest {
  readonly vm: VirtualMachine;
  /** Everything the guest has written to its console. */
  transcript = "";
  private readonly pacing = new EpochPacing(EPOCH_TARGET_MS);
  private readonly entropy = new Prng(1);
  private console = 0n;
  private inputOffset = 0n;
  private pending: EpochInput[] = [{ kind: "wallClock", unixNs: BigInt(BOOT_UNIX_MS) * 1_000_000n }];

  constructor(files: LinuxFiles, memoryMiB: number, regions?: RegionOptions) {
    this.vm = new VirtualMachine(machineModule(), { memoryMiB, ...(regions && { regions }) });
    this.vm.loadLinux(files);
  }

  /** The guest sees it when it runs. */
  type(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.pending.push({ kind: "console", inputSession: INPUT_SESSION, offset: this.inputOffset, bytes });
    this.inputOffset += BigInt(bytes.length);
  }

  /**
   * Runs the guest until the transcript has `text` behind position `from`. Otherwise it does not run, and its clock stands still.
   *
   * @throws where it ends, or takes too long
   */
  async printed(text: string, from = 0): Promise<void> {
    const clock = new GuestClock(this.vm.time, nowUs());
    const limitUs = nowUs() + LIMIT_MS * 1000;
    while (!this.transcript.includes(text, from)) {
      const { wakeTime } = this.vm;
      if (this.vm.waiting && this.pending.length === 0 && this.vm.entropyWanted === 0) {
        const us = wakeTime === null ? Number.POSITIVE_INFINITY : clock.whenUs(wakeTime) - nowUs();
        if (us > 0) await setTimeout(Math.min(us / 1000, LIMIT_MS));
      }
      this.epoch(clock, text, from);
      if (this.vm.halt !== null || nowUs() > limitUs) {
        throw new Error(`the guest did not print ${JSON.stringify(text)}; its console:\n${this.transcript.slice(-2000)}`);
      }
    }
  }

  /** It does not run unless it is told to. */
  rest(): void {}

  private epoch(clock: GuestClock, text: string, from: number): void {
    const { vm, pacing } = this;
    const wanted = vm.entropyWanted;
    if (wanted > 0) this.pending.push({ kind: "entropy", bytes: Uint8Array.from({ length: wanted }, () => this.entropy.between(0, 255)) });
    const start = { us: nowUs(), instant: vm.instant };
    const now = clock.now(start.us);
    vm.beginEpoch({ time: now > vm.time ? now : vm.time, rate: pacing.rate() }, this.pending);
    this.pending = [];
    const limit = start.instant + pacing.epochLength();
    let end = vm.run(limit, false);
    this.drain();
    while (end === "output" && (vm.transmitting || !this.transcript.includes(text, from))) {
      end = vm.run(limit, false);
      this.drain();
    }
    pacing.observe(vm.instant - start.instant, nowUs() - start.us);
  }

  private drain(): void {
    this.transcript += new TextDecoder("latin1").decode(this.vm.readConsole(this.console));
    this.console = this.vm.consoleEnd;
  }
}

function nowUs(): number {
  return Math.trunc(performance.now() * 1000);
}
