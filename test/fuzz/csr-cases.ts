/**
 * All CSRs, by one guest that runs on two engines: which of the 4096 can be read in each mode and with which permissions, and what
 * those that can be written hold after each single bit, all bits, none and random ones.
 */
import { Prng } from "../../src/base/prng.ts";
import { addi, branch, CSRRS, CSRRW, csr, ECALL, iType, jal, jalr, loadImmediate, MRET, slli, sType, WFI } from "./encode.ts";
import { CSR_EXCEPTIONS } from "./exceptions.ts";
import { type Image, RAM } from "./frame.ts";

/** A mode to read everything in. */
interface Setting {
  readonly name: string;
  readonly mode: number;
  /** mstatus beside MPP: FS, TVM. */
  readonly mstatus: number;
  readonly mcounteren: number;
  readonly scounteren: number;
  /** Whether menvcfg has STCE. */
  readonly stce: boolean;
}

interface CsrRead {
  readonly setting: string;
  readonly number: number;
  /** null: it is illegal */
  readonly value: bigint | null;
}

interface CsrWrite {
  readonly number: number;
  readonly written: bigint;
  readonly held: bigint;
}

export interface CsrImage extends Image {
  readonly writes: readonly { readonly number: number; readonly value: bigint }[];
}

const CSRS = 4096;
const READ_RESULT = 16;
const FS = 0x6000;
const TVM = 0x10_0000;

const SETTINGS: readonly Setting[] = [
  { name: "M", mode: 3, mstatus: FS, mcounteren: 0, scounteren: 0, stce: false },
  { name: "M without FS", mode: 3, mstatus: 0, mcounteren: 0, scounteren: 0, stce: false },
  { name: "S", mode: 1, mstatus: FS, mcounteren: 0, scounteren: 0, stce: false },
  { name: "S with STCE alone", mode: 1, mstatus: FS, mcounteren: 0, scounteren: 0, stce: true },
  { name: "S with counters and STCE", mode: 1, mstatus: FS, mcounteren: -1, scounteren: 0, stce: true },
  { name: "S with TVM", mode: 1, mstatus: TVM, mcounteren: 2, scounteren: 0, stce: false },
  { name: "U", mode: 0, mstatus: FS, mcounteren: 0, scounteren: -1, stce: false },
  { name: "U with S's counters", mode: 0, mstatus: FS, mcounteren: -1, scounteren: 5, stce: true },
  { name: "U with counters", mode: 0, mstatus: 0, mcounteren: -1, scounteren: -1, stce: true },
];

const PMP_REGISTERS = [0x3a0, 0x3a2, ...Array.from({ length: 16 }, (_, entry) => 0x3b0 + entry)];
/** What M mode writes: all but counters, which run, and what is not there. */
const WRITTEN = [
  ...[0x001, 0x002, 0x003, 0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180, 0x300, 0x301, 0x302, 0x303],
  ...[0x304, 0x305, 0x306, 0x30a, 0x320, 0x340, 0x341, 0x342, 0x343, 0x344],
  ...PMP_REGISTERS,
];
const RANDOM_VALUES = 16;

const [T0, T1, T2, S0, S1, A3, A4, A5, A6, S2] = [5, 6, 7, 8, 9, 13, 14, 15, 16, 18];
const CODE_BYTES = 0x10_0000;
const FINISHER = 0x10_0000;
const MTIMECMP = 0x200_4000;

/** @param seed of the random values that are written */
export function csrImage(seed: bigint): CsrImage {
  const prng = new Prng(seed);
  const writes = WRITTEN.flatMap((number) =>
    [0n, -1n, ...Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)), ...Array.from({ length: RANDOM_VALUES }, () => prng.u64())].map(
      (value) => ({ number, value: BigInt.asUintN(64, value) & writable(number) }),
    ),
  );
  const valuesAt = RAM + CODE_BYTES;
  const results = { address: valuesAt + 8 * writes.length, length: SETTINGS.length * CSRS * READ_RESULT + 8 * writes.length };
  const bytes = new Uint8Array(results.address - RAM);
  const view = new DataView(bytes.buffer);
  guestCode(
    writes.map(({ number }) => number),
    valuesAt,
    results.address,
  ).forEach((word, index) => {
    view.setUint32(4 * index, word >>> 0, true);
  });
  writes.forEach(({ value }, index) => {
    view.setBigUint64(valuesAt - RAM + 8 * index, value, true);
  });
  return { programs: 1, bytes, results, writes };
}

/** A locked PMP entry stays so until reset. */
function writable(number: number): bigint {
  return number === 0x3a0 || number === 0x3a2 ? 0x7f7f_7f7f_7f7f_7f7fn : (1n << 64n) - 1n;
}

function decodeCsrs(image: CsrImage, bytes: Uint8Array): { reads: CsrRead[]; writes: CsrWrite[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const reads = SETTINGS.flatMap(({ name }, setting) =>
    Array.from({ length: CSRS }, (_, number): CsrRead => {
      const at = (setting * CSRS + number) * READ_RESULT;
      return { setting: name, number, value: view.getBigUint64(at + 8, true) === 0n ? view.getBigUint64(at, true) : null };
    }),
  );
  const writesAt = SETTINGS.length * CSRS * READ_RESULT;
  const writes = image.writes.map(({ number, value }, index) => ({
    number,
    written: value,
    held: view.getBigUint64(writesAt + 8 * index, true),
  }));
  return { reads, writes };
}

/** s0: where the next result goes; s1: where an ecall leads; a4 becomes 1 at an illegal instruction. */
function guestCode(writes: readonly number[], values: number, results: number): number[] {
  const handler = [
    csr(CSRRS, T0, 0x342, 0),
    addi(T1, 0, 2),
    branch(0, T0, T1, 8),
    jalr(0, S1, 0),
    addi(A4, 0, 1),
    csr(CSRRS, T2, 0x341, 0),
    addi(T2, T2, 4),
    csr(CSRRW, 0, 0x341, T2),
    MRET,
  ];
  const start = [csr(CSRRS, T0, 0xf14, 0), branch(0, T0, 0, 12), WFI, jal(0, -4)];
  const words = [...start, jal(0, 4 * (handler.length + 1)), ...handler];
  const here = () => RAM + 4 * words.length;
  words.push(
    ...address(T0, RAM + 4 * (start.length + 1)),
    csr(CSRRW, 0, 0x305, T0),
    addi(T0, 0, -1),
    csr(CSRRW, 0, 0x14d, T0),
    ...loadImmediate(T1, MTIMECMP),
    sType(0x23, 3, T1, T0, 0),
    iType(0x13, 5, T0, T0, 10),
    csr(CSRRW, 0, 0x3b0, T0),
    addi(T0, 0, 0x1f),
    csr(CSRRW, 0, 0x3a0, T0),
    ...address(S0, results),
  );
  const sweep = Array.from({ length: CSRS }, (_, number) => [
    addi(A4, 0, 0),
    addi(A5, 0, 0),
    csr(CSRRS, A5, number, 0),
    sType(0x23, 3, S0, A5, 0),
    sType(0x23, 3, S0, A4, 8),
    addi(S0, S0, READ_RESULT),
  ]).flat();
  sweep.push(ECALL);
  const sweepAt = here() + 4;
  words.push(jal(0, 4 * (sweep.length + 1)), ...sweep);
  for (const { mode, mstatus, mcounteren, scounteren, stce } of SETTINGS) {
    const enter = [
      addi(T0, 0, mcounteren),
      csr(CSRRW, 0, 0x306, T0),
      addi(T0, 0, scounteren),
      csr(CSRRW, 0, 0x106, T0),
      addi(T0, 0, stce ? 1 : 0),
      slli(T0, T0, 63),
      csr(CSRRW, 0, 0x30a, T0),
      ...loadImmediate(T0, (mode << 11) | mstatus),
      csr(CSRRW, 0, 0x300, T0),
      ...address(T0, sweepAt),
      csr(CSRRW, 0, 0x341, T0),
    ];
    const after = here() + 4 * (address(S1, RAM).length + enter.length + 1);
    words.push(...address(S1, after), ...enter, MRET);
  }
  words.push(...loadImmediate(T0, FS), csr(CSRRW, 0, 0x300, T0), ...address(S2, values));
  for (const number of writes) {
    words.push(
      iType(0x03, 3, A3, S2, 0),
      csr(CSRRW, A6, number, A3),
      csr(CSRRS, A5, number, 0),
      csr(CSRRW, 0, number, A6),
      sType(0x23, 3, S0, A5, 0),
      addi(S0, S0, 8),
      addi(S2, S2, 8),
    );
  }
  words.push(...loadImmediate(T0, FINISHER), ...loadImmediate(T1, 0x5555), sType(0x23, 2, T0, T1, 0), jal(0, 0));
  if (words.length * 4 > CODE_BYTES) throw new Error(`The guest's code has ${words.length * 4} bytes, more than ${CODE_BYTES}`);
  return words;
}

/** An address of RAM, which is not one of 32 bits with a sign. Always as long. */
function address(register: number, value: number): number[] {
  const words = loadImmediate(register, value | 0);
  return [...words, ...(words.length === 1 ? [addi(0, 0, 0)] : []), slli(register, register, 32), iType(0x13, 5, register, register, 32)];
}

/** What two engines have otherwise and must not, in words. */
export function compareCsrs(image: CsrImage, ours: Uint8Array, theirs: Uint8Array): string[] {
  const [own, others] = [decodeCsrs(image, ours), decodeCsrs(image, theirs)];
  const differences: string[] = [];
  own.reads.forEach(({ setting, number, value }, index) => {
    const other = others.reads[index]?.value ?? null;
    const excused = CSR_EXCEPTIONS.find((exception) => exception.numbers.includes(number) && exception.read !== undefined)?.read;
    if (value === other || excused?.(value, other)) return;
    differences.push(`CSR ${number.toString(16)} in ${setting} reads ${show(value)}, theirs ${show(other)}`);
  });
  own.writes.forEach(({ number, written, held }, index) => {
    const other = others.writes[index]?.held ?? 0n;
    const open = CSR_EXCEPTIONS.reduce((bits, { numbers, write }) => bits | (numbers.includes(number) ? (write?.(written) ?? 0n) : 0n), 0n);
    if (((held ^ other) & ~open) === 0n) return;
    differences.push(`CSR ${number.toString(16)} holds ${show(held)} when ${show(written)} is written, theirs ${show(other)}`);
  });
  return differences;
}

function show(value: bigint | null): string {
  return value === null ? "illegal" : value.toString(16);
}
