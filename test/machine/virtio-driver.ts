/**
 * A driver for the machine's virtio devices that is a test: it writes rings and descriptors into guest RAM from outside, as
 * rightly or wrongly as the test likes, and has the guest program `mmio` make the accesses to the device.
 */
import type { EpochInput } from "../../src/engine/epoch.ts";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";
import { fixture, RATE } from "./guest-run.ts";

const module = machineModule();
const program = fixture("programs/mmio.bin");

export const RAM = 0x8000_0000;
export const RAM_BYTES = 8 * 1024 * 1024;
const MAILBOX = RAM + 0x1_0000;

export const CONSOLE = 0x1000_1000;
export const RNG = 0x1000_2000;
export const UART = 0x1000_0000;
const PLIC_PENDING = 0x0c00_1000;

export const REGISTER = {
  magic: 0x00,
  version: 0x04,
  device: 0x08,
  vendor: 0x0c,
  deviceFeatures: 0x10,
  deviceFeaturesSelect: 0x14,
  driverFeatures: 0x20,
  driverFeaturesSelect: 0x24,
  queueSelect: 0x30,
  queueNumMax: 0x34,
  queueNum: 0x38,
  queueReady: 0x44,
  queueNotify: 0x50,
  interruptStatus: 0x60,
  interruptAck: 0x64,
  status: 0x70,
  configGeneration: 0xfc,
  queueDesc: 0x80,
  queueDriver: 0x90,
  queueDevice: 0xa0,
  config: 0x100,
} as const;

export const STATUS = { acknowledge: 1, driver: 2, driverOk: 4, featuresOk: 8, needsReset: 64 } as const;

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

const VERSION_1_HIGH = 1; // feature 32
const REQUEST = { store: 1, load: 2, storeByte: 3, loadByte: 4, conditional: 5, call: 6 } as const;

export interface Descriptor {
  readonly address: bigint | number;
  readonly length: number;
  readonly flags?: number;
  readonly next?: number;
}

/** Where a queue is in RAM, and how far the driver has come. */
export interface Queue {
  readonly index: number;
  readonly num: number;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
  offered: number;
}

export class Guest {
  vm: VirtualMachine;
  output = "";
  private read = 0n;
  private typed = 0n;

  /**
   * @param piece instructions of each run: what comes of it must not depend on that
   * @param translated whatever has run once is translated
   */
  constructor(
    private readonly piece = 1000n,
    translated = false,
  ) {
    const regions = { compiler: new ImmediateCompiler(), sampleInterval: 1, threshold: 1 };
    this.vm = new VirtualMachine(module, { memoryMiB: RAM_BYTES / 1024 / 1024, ...(translated ? { regions } : {}) });
    this.vm.loadProgram(program);
    this.vm.beginEpoch({ time: 0n, rate: RATE }, []);
    this.run(200n);
  }

  /** Exactly so many instructions. */
  run(instructions: bigint): void {
    const { vm } = this;
    const end = vm.instant + instructions;
    while (vm.instant < end || vm.transmitting) {
      const limit = vm.instant + this.piece < end ? vm.instant + this.piece : end;
      vm.run(limit, true);
      this.output += Buffer.from(vm.readConsole(this.read)).toString("latin1");
      this.read = vm.consoleEnd;
      if (vm.halt !== null) throw new Error(`the guest halted: ${vm.halt}`);
    }
  }

  epoch(...inputs: EpochInput[]): void {
    this.vm.beginEpoch({ time: this.vm.time, rate: RATE }, inputs);
  }

  type(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.epoch({ kind: "console", inputSession: "00000000-0000-4000-8000-000000000001", offset: this.typed, bytes });
    this.typed += BigInt(bytes.length);
  }

  /** The terminal has this size, says the client that types. */
  resize(cols: number, rows: number): void {
    this.epoch({ kind: "resize", inputSession: "00000000-0000-4000-8000-000000000001", offset: this.typed, size: { cols, rows } });
    this.typed += 1n;
  }

  private request(kind: number, address: number, value: number, other = 0): number {
    const mailbox = Buffer.alloc(24);
    mailbox.writeUInt32LE(kind, 0);
    mailbox.writeUInt32LE(value >>> 0, 4);
    mailbox.writeBigUInt64LE(BigInt(address), 8);
    mailbox.writeBigUInt64LE(BigInt(other), 16);
    this.vm.writeRam(MAILBOX, mailbox);
    this.run(100n);
    const answer = Buffer.from(this.vm.readRam(MAILBOX, 8));
    if (answer.readUInt32LE(0) !== 0) throw new Error("the guest has not answered");
    return answer.readUInt32LE(4);
  }

  load(address: number): number {
    return this.request(REQUEST.load, address, 0);
  }

  store(address: number, value: number): void {
    this.request(REQUEST.store, address, value);
  }

  loadByte(address: number): number {
    return this.request(REQUEST.loadByte, address, 0);
  }

  storeByte(address: number, value: number): void {
    this.request(REQUEST.storeByte, address, value);
  }

  /** lr.d at an address, a store elsewhere, sc.d. @returns whether sc stored */
  conditional(address: number, storeTo: number, value: number): boolean {
    return this.request(REQUEST.conditional, address, value, storeTo) === 0;
  }

  call(address: number): number {
    return this.request(REQUEST.call, address, 0);
  }

  /** Whether a source's request is pending at the PLIC. */
  pending(source: number): boolean {
    return ((this.load(PLIC_PENDING) >>> source) & 1) !== 0;
  }

  // --- a virtio device ------------------------------------------------------------------------------------------------

  status(device: number): number {
    return this.load(device + REGISTER.status);
  }

  /** To DRIVER_OK, or as far as the device goes along. @returns its status */
  negotiate(device: number, { high = VERSION_1_HIGH, low = 0 } = {}): number {
    const write = (register: number, value: number) => this.store(device + register, value);
    write(REGISTER.status, 0);
    write(REGISTER.status, STATUS.acknowledge | STATUS.driver);
    write(REGISTER.driverFeaturesSelect, 0);
    write(REGISTER.driverFeatures, low);
    write(REGISTER.driverFeaturesSelect, 1);
    write(REGISTER.driverFeatures, high);
    write(REGISTER.status, STATUS.acknowledge | STATUS.driver | STATUS.featuresOk);
    write(REGISTER.status, STATUS.acknowledge | STATUS.driver | STATUS.featuresOk | STATUS.driverOk);
    return this.status(device);
  }

  /** Makes a queue ready, at an address of its own. */
  queue(device: number, index: number, num = 8, where: Partial<Pick<Queue, "desc" | "driver" | "device">> = {}): Queue {
    const base = RAM + 0x2_0000 + (device - CONSOLE) * 16 + index * 0x4000;
    const queue = { index, num, desc: base, driver: base + 0x1000, device: base + 0x2000, offered: 0, ...where };
    for (const at of [base, base + 0x1000, base + 0x2000]) this.vm.writeRam(at, new Uint8Array(0x1000));
    this.store(device + REGISTER.queueSelect, index);
    this.store(device + REGISTER.queueNum, num);
    for (const [register, address] of [
      [REGISTER.queueDesc, queue.desc],
      [REGISTER.queueDriver, queue.driver],
      [REGISTER.queueDevice, queue.device],
    ] as const) {
      this.store(device + register, address % 2 ** 32);
      this.store(device + register + 4, Math.floor(address / 2 ** 32));
    }
    this.store(device + REGISTER.queueReady, 1);
    return queue;
  }

  describe(queue: Queue, index: number, { address, length, flags = 0, next = 0 }: Descriptor): void {
    const bytes = Buffer.alloc(16);
    bytes.writeBigUInt64LE(BigInt(address), 0);
    bytes.writeUInt32LE(length, 8);
    bytes.writeUInt16LE(flags, 12);
    bytes.writeUInt16LE(next, 14);
    this.vm.writeRam(queue.desc + index * 16, bytes);
  }

  /** Makes heads available. */
  offer(queue: Queue, ...heads: number[]): void {
    for (const head of heads) {
      this.vm.writeRam(queue.driver + 4 + (queue.offered % queue.num) * 2, Uint8Array.of(head & 0xff, head >> 8));
      queue.offered++;
    }
    this.vm.writeRam(queue.driver + 2, Uint8Array.of(queue.offered & 0xff, (queue.offered >> 8) & 0xff));
  }

  notify(device: number, queue: Queue): void {
    this.store(device + REGISTER.queueNotify, queue.index);
  }

  /** What the device has given back: head and bytes written, in order. */
  used(queue: Queue): [head: number, length: number][] {
    const ring = Buffer.from(this.vm.readRam(queue.device, 4 + queue.num * 8));
    const count = ring.readUInt16LE(2);
    const from = Math.max(0, count - queue.num);
    return Array.from({ length: count - from }, (_, i) => {
      const at = 4 + ((from + i) % queue.num) * 8;
      return [ring.readUInt32LE(at), ring.readUInt32LE(at + 4)];
    });
  }

  /** Puts text into RAM. @returns its descriptor */
  text(at: number, text: string): Descriptor {
    this.vm.writeRam(at, Buffer.from(text, "latin1"));
    return { address: at, length: text.length };
  }

  textAt(at: number, length: number): string {
    return Buffer.from(this.vm.readRam(at, length)).toString("latin1");
  }
}
