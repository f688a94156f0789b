/**
 * Runs a bare-metal program by itself, without a hypervisor: what `understudy machine run` does.
 *
 * The environment is a function of the guest's state, so a program has one run: guest time follows the instructions, jumps to the
 * timer where the guest waits for one, and requests through `tohost` are looked for at fixed instants.
 *
 *   running --exit by HTIF or finisher--> ended | --no way on--> stuck
 */

import { FINISHER_FAIL } from "../isa/memory-map.ts";
import type { ElfSymbols } from "./elf.ts";
import { CLOCK_RATE_INSTRUCTIONS } from "./epoch.ts";
import { Htif } from "./htif.ts";
import type { TracedInstruction, VirtualMachine } from "./virtual-machine.ts";

/** Instructions between two looks at `tohost`. */
const HTIF_PERIOD = 5_000n;
/** Ticks per 2^24 instructions: a sixteenth of 100 ns each. */
const CLOCK_RATE = CLOCK_RATE_INSTRUCTIONS / 16;

export type BareMetalOutcome =
  | { readonly kind: "passed" }
  /** `test`: its number as the program gave it. */
  | { readonly kind: "failed"; readonly test: bigint }
  /** `why` ends a sentence that begins with "the program". */
  | { readonly kind: "no-verdict"; readonly why: string };

/** A register that an instruction changed, by its name in assembler. */
export interface ChangedRegister {
  readonly name: string;
  readonly value: bigint;
}

export interface BareMetalObserver {
  /** Bytes of the UART or of HTIF's console. */
  output(bytes: Uint8Array): void;
  /** Where given, the program is run instruction by instruction. */
  retired?(instruction: TracedInstruction, changed: readonly ChangedRegister[]): void;
}

export class BareMetalRun {
  private readonly vm: VirtualMachine;
  private readonly htif: Htif | null;
  private readonly observer: BareMetalObserver;
  private consoleRead: bigint;
  private verdict: BareMetalOutcome | null = null;

  /**
   * @param vm with the program loaded
   * @throws {UnderstudyError} `htif_invalid`
   */
  constructor(vm: VirtualMachine, symbols: ElfSymbols, observer: BareMetalObserver) {
    this.vm = vm;
    this.htif = Htif.of(vm, symbols);
    this.observer = observer;
    this.consoleRead = vm.consoleEnd;
    vm.beginEpoch({ time: vm.time, rate: CLOCK_RATE }, []);
  }

  /** Null as long as the program runs. */
  get outcome(): BareMetalOutcome | null {
    return this.verdict;
  }

  /**
   * Runs to exactly that instant, unless the program ends before.
   *
   * @throws {UnderstudyError} `htif_invalid`
   */
  to(instant: bigint): void {
    const { vm, htif } = this;
    while (this.verdict === null && vm.instant < instant) {
      const poll = htif === null ? instant : (vm.instant / HTIF_PERIOD + 1n) * HTIF_PERIOD;
      const end = this.advance(poll < instant ? poll : instant);
      this.drain();
      if (end === "halted") this.verdict = this.halted();
      else if (end === "wfi") this.wake();
      else if (vm.instant === poll) this.serve();
    }
  }

  /** @returns "limit" at that instant */
  private advance(until: bigint): string {
    const { vm, observer } = this;
    if (observer.retired === undefined) return vm.run(until, true);
    let before = vm.allRegisters();
    while (vm.instant < until) {
      const step = vm.step();
      if (typeof step === "string") return step;
      const after = vm.allRegisters();
      observer.retired(step, changes(before, after));
      before = after;
    }
    return "limit";
  }

  /** Takes the output, to the end of the instant that the machine is in. */
  private drain(): void {
    const { vm } = this;
    for (;;) {
      if (vm.consoleEnd !== this.consoleRead) this.observer.output(vm.readConsole(this.consoleRead));
      this.consoleRead = vm.consoleEnd;
      if (!vm.transmitting) return;
      vm.run(vm.instant, true);
    }
  }

  private halted(): BareMetalOutcome {
    const { vm } = this;
    const value = vm.finisherValue;
    if (vm.halt === "poweroff") return { kind: "passed" };
    if (vm.halt === "reboot") return { kind: "no-verdict", why: "reset the machine" };
    if (value === null) return { kind: "no-verdict", why: "only traps, and retires no instruction any more" };
    // QEMU ends with the upper half as its status; a bare FINISHER_FAIL must not look like a pass.
    const test = BigInt(value >>> 16);
    return { kind: "failed", test: value === FINISHER_FAIL ? 1n : test };
  }

  /** A waiting hart goes on at its timer; a request may be what it waits with. */
  private wake(): void {
    const { vm } = this;
    this.serve();
    if (this.verdict !== null) return;
    const time = vm.wakeTime;
    if (time === null) this.verdict = { kind: "no-verdict", why: "waits for an interrupt that nothing can raise" };
    else vm.beginEpoch({ time: time > vm.time ? time : vm.time, rate: CLOCK_RATE }, []);
  }

  private serve(): void {
    const request = this.htif?.poll() ?? { kind: "none" };
    if (request.kind === "output") this.observer.output(request.bytes);
    else if (request.kind === "exit") this.verdict = request.failed === 0n ? { kind: "passed" } : { kind: "failed", test: request.failed };
  }
}

function changes(before: BigUint64Array, after: BigUint64Array): ChangedRegister[] {
  const changed: ChangedRegister[] = [];
  for (const [index, value] of after.entries()) {
    if (value !== before[index]) changed.push({ name: index < 32 ? `x${index}` : `f${index - 32}`, value });
  }
  return changed;
}
