/** The ELF loader: what it takes, and that it names what it does not take. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { UnderstudyError } from "../../src/base/errors.ts";
import { Prng } from "../../src/base/prng.ts";
import { readElf } from "../../src/engine/elf.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";

const module = machineModule();
const MEMORY = { start: 0x8000_0000, end: 0x8000_0000 + 8 * 1024 * 1024 };

function load(vm: VirtualMachine, file: Uint8Array) {
  return vm.loadFirmware({ firmware: file, format: "elf", cmdline: "" });
}

function fixture(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(fileURLToPath(new URL(`../fixtures/bare-metal/${name}.elf`, import.meta.url))));
}

interface Segment {
  readonly address: bigint;
  readonly bytes: readonly number[];
  readonly memoryBytes?: number;
}

/** A program of nothing but headers and segments. */
function elfOf(segments: readonly Segment[], { type = 2, entry = segments[0]?.address ?? 0n } = {}): Uint8Array {
  const headersEnd = 64 + 56 * segments.length;
  const file = new Uint8Array(headersEnd + segments.reduce((sum, { bytes }) => sum + bytes.length, 0));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, 243, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, entry, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let offset = headersEnd;
  for (const [index, { address, bytes, memoryBytes = bytes.length }] of segments.entries()) {
    const at = 64 + 56 * index;
    view.setUint32(at, 1, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, 0xffff_ffc0_0000_0000n, true); // a virtual address, of no interest
    view.setBigUint64(at + 24, address, true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    view.setBigUint64(at + 40, BigInt(memoryBytes), true);
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

function changed(file: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = file.slice();
  change(new DataView(copy.buffer));
  return copy;
}

/** Where the header of the first section of a type is. */
function sectionOfType(view: DataView, type: number): number {
  const start = Number(view.getBigUint64(40, true));
  for (let at = start; ; at += 64) if (view.getUint32(at + 4, true) === type) return at;
}

test("a program is put where it is linked, zeros behind what is in the file, and the hart at its entry", () => {
  const vm = new VirtualMachine(module, { memoryMiB: 8 });
  vm.writeRam(0x8000_2000, Uint8Array.of(9, 9, 9, 9, 9));
  const { entry, symbols } = load(
    vm,
    elfOf(
      [
        { address: 0x8000_2000n, bytes: [1, 2], memoryBytes: 4 },
        { address: 0x8000_0000n, bytes: [3] },
      ],
      { entry: 0x8000_2002n },
    ),
  );
  expect(entry).toBe(0x8000_2002);
  expect(vm.programCounter).toBe(0x8000_2002n);
  expect([...vm.readRam(0x8000_2000, 5)]).toEqual([1, 2, 0, 0, 9]);
  expect([...vm.readRam(0x8000_0000, 2)]).toEqual([3, 0]);
  expect(symbols).toEqual({ tohost: null, fromhost: null, beginSignature: null, endSignature: null });
});

test("a program's symbols are where the linker put them", () => {
  const { symbols } = readElf(fixture("htif-pass"), MEMORY);
  const { tohost, fromhost, beginSignature, endSignature } = symbols;
  expect(Number(tohost) % 64).toBe(0);
  expect(fromhost).toBe(Number(tohost) + 64);
  expect(Number(endSignature) - Number(beginSignature)).toBe(16);
  const vm = new VirtualMachine(module, { memoryMiB: 8 });
  load(vm, fixture("htif-pass"));
  expect([...vm.readRam(Number(beginSignature), 4)]).toEqual([0xfe, 0xca, 0xad, 0x0b]);
});

test("a position-independent program that is linked at 0 goes to the start of memory", () => {
  const { entry, segments } = readElf(elfOf([{ address: 0n, bytes: [1, 2, 3, 4] }], { type: 3, entry: 2n }), MEMORY);
  expect(entry).toBe(0x8000_0002);
  expect(segments.map(({ address }) => address)).toEqual([0x8000_0000]);
});

const whole = fixture("htif-pass");
const bad: readonly [what: string, file: Uint8Array, code: string, message: RegExp][] = [
  ["nothing", new Uint8Array(), "elf_invalid", /does not begin as one/],
  ["a text", new TextEncoder().encode("#!/bin/sh\n"), "elf_invalid", /does not begin as one/],
  ["half a header", whole.slice(0, 63), "elf_invalid", /63 bytes, its header alone 64/],
  ["a 32-bit program", changed(whole, (view) => view.setUint8(4, 1)), "elf_invalid", /not a 64-bit/],
  ["a big-endian program", changed(whole, (view) => view.setUint8(5, 2)), "elf_invalid", /not little endian/],
  ["a program for x86-64", changed(whole, (view) => view.setUint16(18, 62, true)), "elf_invalid", /machine 62, not for RISC-V/],
  ["an object file", changed(whole, (view) => view.setUint16(16, 1, true)), "elf_invalid", /type is 1, not an executable/],
  ["another version", changed(whole, (view) => view.setUint32(20, 2, true)), "elf_invalid", /version is not 1/],
  ["program headers of another size", changed(whole, (view) => view.setUint16(54, 32, true)), "elf_invalid", /32 bytes each, not 56/],
  ["a file that ends in its program headers", whole.slice(0, 100), "elf_invalid", /truncated: .* program headers/],
  ["a file that ends in a segment", elfOf([{ address: 0x8000_0000n, bytes: [1, 2] }]).slice(0, -1), "elf_invalid", /truncated: .* segment/],
  ["a file that ends in its section headers", whole.slice(0, -1), "elf_invalid", /truncated: .* section headers/],
  ["no segment", elfOf([]), "elf_invalid", /no segment to load/],
  [
    "a segment that is longer in the file than in memory",
    elfOf([{ address: 0x8000_0000n, bytes: [1, 2], memoryBytes: 1 }]),
    "elf_invalid",
    /2 bytes in the file, 1 in memory/,
  ],
  [
    "an entry outside",
    elfOf([{ address: 0x8000_0000n, bytes: [1, 2] }], { entry: 0x8000_0002n }),
    "elf_invalid",
    /in none of its segments/,
  ],
  ["an odd entry", elfOf([{ address: 0x8000_0000n, bytes: [1, 2] }], { entry: 0x8000_0001n }), "elf_invalid", /is odd/],
  [
    "a symbol table beyond the file",
    changed(whole, (view) => view.setBigUint64(sectionOfType(view, 2) + 32, 1n << 60n, true)),
    "elf_invalid",
    /truncated: .* symbol table/,
  ],
  [
    "a symbol table without names",
    changed(whole, (view) => view.setUint32(sectionOfType(view, 2) + 40, 0xffff, true)),
    "elf_invalid",
    /no string table/,
  ],
  [
    "segments that overlap by a byte",
    elfOf([
      { address: 0x8000_0003n, bytes: [3] },
      { address: 0x8000_0000n, bytes: [1, 2], memoryBytes: 4 },
    ]),
    "elf_overlap",
    /segment at 0x80000000 of 4 bytes overlaps the one at 0x80000003/,
  ],
  ["a segment below memory", elfOf([{ address: 0x7fff_fffen, bytes: [1, 2, 3, 4] }]), "elf_outside_memory", /0x7ffffffe of 4 bytes/],
  ["a segment over memory's end", elfOf([{ address: 0x807f_fffen, bytes: [1, 2, 3] }]), "elf_outside_memory", /\[0x80000000, 0x80800000\)/],
  [
    "zeros over memory's end",
    elfOf([{ address: 0x8000_0000n, bytes: [1, 2], memoryBytes: 2 ** 40 }]),
    "elf_outside_memory",
    /1099511627776 bytes/,
  ],
  ["a segment in the upper half", elfOf([{ address: 0xffff_ffff_8000_0000n, bytes: [1, 2] }]), "elf_outside_memory", /outside of memory/],
];

for (const [what, file, code, message] of bad) {
  test(`${what} is refused as ${code}, and nothing is written`, () => {
    const vm = new VirtualMachine(module, { memoryMiB: 8 });
    const before = vm.hash();
    const error = caught(() => load(vm, file));
    expect(error).toBeInstanceOf(UnderstudyError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(vm.hash()).toBe(before);
  });
}

test("whatever bytes are spoiled, a program loads or is refused by name", () => {
  const seed = 20261124;
  const prng = new Prng(seed);
  const codes = new Set<string>();
  for (let round = 0; round < 5000; round++) {
    const file = whole.slice(0, prng.between(0, 9) === 0 ? prng.between(0, whole.length) : whole.length);
    // Headers more often than code.
    const limit = prng.between(0, 1) === 0 ? 176 : whole.length;
    for (let left = prng.between(1, 4); left > 0; left--) file[prng.between(0, limit - 1)] = prng.between(0, 255);
    const error = caught(() => readElf(file, MEMORY));
    if (error === null) continue;
    expect(error, `seed ${seed}, round ${round}`).toBeInstanceOf(UnderstudyError);
    codes.add((error as UnderstudyError).code);
  }
  expect([...codes].sort()).toEqual(["elf_invalid", "elf_outside_memory", "elf_overlap"]);
});

test("a machine has 1 to 2048 whole MiB of memory", () => {
  for (const memoryMiB of [0, -1, 0.5, 2049, Number.NaN]) {
    expect(caught(() => new VirtualMachine(module, { memoryMiB }))).toMatchObject({ code: "memory_size_unsupported" });
  }
});

function caught(action: () => unknown): unknown {
  try {
    action();
    return null;
  } catch (error) {
    return error;
  }
}
