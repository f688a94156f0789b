/** The device tree that the guest boots with, as a flattened blob (Devicetree Specification 0.4, chapter 5). */
import {
  CLINT_BASE,
  CLINT_SIZE,
  FINISHER_BASE,
  FINISHER_POWEROFF,
  FINISHER_REBOOT,
  FINISHER_SIZE,
  PLIC_BASE,
  PLIC_SIZE,
  PLIC_SOURCES,
  RAM_BASE,
  RTC_BASE,
  RTC_INTERRUPT,
  RTC_SIZE,
  UART_BASE,
  UART_INTERRUPT,
  UART_SIZE,
  VIRTIO_BASE,
  VIRTIO_CONSOLE_SLOT,
  VIRTIO_INTERRUPT,
  VIRTIO_RNG_SLOT,
  VIRTIO_STRIDE,
} from "../isa/memory-map.ts";
import { TIMEBASE_HZ } from "./epoch.ts";

export interface DeviceTreeConfig {
  readonly ramBytes: number;
  readonly cmdline: string;
  /** Physical range [start, end) of the initramfs; null: none. */
  readonly initramfs: { readonly start: number; readonly end: number } | null;
  /** 32 bytes that seed the guest's random numbers. They are VM state like everything else in RAM. */
  readonly rngSeed: Uint8Array;
}

const FDT_MAGIC = 0xd00dfeed;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const END = 9;

/** Big-endian structure block and its strings, grown as nodes are written. */
class FlattenedTree {
  private readonly words: number[] = [];
  private readonly strings: number[] = [];
  private readonly stringOffsets = new Map<string, number>();

  node(name: string, content: () => void): void {
    this.words.push(...bigEndian(BEGIN_NODE), ...ascii(name), 0);
    this.pad();
    content();
    this.words.push(...bigEndian(END_NODE));
  }

  property(name: string, value: readonly number[]): void {
    let offset = this.stringOffsets.get(name);
    if (offset === undefined) {
      offset = this.strings.length;
      this.stringOffsets.set(name, offset);
      this.strings.push(...ascii(name), 0);
    }
    this.words.push(...bigEndian(PROPERTY), ...bigEndian(value.length), ...bigEndian(offset));
    // One by one: a command line may be longer than a call has arguments.
    for (const byte of value) this.words.push(byte);
    this.pad();
  }

  cells(name: string, ...values: number[]): void {
    this.property(name, values.flatMap(bigEndian));
  }

  /** Pairs of cells: 64-bit values. */
  longs(name: string, ...values: number[]): void {
    this.property(
      name,
      values.flatMap((value) => [...bigEndian(Math.floor(value / 2 ** 32)), ...bigEndian(value % 2 ** 32)]),
    );
  }

  text(name: string, ...values: string[]): void {
    this.property(
      name,
      values.flatMap((value) => [...ascii(value), 0]),
    );
  }

  flag(name: string): void {
    this.property(name, []);
  }

  private pad(): void {
    while (this.words.length % 4 !== 0) this.words.push(0);
  }

  blob(): Uint8Array {
    const structure = [...this.words, ...bigEndian(END)];
    const header = 40;
    const reservations = 16;
    const structureAt = header + reservations;
    const stringsAt = structureAt + structure.length;
    const total = stringsAt + this.strings.length;
    return Uint8Array.from([
      ...[FDT_MAGIC, total, structureAt, stringsAt, header, 17, 16, 0, this.strings.length, structure.length].flatMap(bigEndian),
      ...new Array<number>(reservations).fill(0),
      ...structure,
      ...this.strings,
    ]);
  }
}

function bigEndian(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function ascii(text: string): number[] {
  const out: number[] = [];
  for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i) & 0xff);
  return out;
}

const PHANDLE_CPU_INTC = 1;
const PHANDLE_PLIC = 2;
const PHANDLE_FINISHER = 3;

/** Every extension named here is there, and none besides: kernel and C library act on the list. */
const ISA_EXTENSIONS = [
  ...["i", "m", "a", "f", "d", "c"],
  ...["zicbom", "zicbop", "zicboz", "zicntr", "zicsr", "zifencei", "zihintpause", "zihpm", "zba", "zbb", "zbs"],
  ...["sstc", "svadu"], // not svade: A and D are set by hardware from the start
];

/** Bytes that one operation on a cache block concerns. */
const CACHE_BLOCK = 64;

/** The same in one word: single letters, then the others. */
function isaString(): string {
  const letters = ISA_EXTENSIONS.filter((name) => name.length === 1);
  const names = ISA_EXTENSIONS.filter((name) => name.length > 1);
  return [`rv64${letters.join("")}`, ...names].join("_");
}

export function deviceTree(config: DeviceTreeConfig): Uint8Array {
  const tree = new FlattenedTree();
  tree.node("", () => {
    tree.cells("#address-cells", 2);
    tree.cells("#size-cells", 2);
    tree.text("compatible", "riscv-virtio");
    tree.text("model", "understudy,virt");
    tree.node("chosen", () => {
      tree.text("bootargs", config.cmdline);
      tree.text("stdout-path", `/soc/serial@${UART_BASE.toString(16)}`);
      tree.property("rng-seed", [...config.rngSeed]);
      if (config.initramfs) {
        tree.longs("linux,initrd-start", config.initramfs.start);
        tree.longs("linux,initrd-end", config.initramfs.end);
      }
    });
    tree.node(`memory@${RAM_BASE.toString(16)}`, () => {
      tree.text("device_type", "memory");
      tree.longs("reg", RAM_BASE, config.ramBytes);
    });
    tree.node("cpus", () => {
      tree.cells("#address-cells", 1);
      tree.cells("#size-cells", 0);
      tree.cells("timebase-frequency", TIMEBASE_HZ);
      tree.node("cpu@0", () => {
        tree.text("device_type", "cpu");
        tree.cells("reg", 0);
        tree.text("status", "okay");
        tree.text("compatible", "riscv");
        tree.text("mmu-type", "riscv,sv48");
        tree.text("riscv,isa", isaString());
        tree.text("riscv,isa-base", "rv64i");
        tree.text("riscv,isa-extensions", ...ISA_EXTENSIONS);
        for (const kind of ["cbom", "cbop", "cboz"]) tree.cells(`riscv,${kind}-block-size`, CACHE_BLOCK);
        tree.node("interrupt-controller", () => {
          tree.cells("#interrupt-cells", 1);
          tree.flag("interrupt-controller");
          tree.text("compatible", "riscv,cpu-intc");
          tree.cells("phandle", PHANDLE_CPU_INTC);
        });
      });
    });
    tree.node("soc", () => devices(tree));
    tree.node("poweroff", () => finisherCommand(tree, "syscon-poweroff", FINISHER_POWEROFF));
    tree.node("reboot", () => finisherCommand(tree, "syscon-reboot", FINISHER_REBOOT));
  });
  return tree.blob();
}

function devices(tree: FlattenedTree): void {
  tree.cells("#address-cells", 2);
  tree.cells("#size-cells", 2);
  tree.text("compatible", "simple-bus");
  tree.flag("ranges");
  tree.node(`serial@${UART_BASE.toString(16)}`, () => {
    tree.text("compatible", "ns16550a");
    tree.longs("reg", UART_BASE, UART_SIZE);
    tree.cells("interrupts", UART_INTERRUPT);
    tree.cells("interrupt-parent", PHANDLE_PLIC);
    tree.cells("clock-frequency", 3_686_400);
    // The transmitter takes all that it is given at once: a kernel that knows that looks after so many bytes whether it does.
    tree.cells("fifo-size", 256);
  });
  tree.node(`rtc@${RTC_BASE.toString(16)}`, () => {
    tree.text("compatible", "google,goldfish-rtc");
    tree.longs("reg", RTC_BASE, RTC_SIZE);
    tree.cells("interrupts", RTC_INTERRUPT);
    tree.cells("interrupt-parent", PHANDLE_PLIC);
  });
  // Empty slots are there too, but nobody need look for what they have not.
  for (const slot of [VIRTIO_CONSOLE_SLOT, VIRTIO_RNG_SLOT]) {
    const base = VIRTIO_BASE + slot * VIRTIO_STRIDE;
    tree.node(`virtio_mmio@${base.toString(16)}`, () => {
      tree.text("compatible", "virtio,mmio");
      tree.longs("reg", base, VIRTIO_STRIDE);
      tree.cells("interrupts", VIRTIO_INTERRUPT + slot);
      tree.cells("interrupt-parent", PHANDLE_PLIC);
    });
  }
  tree.node(`test@${FINISHER_BASE.toString(16)}`, () => {
    tree.text("compatible", "sifive,test1", "sifive,test0", "syscon");
    tree.longs("reg", FINISHER_BASE, FINISHER_SIZE);
    tree.cells("phandle", PHANDLE_FINISHER);
  });
  tree.node(`plic@${PLIC_BASE.toString(16)}`, () => {
    tree.text("compatible", "sifive,plic-1.0.0", "riscv,plic0");
    tree.longs("reg", PLIC_BASE, PLIC_SIZE);
    tree.cells("riscv,ndev", PLIC_SOURCES - 1);
    tree.flag("interrupt-controller");
    tree.cells("#interrupt-cells", 1);
    tree.cells("#address-cells", 0);
    // Context 0: the hart's M mode; context 1: its S mode.
    tree.cells("interrupts-extended", PHANDLE_CPU_INTC, 11, PHANDLE_CPU_INTC, 9);
    tree.cells("phandle", PHANDLE_PLIC);
  });
  tree.node(`clint@${CLINT_BASE.toString(16)}`, () => {
    tree.text("compatible", "sifive,clint0", "riscv,clint0");
    tree.longs("reg", CLINT_BASE, CLINT_SIZE);
    tree.cells("interrupts-extended", PHANDLE_CPU_INTC, 3, PHANDLE_CPU_INTC, 7);
  });
}

function finisherCommand(tree: FlattenedTree, compatible: string, value: number): void {
  tree.text("compatible", compatible);
  tree.cells("regmap", PHANDLE_FINISHER);
  tree.cells("offset", 0);
  tree.cells("value", value);
}
