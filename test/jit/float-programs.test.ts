/**
 * Floating point translated, against the interpreter: loops of random operations over special and random operands, in every
 * rounding mode, with NX set and clear. Exceptional results leave the fast paths, ordinary ones do not; the states are the same.
 */
import { expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { thisHost } from "../../src/engine/host.ts";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { RAM_BASE } from "../../src/isa/memory-map.ts";
import { machineModule } from "../support/machine-module.ts";

const PROGRAMS = 60;
const OPERATIONS = 50;
const PASSES = 150;
const OPERANDS = 64;
const OPERANDS_AT = 0x2000;

const SPECIAL = [
  0x0000000000000000n,
  0x8000000000000000n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0x7ff0000000000001n,
  0x0000000000000001n,
  0x000fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x41dfffffffc00000n,
  0x41e0000000000000n,
  0xc1e0000000200000n,
  0x43e0000000000000n,
  0x43dfffffffffffffn,
  0xc3e0000000000000n,
  0x3fe0000000000000n,
  0xbfefffffffffffffn,
  0xffffffff00000000n,
  0xffffffff80000000n,
  0xffffffff3f800000n,
  0xffffffff7f800000n,
  0xffffffff7fc00000n,
  0xffffffff7f800001n,
  0xffffffff00000001n,
  0xffffffff00800000n,
  0xffffffff7f7fffffn,
  0xffffffff4f000000n,
  0xffffffffcf000000n,
  0xffffffff5f000000n,
  0x3810000000000000n,
  0x380fffffffffffffn,
  0x47efffffe0000000n,
  0x4770000000000000n,
];

const module = machineModule();

function operand(prng: Prng): bigint {
  const kind = prng.between(0, 9);
  if (kind < 2) return SPECIAL[prng.between(0, SPECIAL.length - 1)] ?? 0n;
  if (kind === 2) return prng.u64();
  // Numbers of ordinary size, double or boxed single.
  const fraction = prng.u64();
  if (kind < 7) return (fraction & 0x800f_ffff_ffff_ffffn) | (BigInt(1023 + prng.between(-20, 20)) << 52n);
  return 0xffff_ffff_0000_0000n | (fraction & 0x807f_ffffn) | (BigInt(127 + prng.between(-10, 10)) << 23n);
}

/** Mostly add to divide; the conversions and comparisons too. */
function operation(prng: Prng): number {
  const register = (): number => prng.between(0, 15);
  const pick = <T>(list: readonly T[]): T => list[prng.between(0, list.length - 1)] as T;
  const format = prng.between(0, 1);
  const rm = pick([0, 7, 7, 7, 1, 2, 3, 4]);
  const [rd, rs1, rs2, rs3] = [register(), register(), register(), register()];
  if (prng.between(0, 9) < 2)
    return (rs3 << 27) | (format << 25) | (rs2 << 20) | (rs1 << 15) | (rm << 12) | (rd << 7) | pick([0x43, 0x47, 0x4b, 0x4f]);
  const funct5 = pick([0, 0, 1, 1, 2, 2, 3, 0x0b, 0x04, 0x05, 0x08, 0x14, 0x18, 0x1a, 0x1c, 0x1e]);
  const integer = 10 + prng.between(0, 5);
  const word = (second: number, mode: number, to: number, from: number): number =>
    (funct5 << 27) | (format << 25) | (second << 20) | (from << 15) | (mode << 12) | (to << 7) | 0x53;
  switch (funct5) {
    case 0x0b:
      return word(0, rm, rd, rs1);
    case 0x04:
      return word(rs2, prng.between(0, 2), rd, rs1);
    case 0x05:
      return word(rs2, prng.between(0, 1), rd, rs1);
    case 0x08:
      return word(1 - format, rm, rd, rs1);
    case 0x14:
      return word(rs2, prng.between(0, 2), integer, rs1);
    case 0x18:
      return word(prng.between(0, 3), pick([1, 1, 1, rm]), integer, rs1);
    case 0x1a:
      return word(prng.between(0, 3), rm, rd, integer);
    case 0x1c:
      return word(0, prng.between(0, 1), integer, rs1);
    case 0x1e:
      return word(0, 0, rd, integer);
  }
  return word(rs2, rm, rd, rs1);
}

/** Sets FS and fcsr, then loops: some operands anew, then the operations. */
function program(prng: Prng): Uint8Array {
  const words = [
    0x000062b7, // lui t0, 6: mstatus.FS
    0x3002a073, // csrs mstatus, t0
    0x00100413, // li s0, 1
    0x01f41413, // slli s0, s0, 31: the start of RAM
    0x000024b7, // lui s1, 2
    0x00940433, // add s0, s0, s1: the operands
    0x00105073 | (prng.between(0, 1) << 15), // csrwi fflags: NX, or nothing
    0x00205073 | ((prng.between(0, 2) === 0 ? prng.between(1, 4) : 0) << 15), // csrwi frm
    (PASSES << 20) | 0x00000913, // li s2, PASSES
  ];
  const head = words.length;
  for (let load = 0; load < 6; load++) {
    const offset = prng.between(0, OPERANDS - 1) * 8;
    words.push((offset << 20) | (8 << 15) | (3 << 12) | (prng.between(0, 15) << 7) | 0x07);
  }
  for (let i = 0; i < OPERATIONS; i++) words.push(operation(prng));
  words.push(0xfff90913); // addi s2, s2, -1
  const back = (head - words.length) * 4;
  words.push(
    (((back >> 12) & 1) << 31) |
      (((back >> 5) & 63) << 25) |
      (18 << 15) |
      (1 << 12) |
      (((back >> 1) & 15) << 8) |
      (((back >> 11) & 1) << 7) |
      0x63,
  );
  words.push(0x0000006f); // j .
  const image = new Uint8Array(OPERANDS_AT + OPERANDS * 8);
  const view = new DataView(image.buffer);
  words.forEach((word, index) => {
    view.setUint32(index * 4, word >>> 0, true);
  });
  for (let i = 0; i < OPERANDS; i++) view.setBigUint64(OPERANDS_AT + i * 8, operand(prng), true);
  return image;
}

/** Without an instruction that multiplies and adds the machine does it. */
const HOSTS = [thisHost(), { fusesMultiplyAdd: false }];

test(`${PROGRAMS} loops of floating point leave the interpreter's states`, () => {
  let translated = 0;
  let slow = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const image = program(new Prng(seed));
    const run = (compiler: ImmediateCompiler | null): { story: string[]; vm: VirtualMachine } => {
      const regions = compiler === null ? {} : { regions: { compiler, sampleInterval: 200, threshold: 1 } };
      const vm = new VirtualMachine(module, { memoryMiB: 1, ...regions });
      vm.loadProgram(image);
      vm.beginEpoch({ time: 0n, rate: 1 << 20 }, []);
      const story: string[] = [];
      for (let piece = 1; piece <= 40; piece++) {
        vm.run(BigInt(piece * 211), true);
        story.push(`${vm.instant} ${vm.hash().toString(16)}`);
      }
      return { story, vm };
    };
    const interpreted = run(null);
    const { story, vm } = run(new ImmediateCompiler(HOSTS[seed % HOSTS.length]));
    expect(story, `seed ${seed}`).toEqual(interpreted.story);
    expect(vm.programCounter >= BigInt(RAM_BASE), `seed ${seed} still runs its program`).toBe(true);
    translated += vm.regionStatistics()?.retired ?? 0;
    slow += vm.regionStatistics()?.exits.interpret ?? 0;
  }
  expect(translated).toBeGreaterThan(PROGRAMS * 40 * 211 * 0.6);
  expect(slow).toBeLessThan(translated / 50);
});
