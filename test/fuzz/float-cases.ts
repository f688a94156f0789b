/**
 * Every instruction of F and D that computes, on tables of operands: a guest that executes each on each row, in each rounding mode,
 * and stores what comes of it and the flags. The same image runs on two engines.
 *
 * Every second row is executed with NX set already, which must stay.
 */
import { Prng } from "../../src/base/prng.ts";
import { DOUBLE, type Format, SINGLE } from "../support/exact-float.ts";
import { fewSpecialValues, integerBoundaries, randomPair, randomValue, specialValues } from "../support/float-operands.ts";
import { addi, branch, CSR_IMMEDIATE, CSRRS, CSRRW, csr, iType, jal, loadImmediate, rType, slli, sType, WFI } from "./encode.ts";
import { type Image, RAM } from "./frame.ts";

/** What an instruction takes. */
type Shape = "unary" | "binary" | "ternary" | "integer";

interface Operation {
  readonly name: string;
  readonly shape: Shape;
  readonly format: "s" | "d";
  /** In a row with integers and in its result: the integer register file. */
  readonly toInteger: boolean;
  readonly rounds: boolean;
  /** Its bits with rounding mode `rm`; operands in f1, f2, f3 or a3, the result in f4 or a4. */
  readonly encode: (rm: number) => number;
}

interface Job {
  readonly operation: Operation;
  readonly rm: number;
  readonly table: Table;
  /** Offset of its first result. */
  readonly results: number;
}

interface Table {
  readonly rows: readonly (readonly bigint[])[];
  readonly address: number;
}

export interface FloatImage extends Image {
  readonly jobs: readonly Job[];
  readonly cases: number;
}

const ROW = 24;
const RESULT = 16;
const CODE_BYTES = 0x1_0000;
const BOX = 0xffff_ffff_0000_0000n;
const RNE = 0;
const DYNAMIC = 7;
/** Instructions for a row, and some. */
const INSTRUCTIONS_A_ROW = 16;
const FINISHER = 0x10_0000;

const [A0, A1, A2, A3, A4, A5, A6, T0, T1] = [10, 11, 12, 13, 14, 15, 16, 5, 6];
const FFLAGS = 0x001;
const FRM = 0x002;

const OPERATIONS = (["s", "d"] as const).flatMap(operationsOf);

function operationsOf(format: "s" | "d"): Operation[] {
  const double = format === "d" ? 1 : 0;
  const make = (name: string, shape: Shape, funct5: number, second: number, funct3: number | null, toInteger: boolean): Operation => ({
    name: `${name}.${format}`,
    shape,
    format,
    toInteger,
    rounds: funct3 === null,
    encode: (rm) => rType(0x53, funct3 ?? rm, (funct5 << 2) | double, toInteger ? A4 : 4, shape === "integer" ? A3 : 1, second),
  });
  const binary = (name: string, funct5: number, funct3: number | null, toInteger = false) =>
    make(name, "binary", funct5, 2, funct3, toInteger);
  const fused = (name: string, opcode: number): Operation => ({
    name: `${name}.${format}`,
    shape: "ternary",
    format,
    toInteger: false,
    rounds: true,
    encode: (rm) => rType(opcode, rm, (3 << 2) | double, 4, 1, 2),
  });
  const integers = ["w", "wu", "l", "lu"];
  return [
    binary("fadd", 0x00, null),
    binary("fsub", 0x01, null),
    binary("fmul", 0x02, null),
    binary("fdiv", 0x03, null),
    make("fsqrt", "unary", 0x0b, 0, null, false),
    ...["fsgnj", "fsgnjn", "fsgnjx"].map((name, funct3) => binary(name, 0x04, funct3)),
    ...["fmin", "fmax"].map((name, funct3) => binary(name, 0x05, funct3)),
    ...["fle", "flt", "feq"].map((name, funct3) => binary(name, 0x14, funct3, true)),
    make(format === "s" ? "fcvt.s.d to" : "fcvt.d.s to", "unary", 0x08, 1 - double, null, false),
    ...integers.map((name, kind) => make(`fcvt.${name}`, "unary", 0x18, kind, null, true)),
    ...integers.map((name, kind) => make(`fcvt from ${name} to`, "integer", 0x1a, kind, null, false)),
    make("fmv.x", "unary", 0x1c, 0, 0, true),
    make("fclass", "unary", 0x1c, 0, 1, true),
    make("fmv.f", "integer", 0x1e, 0, 0, false),
    fused("fmadd", 0x43),
    fused("fmsub", 0x47),
    fused("fnmsub", 0x4b),
    fused("fnmadd", 0x4f),
  ];
}

/**
 * All operations on special values (with `specials`) and on `randoms` random rows for each shape and format.
 *
 * @param seed of the random rows
 */
export function floatImage(seed: bigint, randoms: number, specials: boolean): FloatImage {
  const prng = new Prng(seed);
  const tables = new Map<string, Table>();
  let at = RAM + CODE_BYTES;
  for (const format of ["s", "d"] as const) {
    for (const shape of ["unary", "binary", "ternary", "integer"] as const) {
      const rows = rowsOf(shape, format === "s" ? SINGLE : DOUBLE, prng, randoms, specials);
      tables.set(shape + format, { rows, address: at });
      at += rows.length * ROW;
    }
  }
  const results = at;
  const jobs: Job[] = [];
  for (const operation of OPERATIONS) {
    // A conversion takes its operands from the other format.
    const from = operation.name.startsWith("fcvt.s.d") ? "d" : operation.name.startsWith("fcvt.d.s") ? "s" : operation.format;
    const table = tables.get(operation.shape + from) as Table;
    for (const rm of operation.rounds ? [0, 1, 2, 3, 4] : [RNE]) {
      jobs.push({ operation, rm, table, results: at - results });
      at += table.rows.length * RESULT;
    }
  }
  const bytes = new Uint8Array(results - RAM);
  const view = new DataView(bytes.buffer);
  guestCode(jobs, results).forEach((word, index) => {
    view.setUint32(4 * index, word >>> 0, true);
  });
  for (const { rows, address } of tables.values()) {
    rows.forEach((row, index) => {
      row.forEach((value, column) => {
        view.setBigUint64(address - RAM + index * ROW + 8 * column, BigInt.asUintN(64, value), true);
      });
    });
  }
  const cases = jobs.reduce((sum, { table }) => sum + table.rows.length, 0);
  const programs = 1 + Math.ceil((cases * INSTRUCTIONS_A_ROW) / 1e6);
  return { programs, bytes, results: { address: results, length: at - results }, jobs, cases };
}

function rowsOf(shape: Shape, format: Format, prng: Prng, randoms: number, specials: boolean): bigint[][] {
  const few = fewSpecialValues(format);
  const all = specialValues(format);
  const random = Array.from({ length: randoms }, () => randomRow(shape, format, prng));
  const rows = specials ? specialRows() : [];
  const boxed = shape !== "integer" && format === SINGLE;
  return [...rows, ...random].map((row) => row.map((value) => (boxed ? inBox(value, prng, specials) : value)));

  function specialRows(): bigint[][] {
    switch (shape) {
      case "unary":
        return [...all, ...integerBoundaries(format)].map((a) => [a]);
      case "binary":
        return all.flatMap((a) => all.map((b) => [a, b]));
      case "ternary":
        return few.flatMap((a) => few.flatMap((b) => few.map((c) => [a, b, c])));
      case "integer":
        return Array.from({ length: 64 }, (_, n) => [-2n, -1n, 0n, 1n, 2n, 1n << BigInt(n >> 1)].map((d) => (1n << BigInt(n)) + d))
          .flat()
          .flatMap((value) => [[value], [-value]]);
    }
  }
}

function randomRow(shape: Shape, format: Format, prng: Prng): bigint[] {
  if (shape === "integer") return [prng.u64() >> BigInt(prng.between(0, 63))].map((value) => (prng.u64() & 1n ? value : -value));
  const [a, b] = randomPair(format, prng);
  return shape === "unary" ? [a] : shape === "binary" ? [a, b] : [a, b, randomValue(format, prng)];
}

/** A single as it must be in a register; now and then not: then it counts as a NaN. */
function inBox(value: bigint, prng: Prng, specials: boolean): bigint {
  if (prng.between(0, specials ? 63 : 15) > 0) return BOX | value;
  return ((BOX ^ (1n << BigInt(prng.between(32, 63)))) & BOX) | value;
}

/** Machine code for the start of RAM: a loop for each job, and the end. */
function guestCode(jobs: readonly Job[], results: number): number[] {
  const words = [
    csr(CSRRS, T0, 0xf14, 0), // harts but the first wait
    branch(0, T0, 0, 12),
    WFI,
    jal(0, -4),
    ...loadImmediate(T0, 0x6000),
    csr(CSRRS, 0, 0x300, T0),
    addi(A6, 0, 0),
  ];
  for (const { operation, rm, table, results: offset } of jobs) {
    const dynamic = (rm & 1) === 1;
    const load = operation.shape === "integer" ? [iType(0x03, 3, A3, A0, 0)] : [0, 1, 2].map((n) => iType(0x07, 3, 1 + n, A0, 8 * n));
    const loop = [
      ...load,
      csr(CSRRW, 0, FFLAGS, A6),
      operation.encode(dynamic ? DYNAMIC : rm),
      csr(CSRRS, A5, FFLAGS, 0),
      operation.toInteger ? sType(0x23, 3, A1, A4, 0) : sType(0x27, 3, A1, 4, 0),
      sType(0x23, 3, A1, A5, 8),
      iType(0x13, 4, A6, A6, 1),
      addi(A0, A0, ROW),
      addi(A1, A1, RESULT),
      addi(A2, A2, -1),
    ];
    words.push(
      ...address(A0, table.address),
      ...address(A1, results + offset),
      ...loadImmediate(A2, table.rows.length),
      csr(CSRRW | CSR_IMMEDIATE, 0, FRM, dynamic ? rm : (rm + 1) % 5),
      ...loop,
      branch(1, A2, 0, -4 * loop.length),
    );
  }
  words.push(...loadImmediate(T0, FINISHER), ...loadImmediate(T1, 0x5555), sType(0x23, 2, T0, T1, 0), jal(0, 0));
  if (words.length * 4 > CODE_BYTES) throw new Error(`The guest's code has ${words.length * 4} bytes, more than ${CODE_BYTES}`);
  return words;
}

/** An address of RAM, which is not one of 32 bits with a sign. */
function address(register: number, value: number): number[] {
  return [...loadImmediate(register, value | 0), slli(register, register, 32), iType(0x13, 5, register, register, 32)];
}

/** Where two runs of an image differ, in words; the first `most` places. */
export function compareFloats(image: FloatImage, ours: Uint8Array, theirs: Uint8Array, most: number): string[] {
  const differences: string[] = [];
  if (Buffer.compare(ours, theirs) === 0) return differences;
  const [a, b] = [ours, theirs].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset)) as [DataView, DataView];
  for (const { operation, rm, table, results } of image.jobs) {
    for (const [index, row] of table.rows.entries()) {
      const at = results + index * RESULT;
      if (a.getBigUint64(at, true) === b.getBigUint64(at, true) && a.getBigUint64(at + 8, true) === b.getBigUint64(at + 8, true)) continue;
      const operands = row.map((value) => BigInt.asUintN(64, value).toString(16)).join(", ");
      const show = (view: DataView) => `${view.getBigUint64(at, true).toString(16)} flags ${view.getBigUint64(at + 8, true).toString(16)}`;
      differences.push(`${operation.name} ${operands} in mode ${rm}: ${show(a)}, theirs ${show(b)}`);
      if (differences.length === most) return differences;
    }
  }
  return differences;
}
