/**
 * A guest on a bare VirtualMachine with an environment that is a function of the guest's state: guest time is one tick an
 * instruction; where the guest waits, time jumps to its timer, or the bytes `xy` are typed where it has none.
 *
 * So a run has one outcome, however it is cut into pieces.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";

/** One tick an instruction. */
export const RATE = 1 << 24;

const INPUT_SESSION = "00000000-0000-4000-8000-000000000001";
const TYPED = new TextEncoder().encode("xy");

/** Of these the guests of this room need no more. */
const MEMORY_MIB = 8;

const module = machineModule();

export function fixture(path: string): Uint8Array {
  return readFileSync(fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url)));
}

export interface Program {
  readonly image: Uint8Array;
  /** A flat Image for a supervisor on the machine's own SBI; otherwise the program has the machine to itself. */
  readonly supervisor?: boolean;
}

export class GuestRun {
  vm: VirtualMachine;
  /** Where the next `move` goes. */
  private spare: VirtualMachine | null = null;

  /** @param regions translates; undefined: everything is interpreted */
  constructor(program: Program, memoryMiB = MEMORY_MIB, regions?: RegionOptions) {
    this.vm = new VirtualMachine(module, { memoryMiB, ...(regions && { regions }) });
    if (program.supervisor) this.vm.loadLinux({ kernel: program.image, initramfs: null, cmdline: "" });
    else this.vm.loadProgram(program.image);
    this.vm.beginEpoch({ time: 0n, rate: RATE }, []);
  }

  /** Runs to exactly that instant, or until the guest has ended itself. @returns false once it has */
  to(instant: bigint): boolean {
    const { vm } = this;
    for (;;) {
      const end = vm.run(instant, true);
      if (end === "limit") return true;
      if (end === "halted") return false;
      if (end === "wfi") this.wake();
    }
  }

  private wake(): void {
    const { vm } = this;
    const time = vm.wakeTime;
    if (time !== null) {
      vm.beginEpoch({ time, rate: RATE }, []);
      return;
    }
    const offset = vm.inputSessions().get(INPUT_SESSION) ?? 0n;
    if (offset > 0n) throw new Error(`the guest waits for nothing at instant ${vm.instant}`);
    vm.beginEpoch({ time: vm.time, rate: RATE }, [{ kind: "console", inputSession: INPUT_SESSION, offset, bytes: TYPED }]);
  }

  /** Goes on in another machine, which has lived something else, or earlier parts of this. */
  move(): void {
    const snapshot = this.vm.snapshot();
    if (this.spare === null) {
      const other = new GuestRun({ image: fixture("loops/fib.s.bin") });
      other.to(1000n);
      this.spare = other.vm;
    }
    [this.vm, this.spare] = [this.spare, this.vm];
    this.vm.restore(snapshot);
  }

  get hash(): string {
    return this.vm.hash().toString(16);
  }

  /** Everything the guest has written to its console. */
  get console(): string {
    return new TextDecoder("latin1").decode(this.vm.readConsole(0n));
  }

  /** How it ended: `poweroff`, or what it failed at. */
  get outcome(): string {
    const { vm } = this;
    if (vm.halt === "poweroff") return "poweroff";
    return `${vm.halt ?? "still running"} at ${vm.instant}: check ${vm.registers()[3]}, pc ${vm.programCounter.toString(16)}`;
  }
}
