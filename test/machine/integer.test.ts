/** The arithmetic, comparisons and branches of RV64IM, Zba, Zbb and Zbs against their definitions on unbounded integers. */
import { expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { FINISHER_BASE, FINISHER_POWEROFF } from "../../src/isa/memory-map.ts";
import { GuestRun } from "./guest-run.ts";

const OPERANDS_AT = 0x8010_0000;
const RESULTS_AT = 0x8020_0000;

const ZERO = 0;
const [A0, A1, A2] = [10, 11, 12] as const;
const [S0, S1, S2] = [8, 9, 18] as const;
const T0 = 5;

const signed = (x: bigint) => BigInt.asIntN(64, x);
const unsigned = (x: bigint) => BigInt.asUintN(64, x);
const word = (x: bigint) => BigInt.asIntN(32, x);
const unsignedWord = (x: bigint) => BigInt.asUintN(32, x);
const truth = (x: boolean) => (x ? 1n : 0n);

/** A quotient rounded to zero and its remainder, with the results that RISC-V gives where there are none. */
const divide = (a: bigint, b: bigint) => (b === 0n ? -1n : a / b);
const remainder = (a: bigint, b: bigint) => (b === 0n ? a : a % b);

const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
const larger = (a: bigint, b: bigint) => (a > b ? a : b);
/** Rotates the low `width` bits right. */
const rotated = (width: bigint) => (a: bigint, by: bigint) => {
  const value = BigInt.asUintN(Number(width), a);
  return (value >> (by % width)) | (value << (width - (by % width)));
};
const rotated64 = rotated(64n);
const rotated32 = (a: bigint, by: bigint) => word(rotated(32n)(a, by));
/** The low `width` bits, highest first. */
const digits = (a: bigint, width: number) => BigInt.asUintN(width, a).toString(2).padStart(width, "0");
const leadingZeros = (width: number) => (a: bigint) => BigInt(`${digits(a, width)}1`.indexOf("1"));
const trailingZeros = (width: number) => (a: bigint) => BigInt(width - 1 - `1${digits(a, width)}`.lastIndexOf("1") + 1);
const population = (width: number) => (a: bigint) => BigInt(digits(a, width).replaceAll("0", "").length);
/** The eight bytes, lowest first, each by a function, in an order. */
const bytewise = (a: bigint, change: (byte: bigint) => bigint, reverse: boolean) => {
  const bytes = Array.from({ length: 8 }, (_, index) => change((a >> BigInt(8 * index)) & 0xffn));
  return (reverse ? bytes.reverse() : bytes).reduce((sum, byte, index) => sum | (byte << BigInt(8 * index)), 0n);
};

interface Operation {
  readonly name: string;
  /** The instruction on a1 and a2, into a0. */
  readonly bits: number;
  /** Its result from the unsigned values of both, of any width and sign. */
  readonly result: (a: bigint, b: bigint) => bigint;
}

function register(name: string, opcode: number, funct7: number, funct3: number, result: Operation["result"]): Operation {
  return { name, bits: (funct7 << 25) | (A2 << 20) | (A1 << 15) | (funct3 << 12) | (A0 << 7) | opcode, result };
}

const REGISTER: Operation[] = [
  register("add", 0x33, 0, 0, (a, b) => a + b),
  register("sub", 0x33, 0x20, 0, (a, b) => a - b),
  register("sll", 0x33, 0, 1, (a, b) => a << (b & 63n)),
  register("slt", 0x33, 0, 2, (a, b) => truth(signed(a) < signed(b))),
  register("sltu", 0x33, 0, 3, (a, b) => truth(a < b)),
  register("xor", 0x33, 0, 4, (a, b) => a ^ b),
  register("srl", 0x33, 0, 5, (a, b) => a >> (b & 63n)),
  register("sra", 0x33, 0x20, 5, (a, b) => signed(a) >> (b & 63n)),
  register("or", 0x33, 0, 6, (a, b) => a | b),
  register("and", 0x33, 0, 7, (a, b) => a & b),
  register("addw", 0x3b, 0, 0, (a, b) => word(a + b)),
  register("subw", 0x3b, 0x20, 0, (a, b) => word(a - b)),
  register("sllw", 0x3b, 0, 1, (a, b) => word(a << (b & 31n))),
  register("srlw", 0x3b, 0, 5, (a, b) => word(unsignedWord(a) >> (b & 31n))),
  register("sraw", 0x3b, 0x20, 5, (a, b) => word(a) >> (b & 31n)),
  register("mul", 0x33, 1, 0, (a, b) => a * b),
  register("mulh", 0x33, 1, 1, (a, b) => (signed(a) * signed(b)) >> 64n),
  register("mulhsu", 0x33, 1, 2, (a, b) => (signed(a) * b) >> 64n),
  register("mulhu", 0x33, 1, 3, (a, b) => (a * b) >> 64n),
  register("div", 0x33, 1, 4, (a, b) => divide(signed(a), signed(b))),
  register("divu", 0x33, 1, 5, (a, b) => divide(a, b)),
  register("rem", 0x33, 1, 6, (a, b) => remainder(signed(a), signed(b))),
  register("remu", 0x33, 1, 7, (a, b) => remainder(a, b)),
  register("mulw", 0x3b, 1, 0, (a, b) => word(a * b)),
  register("divw", 0x3b, 1, 4, (a, b) => word(divide(word(a), word(b)))),
  register("divuw", 0x3b, 1, 5, (a, b) => word(divide(unsignedWord(a), unsignedWord(b)))),
  register("remw", 0x3b, 1, 6, (a, b) => word(remainder(word(a), word(b)))),
  register("remuw", 0x3b, 1, 7, (a, b) => word(remainder(unsignedWord(a), unsignedWord(b)))),
  ...[1n, 2n, 3n].flatMap((by) => [
    register(`sh${by}add`, 0x33, 0x10, Number(by) * 2, (a, b) => (a << by) + b),
    register(`sh${by}add.uw`, 0x3b, 0x10, Number(by) * 2, (a, b) => (unsignedWord(a) << by) + b),
  ]),
  register("add.uw", 0x3b, 0x04, 0, (a, b) => unsignedWord(a) + b),
  register("andn", 0x33, 0x20, 7, (a, b) => a & ~b),
  register("orn", 0x33, 0x20, 6, (a, b) => a | ~b),
  register("xnor", 0x33, 0x20, 4, (a, b) => ~(a ^ b)),
  register("min", 0x33, 0x05, 4, (a, b) => smaller(signed(a), signed(b))),
  register("minu", 0x33, 0x05, 5, smaller),
  register("max", 0x33, 0x05, 6, (a, b) => larger(signed(a), signed(b))),
  register("maxu", 0x33, 0x05, 7, larger),
  register("rol", 0x33, 0x30, 1, (a, b) => rotated64(a, 64n - (b & 63n))),
  register("ror", 0x33, 0x30, 5, (a, b) => rotated64(a, b & 63n)),
  register("rolw", 0x3b, 0x30, 1, (a, b) => rotated32(a, 32n - (b & 31n))),
  register("rorw", 0x3b, 0x30, 5, (a, b) => rotated32(a, b & 31n)),
  register("bclr", 0x33, 0x24, 1, (a, b) => a & ~(1n << (b & 63n))),
  register("bext", 0x33, 0x24, 5, (a, b) => (a >> (b & 63n)) & 1n),
  register("binv", 0x33, 0x34, 1, (a, b) => a ^ (1n << (b & 63n))),
  register("bset", 0x33, 0x14, 1, (a, b) => a | (1n << (b & 63n))),
];

/** An operation on a1 alone, whose funct12 is part of its name. */
function unary(name: string, opcode: number, funct12: number, funct3: number, result: (a: bigint) => bigint): Operation {
  return { name, bits: (funct12 << 20) | (A1 << 15) | (funct3 << 12) | (A0 << 7) | opcode, result };
}

const UNARY: Operation[] = [
  unary("clz", 0x13, 0x600, 1, leadingZeros(64)),
  unary("ctz", 0x13, 0x601, 1, trailingZeros(64)),
  unary("cpop", 0x13, 0x602, 1, population(64)),
  unary("sext.b", 0x13, 0x604, 1, (a) => BigInt.asIntN(8, a)),
  unary("sext.h", 0x13, 0x605, 1, (a) => BigInt.asIntN(16, a)),
  unary("zext.h", 0x3b, 0x080, 4, (a) => a & 0xffffn),
  unary("orc.b", 0x13, 0x287, 5, (a) => bytewise(a, (byte) => (byte === 0n ? 0n : 0xffn), false)),
  unary("rev8", 0x13, 0x6b8, 5, (a) => bytewise(a, (byte) => byte, true)),
  unary("clzw", 0x1b, 0x600, 1, leadingZeros(32)),
  unary("ctzw", 0x1b, 0x601, 1, trailingZeros(32)),
  unary("cpopw", 0x1b, 0x602, 1, population(32)),
];

function immediate(name: string, opcode: number, funct3: number, value: number, result: (a: bigint, imm: bigint) => bigint): Operation {
  const bits = ((value & 0xfff) << 20) | (A1 << 15) | (funct3 << 12) | (A0 << 7) | opcode;
  return { name: `${name} ${value}`, bits, result: (a) => result(a, BigInt(value)) };
}

/** A shift amount below what else is in the immediate. */
function shift(name: string, opcode: number, funct3: number, upper: number, amount: number, result: (a: bigint, by: bigint) => bigint) {
  return { ...immediate(name, opcode, funct3, upper | amount, (a) => result(a, BigInt(amount))), name: `${name} ${amount}` };
}

const IMMEDIATE: Operation[] = [
  ...[0, 1, -1, 2047, -2048, 0x555].flatMap((value) => [
    immediate("addi", 0x13, 0, value, (a, imm) => a + imm),
    immediate("slti", 0x13, 2, value, (a, imm) => truth(signed(a) < imm)),
    immediate("sltiu", 0x13, 3, value, (a, imm) => truth(a < unsigned(imm))),
    immediate("xori", 0x13, 4, value, (a, imm) => a ^ unsigned(imm)),
    immediate("ori", 0x13, 6, value, (a, imm) => a | unsigned(imm)),
    immediate("andi", 0x13, 7, value, (a, imm) => a & unsigned(imm)),
    immediate("addiw", 0x1b, 0, value, (a, imm) => word(a + imm)),
  ]),
  ...[0, 1, 31, 32, 63].flatMap((value) => [
    immediate("slli", 0x13, 1, value, (a, imm) => a << imm),
    immediate("srli", 0x13, 5, value, (a, imm) => a >> imm),
    shift("srai", 0x13, 5, 0x400, value, (a, imm) => signed(a) >> imm),
    shift("rori", 0x13, 5, 0x600, value, rotated64),
    shift("slli.uw", 0x1b, 1, 0x080, value, (a, imm) => unsignedWord(a) << imm),
    shift("bclri", 0x13, 1, 0x480, value, (a, imm) => a & ~(1n << imm)),
    shift("bexti", 0x13, 5, 0x480, value, (a, imm) => (a >> imm) & 1n),
    shift("binvi", 0x13, 1, 0x680, value, (a, imm) => a ^ (1n << imm)),
    shift("bseti", 0x13, 1, 0x280, value, (a, imm) => a | (1n << imm)),
  ]),
  ...[0, 1, 17, 31].flatMap((value) => [
    immediate("slliw", 0x1b, 1, value, (a, imm) => word(a << imm)),
    immediate("srliw", 0x1b, 5, value, (a, imm) => word(unsignedWord(a) >> imm)),
    shift("sraiw", 0x1b, 5, 0x400, value, (a, imm) => word(a) >> imm),
    shift("roriw", 0x1b, 5, 0x600, value, rotated32),
  ]),
];

const BRANCHES: readonly (readonly [name: string, funct3: number, taken: (a: bigint, b: bigint) => boolean])[] = [
  ["beq", 0, (a, b) => a === b],
  ["bne", 1, (a, b) => a !== b],
  ["blt", 4, (a, b) => signed(a) < signed(b)],
  ["bge", 5, (a, b) => signed(a) >= signed(b)],
  ["bltu", 6, (a, b) => a < b],
  ["bgeu", 7, (a, b) => a >= b],
];

const i = (opcode: number, funct3: number, rd: number, rs1: number, value: number) =>
  ((value << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0;
const ld = (rd: number, base: number, offset: number) => i(0x03, 3, rd, base, offset);
const addi = (rd: number, rs1: number, value: number) => i(0x13, 0, rd, rs1, value & 0xfff);
const store = (funct3: number, value: number, base: number) => ((value << 20) | (base << 15) | (funct3 << 12) | 0x23) >>> 0;
const branch = (funct3: number, rs1: number, rs2: number, offset: number) =>
  ((((offset >> 12) & 1) << 31) |
    (((offset >> 5) & 63) << 25) |
    (rs2 << 20) |
    (rs1 << 15) |
    (funct3 << 12) |
    (((offset >> 1) & 15) << 8) |
    (((offset >> 11) & 1) << 7) |
    0x63) >>>
  0;
/** An address below 2^32 whose low 12 bits are 0. */
const address = (rd: number, value: number) => [(value | (rd << 7) | 0x37) >>> 0, i(0x13, 1, rd, rd, 32), i(0x13, 5, rd, rd, 32)];

/** Runs code on every pair, in a loop with the pair in a1 and a2; its a0 for each. */
function resultsOf(bodies: readonly (readonly number[])[], pairs: readonly (readonly [bigint, bigint])[]): bigint[][] {
  const code: number[] = [...address(S1, RESULTS_AT)];
  const end = [
    ...address(S2, OPERANDS_AT),
    ...address(T0, pairs.length * 16 * 4096),
    i(0x13, 5, T0, T0, 12),
    0x00590933 /* add s2, s2, t0 */,
  ];
  code.push(...end);
  for (const body of bodies) {
    code.push(...address(S0, OPERANDS_AT));
    const loop = [ld(A1, S0, 0), ld(A2, S0, 8), ...body, store(3, A0, S1), addi(S0, S0, 16), addi(S1, S1, 8)];
    code.push(...loop, branch(1, S0, S2, -4 * loop.length));
  }
  code.push(...address(T0, FINISHER_BASE), ...address(A0, 0x5000), addi(A0, A0, FINISHER_POWEROFF - 0x5000), store(2, A0, T0));
  const image = new Uint8Array(OPERANDS_AT - 0x8000_0000 + pairs.length * 16);
  const view = new DataView(image.buffer);
  for (const [index, bits] of code.entries()) view.setUint32(index * 4, bits, true);
  for (const [index, value] of pairs.flat().entries()) view.setBigUint64(OPERANDS_AT - 0x8000_0000 + index * 8, value, true);
  const guest = new GuestRun({ image });
  guest.to(10_000_000n);
  expect(guest.outcome).toBe("poweroff");
  return bodies.map((_, number) => {
    const bytes = guest.vm.readRam(RESULTS_AT + number * pairs.length * 8, pairs.length * 8);
    return [...new BigUint64Array(bytes.buffer)];
  });
}

const SPECIAL = [
  ...[0n, 1n, 2n, 3n, 7n, 31n, 32n, 63n, 64n, 1000n],
  ...[-1n, -2n, -3n, -7n, -64n].map(unsigned),
  ...[31n, 32n, 33n, 62n, 63n].flatMap((bit) => [1n << bit, (1n << bit) - 1n, unsigned(-(1n << bit)), unsigned(-(1n << bit) - 1n)]),
];

function operandPairs(): [bigint, bigint][] {
  const prng = new Prng(64);
  const random = () => {
    const value = prng.u64() >> BigInt(prng.between(0, 63));
    return prng.between(0, 1) === 0 ? value : unsigned(-value);
  };
  return [
    ...SPECIAL.flatMap((a) => SPECIAL.map((b): [bigint, bigint] => [a, b])),
    ...Array.from({ length: 1000 }, (): [bigint, bigint] => [random(), random()]),
  ];
}

const PAIRS = operandPairs();

function check(operations: readonly Operation[], bodies: readonly (readonly number[])[]) {
  const wrong: string[] = [];
  resultsOf(bodies, PAIRS).forEach((results, number) => {
    const { name, result } = operations[number]!;
    PAIRS.forEach(([a, b], index) => {
      const wanted = unsigned(result(a, b));
      if (results[index] !== wanted)
        wrong.push(`${name} of ${a.toString(16)} ${b.toString(16)}: ${results[index]!.toString(16)}, wanted ${wanted.toString(16)}`);
    });
  });
  expect(wrong.slice(0, 20)).toEqual([]);
}

test("operations on two registers", () =>
  check(
    REGISTER,
    REGISTER.map(({ bits }) => [bits >>> 0]),
  ));

test("operations on one register", () =>
  check(
    UNARY,
    UNARY.map(({ bits }) => [bits >>> 0]),
  ));

test("operations on a register and an immediate", () =>
  check(
    IMMEDIATE,
    IMMEDIATE.map(({ bits }) => [bits >>> 0]),
  ));

test("branches are taken when they should be", () => {
  const operations = BRANCHES.map(([name, , taken]) => ({ name, bits: 0, result: (a: bigint, b: bigint) => truth(taken(a, b)) }));
  check(
    operations,
    BRANCHES.map(([, funct3]) => [addi(A0, ZERO, 1), branch(funct3, A1, A2, 8), addi(A0, ZERO, 0)]),
  );
});

test("loads extend, stores cut", () => {
  // Stores a2 over the result in the making, then loads it back in another width.
  const widths = [0, 1, 2, 3, 4, 5, 6];
  const names = ["lb", "lh", "lw", "ld", "lbu", "lhu", "lwu"];
  const extend = (funct3: number, value: bigint) => {
    const bits = 8 << (funct3 & 3);
    return funct3 < 4 ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  };
  const cases = widths.flatMap((load) => [0, 1, 2, 3].map((width) => ({ load, width })));
  const operations = cases.map(({ load, width }) => ({
    name: `${names[load]} after a store of ${1 << width} bytes`,
    bits: 0,
    result: (a: bigint, b: bigint) => extend(load, (a & ~((1n << BigInt(8 << width)) - 1n)) | BigInt.asUintN(8 << width, b)),
  }));
  check(
    operations,
    cases.map(({ load, width }) => [store(3, A1, S1), store(width, A2, S1), i(0x03, load, A0, S1, 0)]),
  );
});
