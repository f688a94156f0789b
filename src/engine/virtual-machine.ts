/**
 * One replica's virtual machine: the deterministic machine in its WebAssembly memory, run to exact instants.
 *
 * All state is in that memory, in pages that this class can copy out, put back and hash; nothing that matters is in a
 * field here. Wasm's u64 results arrive as signed bigints and are made unsigned at the border.
 *
 *   created --loadLinux / loadFirmware / loadProgram / restore / applyState+finishRestore--> ready --run--> ready | halted
 */
import { assert, unreachable } from "../base/assert.ts";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { UnderstudyError } from "../base/errors.ts";
import { bytesToUuid, uuidToBytes } from "../base/uuid.ts";
import { KERNEL_BASE, RAM_BASE } from "../isa/memory-map.ts";
import { deviceTree } from "./device-tree.ts";
import { type ElfSymbols, isElf, type MemoryRange, NO_SYMBOLS, readElf } from "./elf.ts";
import {
  type ClockSample,
  type ConsoleInput,
  ENTROPY_BYTES_MAX,
  type EpochEnd,
  type EpochInput,
  type GuestHalt,
  TERMINAL_SIZE_MAX,
  WALL_CLOCK_END_NS,
} from "./epoch.ts";
import type { MachineAbi } from "./machine-abi.ts";
import type { PageChanges } from "./page-hashes.ts";
import { type RegionOptions, type RegionStatistics, Regions } from "./regions.ts";
import { STOP_REQUEST_NUMBER, type StopRequest } from "./stop-request.ts";

export interface VirtualMachineConfig {
  /** 1..2048. */
  readonly memoryMiB: number;
  /** Another thread may ask by it that a run that is not exact stops soon. */
  readonly stopRequest?: StopRequest;
  /** Translate what runs often; without it everything is interpreted. The guest cannot tell. */
  readonly regions?: RegionOptions;
}

export interface LinuxBoot {
  /** A flat RISC-V Image. */
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array | null;
  readonly cmdline: string;
  /** 32 bytes; zeros where not given. */
  readonly rngSeed?: Uint8Array;
  /** Offset of the first byte that this guest writes to the console; 0 where not given. */
  readonly consoleBase?: bigint;
}

export interface FirmwareBoot {
  /** What has the machine to itself, in M mode: a test program, or firmware such as OpenSBI's `fw_dynamic`. */
  readonly firmware: Uint8Array;
  /** An ELF file, or bytes for the start of RAM; told by how it begins where this is left out. */
  readonly format?: "elf" | "flat" | undefined;
  /** A flat RISC-V Image that the firmware is told to enter; null: it looks after itself. */
  readonly kernel?: Uint8Array | null;
  readonly initramfs?: Uint8Array | null;
  readonly cmdline: string;
  /** 32 bytes; zeros where not given. */
  readonly rngSeed?: Uint8Array;
}

/** Where a program that has the machine to itself was put. */
export interface LoadedProgram {
  readonly entry: number;
  readonly symbols: ElfSymbols;
}

/** An instruction that has retired. */
export interface TracedInstruction {
  readonly programCounter: bigint;
  /** Its bits; below 2^16 where it is compressed. */
  readonly bits: number;
}

/** `unknown`: its page has not been come to lately. */
export type NextCode = "unknown" | "page without regions" | "beside the regions of its page" | "in a region";

const NEXT_CODE: readonly NextCode[] = ["unknown", "page without regions", "beside the regions of its page", "in a region"];

/** Input that one `beginEpoch` may carry in one piece. */
export const EPOCH_INPUT_MAX = 4096;

const PAGE = 4096;
/** Of a captured page: its number, and whether its bytes follow. */
const PAGE_HEADER = 5;
const MIB = 1024 * 1024;
/** Instructions between two looks at the output, and for translated code: about half a millisecond. */
const SLICE = 100_000n;
const SNAPSHOT_MAGIC = 0x53_54_53_55; // "USTS"
const DEVICE_TREE_ROOM = 64 * 1024;

/** OpenSBI's `struct fw_dynamic_info`, version 2: where firmware finds what comes next (OpenSBI, docs/firmware/fw_dynamic.md). */
const FW_DYNAMIC_MAGIC = 0x4942534fn; // "OSBI"
const FW_DYNAMIC_VERSION = 2n;
const FW_DYNAMIC_NEXT_MODE_S = 1n;

const MEMORY_MIB_MAX = 2048;
const NEVER = 0xffff_ffff_ffff_ffffn;
const HALTS: readonly (GuestHalt | null)[] = [null, "poweroff", "reboot", "panic"];

export class VirtualMachine {
  private readonly machine: MachineAbi;
  private readonly memory: WebAssembly.Memory;
  private readonly stoppable: boolean;
  private readonly ramBytes: number;
  private readonly regions: Regions | null;
  private readonly module: WebAssembly.Module;
  private readonly config: VirtualMachineConfig;
  /** Kept from chunk to chunk, so that a transfer does not allocate its size many times over. */
  private readonly captured = new ByteWriter(64 * 1024);
  /** Where the next `captureState` goes on in its pass. */
  private captureAt = 0;
  private round = 0;

  /** @throws {UnderstudyError} `memory_size_unsupported`; `out_of_memory` where the host cannot give the guest its RAM */
  constructor(module: WebAssembly.Module, config: VirtualMachineConfig) {
    if (!Number.isInteger(config.memoryMiB) || config.memoryMiB < 1 || config.memoryMiB > MEMORY_MIB_MAX) {
      throw new UnderstudyError(
        "memory_size_unsupported",
        `Cannot make a machine with ${config.memoryMiB} MiB of memory: it has a whole number of them, 1 to ${MEMORY_MIB_MAX}`,
      );
    }
    this.module = module;
    this.config = config;
    this.ramBytes = config.memoryMiB * MIB;
    this.stoppable = config.stopRequest !== undefined;
    this.memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 });
    const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
    if (config.stopRequest !== undefined) table.set(STOP_REQUEST_NUMBER, config.stopRequest.reader());
    this.machine = new WebAssembly.Instance(module, { env: { memory: this.memory, table } }).exports as unknown as MachineAbi;
    if (this.machine.setUp(BigInt(this.ramBytes)) !== 0) {
      throw new UnderstudyError("out_of_memory", `Cannot allocate ${config.memoryMiB} MiB of guest memory on this host`);
    }
    this.regions = config.regions === undefined ? null : new Regions(this.machine, this.memory, table, config.regions);
  }

  // --- what a caller may look at --------------------------------------------------------------------------------------

  /** Instructions retired since the VM was created. */
  get instant(): bigint {
    return unsigned(this.machine.instant());
  }

  /** Guest time now, ticks of 100 ns. */
  get time(): bigint {
    return unsigned(this.machine.time());
  }

  /** The hart waits (WFI) with nothing pending. */
  get waiting(): boolean {
    return this.machine.waiting() !== 0;
  }

  /** Guest time at which a waiting hart wakes by itself; null: no timer is armed, or the hart does not wait. */
  get wakeTime(): bigint | null {
    if (!this.waiting) return null;
    const time = unsigned(this.machine.wakeTime());
    return time === NEVER ? null : time;
  }

  get halt(): GuestHalt | null {
    return HALTS[this.machine.halted()] ?? null;
  }

  /** What the guest stored to the finisher to end itself; null: it did not end, or otherwise. */
  get finisherValue(): number | null {
    const value = this.machine.finisherValue() >>> 0;
    return value === 0 ? null : value;
  }

  /** Console bytes ever written; the byte at offset N is the same on every replica. */
  get consoleEnd(): bigint {
    return unsigned(this.machine.consoleEnd());
  }

  /** Offset of the oldest byte that the ring still holds. */
  get consoleOldest(): bigint {
    const base = unsigned(this.machine.consoleBase());
    const size = BigInt(this.machine.consoleRingSize());
    return this.consoleEnd - base > size ? this.consoleEnd - size : base;
  }

  /** Free bytes in the console input queue. */
  get inputRoom(): number {
    return this.machine.inputRoom();
  }

  /** Wall clock that the log has given the guest, ns since 1970 = 100 * `time` + this; may be negative. */
  get wallOffsetNs(): bigint {
    return BigInt.asIntN(64, this.machine.wallOffset());
  }

  /** Random bytes that the guest has asked for and can be given with the next epoch; 0: none. */
  get entropyWanted(): number {
    return this.machine.entropyWanted();
  }

  /**
   * After a run that ended for output: the guest has sent so much at once that the machine is in the middle of an instant.
   * No epoch can end here: take the output and run on to the same limit.
   */
  get transmitting(): boolean {
    return this.machine.transmitting() !== 0;
  }

  get programCounter(): bigint {
    return unsigned(this.machine.programCounter());
  }

  /** A copy of x0..x31. */
  registers(): BigUint64Array {
    return this.allRegisters().slice(0, 32);
  }

  /** A copy of x0..x31 and f0..f31. */
  allRegisters(): BigUint64Array {
    return new BigUint64Array(this.memory.buffer, this.machine.registers(), 64).slice();
  }

  /** Whether [address, address + length) is in guest RAM. */
  hasRam(address: number, length: number): boolean {
    return address >= RAM_BASE && address + length <= RAM_BASE + this.ramBytes;
  }

  /**
   * Console bytes [from, consoleEnd), a copy.
   *
   * @throws {InvariantViolation} unless `consoleOldest <= from <= consoleEnd`
   */
  readConsole(from: bigint): Uint8Array {
    const end = this.consoleEnd;
    assert(from >= this.consoleOldest && from <= end, () => `console offset ${from} is in [${this.consoleOldest}, ${end}]`);
    const size = this.machine.consoleRingSize();
    const ring = new Uint8Array(this.memory.buffer, this.machine.consoleRing(), size);
    const length = Number(end - from);
    const start = Number(from % BigInt(size));
    const out = new Uint8Array(length);
    const first = Math.min(length, size - start);
    out.set(ring.subarray(start, start + first));
    out.set(ring.subarray(0, length - first), first);
    return out;
  }

  /** A copy of guest RAM at a physical address. */
  readRam(address: number, length: number): Uint8Array {
    const at = this.ramAddress(address, length);
    return new Uint8Array(this.memory.buffer, at, length).slice();
  }

  /** Input sessions and the offset of the next byte each expects, least recently used first. */
  inputSessions(): Map<string, bigint> {
    const view = new DataView(this.memory.buffer, this.machine.inputSessions(), 64 * 32);
    const found: { id: string; next: bigint; use: bigint }[] = [];
    for (let at = 0; at < 64 * 32; at += 32) {
      const use = view.getBigUint64(at + 24, true);
      if (use === 0n) continue;
      const id = bytesToUuid(new Uint8Array(view.buffer, view.byteOffset + at, 16));
      found.push({ id, next: view.getBigUint64(at + 16, true), use });
    }
    found.sort((a, b) => (a.use < b.use ? -1 : 1));
    return new Map(found.map(({ id, next }) => [id, next]));
  }

  // --- loading --------------------------------------------------------------------------------------------------------

  /**
   * Puts a kernel, its initramfs and a device tree into RAM and the hart at the kernel's entry, in S mode.
   *
   * @throws {UnderstudyError} `guest_too_large` where they do not fit
   */
  loadLinux(boot: LinuxBoot): void {
    const kernelEnd = this.loadKernel(boot.kernel);
    const deviceTreeAt = this.loadDeviceTree(boot, kernelEnd, 0);
    this.machine.beginConsole(boot.consoleBase ?? 0n);
    this.machine.bootSupervisor(BigInt(KERNEL_BASE), BigInt(deviceTreeAt), panicsAreWarmReboots(boot.cmdline) ? 1 : 0);
  }

  /**
   * Puts a test program or firmware into RAM, with what it is to start, and the hart at its entry, in M mode. As on QEMU's `virt`:
   * a0 is the hart, a1 the device tree, a2 OpenSBI's `fw_dynamic_info`. The machine answers no SBI call then.
   *
   * @throws {UnderstudyError} `guest_too_large` where it does not fit, and as `readElf` does
   */
  loadFirmware(boot: FirmwareBoot): LoadedProgram {
    const { kernel = null, format = isElf(boot.firmware) ? "elf" : "flat" } = boot;
    const room = { start: RAM_BASE, end: kernel === null ? RAM_BASE + this.ramBytes : KERNEL_BASE };
    const firmware = format === "elf" ? this.placeElf(boot.firmware, room) : this.placeFlat(boot.firmware, room.end);
    const end = kernel === null ? firmware.end : this.loadKernel(kernel);
    const deviceTreeAt = this.loadDeviceTree(boot, end, PAGE);
    const informationAt = deviceTreeAt - PAGE;
    const information = new ByteWriter().u64(FW_DYNAMIC_MAGIC).u64(FW_DYNAMIC_VERSION);
    information
      .u64(BigInt(kernel === null ? 0 : KERNEL_BASE))
      .u64(FW_DYNAMIC_NEXT_MODE_S)
      .u64(0n)
      .u64(0n);
    this.writeRam(informationAt, information.take());
    this.machine.bootMachine(BigInt(firmware.entry), BigInt(deviceTreeAt), BigInt(informationAt));
    return firmware;
  }

  private placeElf(file: Uint8Array, room: MemoryRange): LoadedProgram & { readonly end: number } {
    const { entry, segments, symbols } = readElf(file, room);
    let end = room.start;
    for (const { address, bytes, memoryBytes } of segments) {
      const memory = new Uint8Array(memoryBytes);
      memory.set(bytes);
      this.writeRam(address, memory);
      end = address + memoryBytes;
    }
    return { entry, symbols, end };
  }

  private placeFlat(bytes: Uint8Array, limit: number): LoadedProgram & { readonly end: number } {
    const end = RAM_BASE + bytes.length;
    if (end > limit) {
      throw new UnderstudyError("guest_too_large", `Cannot load firmware of ${bytes.length} bytes: it has room for ${limit - RAM_BASE}`);
    }
    this.writeRam(RAM_BASE, bytes);
    return { entry: RAM_BASE, symbols: NO_SYMBOLS, end };
  }

  /** @returns the end of the memory that the kernel takes */
  private loadKernel(kernel: Uint8Array): number {
    const bytes = kernelMemory(kernel);
    if (bytes > RAM_BASE + this.ramBytes - KERNEL_BASE) {
      throw new UnderstudyError(
        "guest_too_large",
        `Cannot load a kernel that needs ${bytes} bytes: the VM has ${this.ramBytes} bytes of memory`,
      );
    }
    this.writeRam(KERNEL_BASE, kernel);
    return KERNEL_BASE + bytes;
  }

  /**
   * Puts a device tree at the end of RAM, with room for firmware to add to it, and the initramfs before it.
   *
   * @param taken end of what is in RAM already
   * @param between bytes to leave free before the device tree
   */
  private loadDeviceTree(boot: Omit<LinuxBoot, "kernel" | "consoleBase"> | FirmwareBoot, taken: number, between: number): number {
    const { initramfs = null } = boot;
    const treeAt = RAM_BASE + this.ramBytes - DEVICE_TREE_ROOM;
    const initramfsAt = alignDown(treeAt - between - (initramfs?.length ?? 0), PAGE);
    if (initramfsAt < taken) {
      throw new UnderstudyError(
        "guest_too_large",
        `Cannot load an initramfs of ${initramfs?.length ?? 0} bytes and a device tree of ${DEVICE_TREE_ROOM} behind ` +
          `${taken - RAM_BASE} bytes of kernel and firmware: the VM has ${this.ramBytes} bytes of memory`,
      );
    }
    const tree = deviceTree({
      ramBytes: this.ramBytes,
      cmdline: boot.cmdline,
      initramfs: initramfs && { start: initramfsAt, end: initramfsAt + initramfs.length },
      rngSeed: boot.rngSeed ?? new Uint8Array(32),
    });
    if (tree.length > DEVICE_TREE_ROOM) {
      throw new UnderstudyError("guest_too_large", `Cannot use a device tree of ${tree.length} bytes: it has room for ${DEVICE_TREE_ROOM}`);
    }
    if (initramfs) this.writeRam(initramfsAt, initramfs);
    this.writeRam(treeAt, tree);
    return treeAt;
  }

  /** Puts a flat program at the start of RAM and the hart there, in M mode, without firmware. */
  loadProgram(program: Uint8Array): void {
    this.writeRam(RAM_BASE, program);
    this.machine.bootMachine(BigInt(RAM_BASE), 0n, 0n);
  }

  private ramAddress(address: number, length: number): number {
    assert(this.hasRam(address, length), () => `[${address}, +${length}) is RAM`);
    return address - RAM_BASE + this.machine.ramOffset();
  }

  /**
   * Puts bytes into guest RAM at a physical address, between two runs. A guest that runs on sees them at once, so this is for
   * a host that is no part of a pair: no log has it.
   */
  writeRam(address: number, bytes: Uint8Array): void {
    const at = this.ramAddress(address, bytes.length);
    new Uint8Array(this.memory.buffer, at, bytes.length).set(bytes);
    this.machine.written(at, bytes.length);
  }

  // --- running --------------------------------------------------------------------------------------------------------

  /**
   * Sets the clock rule and hands the guest its input: what an epoch's record says must happen before its first instruction.
   *
   * @throws {InvariantViolation} if guest time would go backwards, or the input leaves a hole or has no room: the log is wrong
   */
  beginEpoch(clock: ClockSample, inputs: readonly EpochInput[]): void {
    assert(clock.time >= this.time, () => `guest time ${clock.time} is not before ${this.time}`);
    this.machine.beginEpoch(clock.time, clock.rate);
    for (const input of inputs) this.inject(input);
  }

  private inject(input: EpochInput): void {
    switch (input.kind) {
      case "console":
        this.injectConsole(input);
        return;
      case "resize": {
        const { inputSession, offset, size } = input;
        for (const length of [size.cols, size.rows])
          assert(
            Number.isInteger(length) && length >= 1 && length <= TERMINAL_SIZE_MAX,
            () => `a terminal has no ${length} columns or rows`,
          );
        this.exchange(16).set(uuidToBytes(inputSession));
        assert(
          this.machine.resizeTerminal(offset, size.cols, size.rows) !== 0,
          () => `a resize of ${inputSession} at ${offset} leaves no hole`,
        );
        return;
      }
      case "entropy": {
        const { length } = input.bytes;
        assert(length >= 1 && length <= ENTROPY_BYTES_MAX, () => `entropy is 1 to ${ENTROPY_BYTES_MAX} bytes, not ${length}`);
        this.exchange(length).set(input.bytes);
        assert(this.machine.provideEntropy(length) !== 0, () => `the guest has asked for ${length} bytes of entropy`);
        return;
      }
      case "wallClock":
        assert(input.unixNs >= 0n && input.unixNs < WALL_CLOCK_END_NS, () => `a wall clock of ${input.unixNs} ns is in this age`);
        this.machine.setWallClock(input.unixNs);
        return;
      case "sysRq":
        this.machine.pressSysRq(input.key.charCodeAt(0));
        return;
      default:
        unreachable(input);
    }
  }

  private injectConsole(input: ConsoleInput): void {
    assert(input.bytes.length <= EPOCH_INPUT_MAX, () => `an input has at most ${EPOCH_INPUT_MAX} bytes, this one ${input.bytes.length}`);
    const exchange = this.exchange(16 + EPOCH_INPUT_MAX);
    exchange.set(uuidToBytes(input.inputSession));
    exchange.set(input.bytes, 16);
    const queued = this.machine.queueInput(input.offset, input.bytes.length);
    assert(queued >= 0, () => `input ${input.inputSession} at ${input.offset} follows what was delivered, and has room`);
  }

  private exchange(length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.machine.exchange(), length);
  }

  /**
   * Runs to exactly the instant asked for, unless the guest waits or halts first.
   *
   * @param exact false: also stop soon after console output came, and within some 10 us where it is asked to; it always comes some
   *   thousand instructions far. True: stop for output only when the ring must be read before more may come (`output`); then call
   *   again. While `transmitting`, call again in any case
   */
  run(untilInstant: bigint, exact: boolean): EpochEnd {
    const outputStart = this.machine.consoleEnd();
    for (;;) {
      const instant = this.instant;
      const whole = untilInstant - instant <= SLICE || (exact && this.regions === null);
      const sliceEnd = whole ? untilInstant : instant + SLICE;
      this.regions?.look();
      switch (this.machine.run(sliceEnd, !exact && this.stoppable ? 1 : 0)) {
        case 1:
          return "wfi";
        case 2:
          return "output";
        case 3:
          return "halted";
        case 4:
          return "stopped";
      }
      if (sliceEnd === untilInstant) return "limit";
      if (exact) continue;
      if (this.machine.consoleEnd() !== outputStart) return "output";
    }
  }

  /**
   * Runs one instruction, through whatever traps come before it. The run is the same as one by `run`.
   *
   * @returns the instruction, or why none retired
   */
  step(): TracedInstruction | EpochEnd {
    const { machine } = this;
    const instant = this.instant;
    machine.setTracing(1);
    const end = this.run(instant + 1n, true);
    machine.setTracing(0);
    if (this.instant === instant) return end;
    return { programCounter: unsigned(machine.tracedProgramCounter()), bits: machine.tracedInstruction() >>> 0 };
  }

  /** Of the next instruction: whether a region was made from it, while it is known where it is. Between two runs. */
  get nextCode(): NextCode {
    return NEXT_CODE[this.machine.nextCode()] ?? "unknown";
  }

  /** Figures of translated code; null: everything is interpreted. */
  regionStatistics(): RegionStatistics | null {
    return this.regions?.statistics() ?? null;
  }

  // --- state ----------------------------------------------------------------------------------------------------------

  /** Hash of all state at this instant; costs what was written since the last one. */
  hash(): bigint {
    return unsigned(this.machine.stateHash());
  }

  /** Pages whose hash is another than when this was asked last; `hash` has brought them up to date at this instant. */
  changedPages(): PageChanges {
    const parts: PageChanges[] = [];
    const words = 3;
    for (;;) {
      const count = this.machine.changedPages();
      if (count === 0) break;
      parts.push(new BigUint64Array(this.memory.buffer, this.machine.exchange(), count * words).slice());
    }
    const changes = new BigUint64Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      changes.set(part, at);
      at += part.length;
    }
    return changes;
  }

  /**
   * Flips one bit of the state, as a fault of the host's memory would: for tests of what finds it.
   *
   * @param page as `PageChanges` numbers them
   */
  flipBit(page: number, offset: number, bit: number): void {
    const linear = page < RAM_BASE / PAGE ? page : page - RAM_BASE / PAGE + this.machine.ramFirstPage();
    assert(this.isStatePage(linear) && offset >= 0 && offset < PAGE, () => `page ${page} with byte ${offset} is state`);
    const bytes = this.pageBytes(linear);
    bytes[offset] = (bytes[offset] as number) ^ (1 << bit);
    this.machine.written(linear * PAGE + offset, 1);
  }

  /** Starts a transfer: everything that may hold data is to be captured. One at a time. */
  beginCapture(): void {
    this.machine.beginTransfer();
    this.captureAt = 0;
    this.round = 1;
  }

  /**
   * Captures pages not yet captured, or written since they were.
   *
   * @param maxBytes stop after so much has been looked at, unless `final`; pages of zeros are looked at too
   * @param final capture all that is left, and the pages that always change: the receiver is then at this instant
   * @returns `pages` for `applyState`; `pagesLeft`: pages known to be missing on the receiver after these
   */
  captureState(maxBytes: number, final: boolean): { pages: Uint8Array; pagesLeft: number } {
    const writer = this.captured;
    const pagesLeft = this.takePages(maxBytes, final, (page) => this.capturePage(writer, page));
    return { pages: writer.take(), pagesLeft };
  }

  /**
   * The same, straight into another machine of this size.
   *
   * @returns pages known to be missing there after these
   */
  copyState(to: VirtualMachine, maxBytes: number, final: boolean): number {
    return this.takePages(maxBytes, final, (page) => {
      to.putPage(page, this.machine.isZeroPage(page) === 0 ? this.pageBytes(page) : null);
    });
  }

  /** @returns how many are left */
  private takePages(maxBytes: number, final: boolean, take: (page: number) => void): number {
    if (final) {
      for (let page = this.machine.firstPage(); page < this.machine.alwaysEnd(); page++) take(page);
      this.captureAt = 0;
    }
    for (let bytes = 0; final || bytes < maxBytes; ) {
      const page = this.machine.takePage(this.captureAt);
      if (page === 0) {
        if (this.captureAt === 0) break;
        this.captureAt = 0;
        this.round++;
        continue;
      }
      take(page);
      this.captureAt = page + 1;
      bytes += PAGE_HEADER + PAGE;
    }
    this.machine.endTake();
    return this.machine.pagesLeft();
  }

  /** A page as its number, whether it holds anything, and its 4096 bytes if it does. */
  private capturePage(writer: ByteWriter, page: number): void {
    const empty = this.machine.isZeroPage(page) !== 0;
    writer.u32(page).u8(empty ? 0 : 1);
    if (!empty) writer.bytes(this.pageBytes(page));
  }

  private pageBytes(page: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, page * PAGE, PAGE);
  }

  /** Sweeps over memory that the transfer has begun, from 1. */
  get captureRound(): number {
    return this.round;
  }

  endCapture(): void {
    this.captureAt = 0;
  }

  /**
   * A machine of the same kind without any state, to become this one (`Compaction`). Its figures go on from this one's.
   *
   * @throws {UnderstudyError} `out_of_memory`
   */
  successor(): VirtualMachine {
    const successor = new VirtualMachine(this.module, this.config);
    if (this.regions !== null) successor.regions?.goOnFrom(this.regions);
    return successor;
  }

  /**
   * Puts captured pages in their place.
   *
   * @throws {UnderstudyError} `malformed_state` for a page that is no state of a machine of this size, or not all there
   */
  applyState(pages: Uint8Array): void {
    const reader = new ByteReader(pages);
    while (reader.remaining > 0) {
      if (reader.remaining < PAGE_HEADER) throw truncated(reader.remaining, PAGE_HEADER);
      const page = reader.u32();
      const full = reader.u8();
      if (!this.isStatePage(page) || full > 1) {
        throw new UnderstudyError(
          "malformed_state",
          `Cannot apply page ${page}: a machine with ${this.ramBytes} bytes of memory has no such state`,
        );
      }
      if (reader.remaining < full * PAGE) throw truncated(reader.remaining, PAGE);
      this.putPage(page, full === 1 ? reader.bytes(PAGE) : null);
    }
  }

  /** @param bytes null: zeros */
  private putPage(page: number, bytes: Uint8Array | null): void {
    if (bytes !== null) this.pageBytes(page).set(bytes);
    // What was never written is zeros, and the host has given no memory for it yet.
    else if (this.machine.isZeroPage(page) === 0) this.pageBytes(page).fill(0);
    this.machine.written(page * PAGE, PAGE);
  }

  private isStatePage(page: number): boolean {
    const machine = this.machine;
    return (
      (page >= machine.firstPage() && page < machine.stateEndPage()) || (page >= machine.ramFirstPage() && page < machine.ramEndPage())
    );
  }

  /** After the last `applyState`: drops what was cached of the state before. */
  finishRestore(): void {
    this.machine.restored();
  }

  /** All state as bytes: magic, layout version, RAM size, pages that are not zero. */
  snapshot(): Uint8Array {
    const writer = new ByteWriter(MIB);
    writer.u32(SNAPSHOT_MAGIC).u32(this.machine.layoutVersion()).u64(BigInt(this.ramBytes));
    this.forEachPage((page) => {
      writer.u32(page).u8(1).bytes(this.pageBytes(page));
    });
    return writer.take();
  }

  /**
   * Becomes the machine that a snapshot was taken of.
   *
   * @throws {UnderstudyError} `snapshot_version_mismatch`, `snapshot_memory_mismatch` or `malformed_state`; nothing has changed then but for the last
   */
  restore(snapshot: Uint8Array): void {
    const reader = new ByteReader(snapshot);
    const magic = reader.remaining >= 16 ? reader.u32() : 0;
    if (magic !== SNAPSHOT_MAGIC) throw new UnderstudyError("malformed_state", "Cannot restore the machine: these bytes are no snapshot");
    const version = reader.u32();
    if (version !== this.machine.layoutVersion()) {
      throw new UnderstudyError(
        "snapshot_version_mismatch",
        `Cannot restore the machine: the snapshot's layout is ${version}, this build reads ${this.machine.layoutVersion()}`,
      );
    }
    const ram = reader.u64();
    if (ram !== BigInt(this.ramBytes)) {
      throw new UnderstudyError(
        "snapshot_memory_mismatch",
        `Cannot restore the machine: the snapshot has ${ram} bytes of memory, this one ${this.ramBytes}`,
      );
    }
    const pages = reader.bytes(reader.remaining);
    this.clear();
    this.applyState(pages);
    this.finishRestore();
  }

  private clear(): void {
    this.forEachPage((page) => {
      this.pageBytes(page).fill(0);
      this.machine.written(page * PAGE, PAGE);
    });
  }

  /** Every page of state that is not zeros, in order. */
  private forEachPage(action: (page: number) => void): void {
    const machine = this.machine;
    for (const [from, to] of [
      [machine.firstPage(), machine.stateEndPage()],
      [machine.ramFirstPage(), machine.ramEndPage()],
    ] as const) {
      for (let page = from; page < to; page++) if (machine.isZeroPage(page) === 0) action(page);
    }
  }
}

/** Memory a flat Image needs (its header's image_size), at least its own length. */
function kernelMemory(kernel: Uint8Array): number {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  const isImage = kernel.length >= 64 && view.getUint32(56, true) === 0x05435352; // "RSC\x05"
  if (!isImage) throw new UnderstudyError("unsupported_kernel", "Cannot load the kernel: it is not a flat RISC-V Image");
  return Math.max(Number(view.getBigUint64(16, true)), kernel.length);
}

/** The command line tells Linux to make a panic a warm reboot; everything else then is a cold one (kernel-parameters.txt, `reboot=`). */
function panicsAreWarmReboots(cmdline: string): boolean {
  return cmdline.split(/\s+/).includes("reboot=panic_warm");
}

function truncated(left: number, wanted: number): UnderstudyError {
  return new UnderstudyError("malformed_state", `Cannot apply a page: ${left} bytes are left of ${wanted}`);
}

function alignDown(value: number, to: number): number {
  return value - (value % to);
}

function unsigned(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
