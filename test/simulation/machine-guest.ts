/**
 * The other guest: a small program (test/fixtures/replicated) on the real engine. What is replicated is the machine as it is built,
 * with its devices, its pages and its hash.
 *
 * A machine's memory is given on when its replica is gone: making one costs more than clearing it.
 */
import type { ClockSample, EpochEnd, EpochInput, GuestHalt } from "../../src/engine/epoch.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { RAM_BASE } from "../../src/isa/memory-map.ts";
import type { Chance } from "./chance.ts";
import type { CapturedState, Guest, GuestKind, TranscriptReader } from "./guest.ts";

const MEMORY_MIB = 4;
/** A part of a capture ends with the page that reaches its bound. */
const PART_BYTES = 128 * 1024;
/** Consuming it ends the guest. */
const POWER_OFF = 0x04;
/** Typed bytes have this bit, three of the session and four that follow the offset. */
const TYPED = 0x80;
const SESSIONS_MAX = 7;

/** @param program `guest.bin` */
export function machineGuests(module: WebAssembly.Module, program: Uint8Array): GuestKind {
  const free: VirtualMachine[] = [];
  const fresh = () => new VirtualMachine(module, { memoryMiB: MEMORY_MIB });
  const first = fresh();
  const empty = first.snapshot();
  first.loadProgram(program);
  const loaded = first.snapshot();
  free.push(first);
  const begin = (snapshot: Uint8Array) => {
    const machine = free.pop() ?? fresh();
    machine.restore(snapshot);
    return new MachineGuest(machine, free);
  };
  return {
    name: "machine",
    sessionsMax: SESSIONS_MAX,
    instructionsPerUs: 10,
    powerOff: POWER_OFF,
    create: () => begin(loaded),
    createEmpty: () => begin(empty),
    resizedTo: () => null,
    typedByte: (session, offset) => TYPED | ((session & 7) << 4) | ((offset + (offset >> 4) * 3) & 15),
    reader: () => new EchoReader(),
  };
}

class EchoReader implements TranscriptReader {
  read(output: Uint8Array, echo: (session: number, byte: number) => void): void {
    for (const byte of output) if ((byte & TYPED) !== 0) echo((byte >> 4) & 7, byte);
  }
}

class MachineGuest implements Guest {
  constructor(
    private readonly machine: VirtualMachine,
    private readonly free: VirtualMachine[],
  ) {}

  get instant(): bigint {
    return this.machine.instant;
  }

  get time(): bigint {
    return this.machine.time;
  }

  get wakeTime(): bigint | null {
    return this.machine.wakeTime;
  }

  get consoleEnd(): bigint {
    return this.machine.consoleEnd;
  }

  get halt(): GuestHalt | null {
    return this.machine.halt;
  }

  get inputRoom(): number {
    return this.machine.inputRoom;
  }

  get entropyWanted(): number {
    return this.machine.entropyWanted;
  }

  get wallOffsetNs(): bigint {
    return this.machine.wallOffsetNs;
  }

  inputSessions(): ReadonlyMap<string, bigint> {
    return this.machine.inputSessions();
  }

  begin(clock: ClockSample, inputs: readonly EpochInput[]): void {
    this.machine.beginEpoch(clock, inputs);
  }

  run(untilInstant: bigint, exact: boolean): EpochEnd {
    return this.machine.run(untilInstant, exact);
  }

  readConsole(from: bigint): Uint8Array {
    return this.machine.readConsole(from);
  }

  hash(): bigint {
    return this.machine.hash();
  }

  capture(first: boolean, maxBytes: number, final: boolean): CapturedState {
    if (first) this.machine.beginCapture();
    const parts: Uint8Array[] = [];
    let pagesLeft = 0;
    for (let bytes = 0; bytes < maxBytes; bytes += PART_BYTES) {
      const part = this.machine.captureState(PART_BYTES, false);
      pagesLeft = part.pagesLeft;
      if (part.pages.length > 0) parts.push(part.pages);
      if (pagesLeft === 0) break;
    }
    const round = this.machine.captureRound;
    if (final) parts.push(this.machine.captureState(0, true).pages);
    return { parts, pagesLeft, round };
  }

  endCapture(): void {
    this.machine.endCapture();
  }

  apply(pages: Uint8Array): void {
    this.machine.applyState(pages);
  }

  restored(): void {
    this.machine.finishRestore();
  }

  flipBit(chance: Chance): void {
    const address = RAM_BASE + chance.below(MEMORY_MIB * 1024 * 1024);
    const [byte] = this.machine.readRam(address, 1);
    this.machine.writeRam(address, Uint8Array.of((byte as number) ^ (1 << chance.below(8))));
  }

  release(): void {
    this.free.push(this.machine);
  }
}
