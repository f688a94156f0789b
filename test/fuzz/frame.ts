/**
 * The frame of the programs that two engines run, as data: what an image, a record and a result hold. Mirrors
 * test/fixtures/differential/frame.S, which says how a program runs in it.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Prng } from "../../src/base/prng.ts";
import { PTE_A, PTE_D, PTE_G, PTE_R, PTE_U, PTE_V, PTE_W, PTE_X } from "../../src/isa/status-bits.ts";

export const RAM = 0x8000_0000;
/** A program's 16 pages: where S and M mode see them, and where U mode does with paging. */
export const ARENA = RAM + 0x20_0000;
export const USER_ARENA = ARENA + 0x4000_0000;
export const ARENA_BYTES = 0x1_0000;
/** MiB of RAM that an image needs. */
export const MEMORY_MIB = 64;

const PRISTINE = RAM + 0x1_0000;
const SUPERVISOR_LEAVES = RAM + 0x3000;
const RECORDS = RAM + 0x40_0000;
const PAGE = 4096;
export const RECORD_BYTES = 0x1000;
const RESULT_BYTES = 0xb00;
/** Programs that an image has room for. */
export const PROGRAMS_MAX = 8000;

/** Page tables, by their offset in the arena. */
const ROOT39 = 0x8000;
const SUPERVISOR_MIDDLE = 0x9000;
export const SUPERVISOR_TABLE = 0xa000;
const USER_MIDDLE = 0xb000;
export const USER_TABLE = 0xc000;
const ROOT48 = 0xd000;

/** Aliases of the arena: pages of 2 MiB for S and U, and one of 1 GiB that S may read. */
export const SUPERVISOR_ALIAS = 0xc040_0000n;
export const USER_ALIAS = 0xc060_0000n;
export const READ_ALIAS = 0x1_0020_0000n;

export const SATP_SV39 = (8n << 60n) | BigInt((ARENA + ROOT39) >>> 12);
export const SATP_SV48 = (9n << 60n) | BigInt((ARENA + ROOT48) >>> 12);

const CODE_OFFSET = 0x400;
export const CODE_BYTES_MAX = RECORD_BYTES - CODE_OFFSET;
export const PATCHES_MAX = 16;
const TRAPS_MAX = 48;

/** Everything that a program begins with. */
export interface ProgramRecord {
  /** x0..x31; x0's is not used. */
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly mstatus: bigint;
  readonly satp: bigint;
  readonly medeleg: bigint;
  readonly mideleg: bigint;
  readonly mie: bigint;
  readonly mip: bigint;
  readonly mcounteren: bigint;
  readonly scounteren: bigint;
  readonly fcsr: bigint;
  readonly menvcfg: bigint;
  /** 1: traps to S mode are vectored, 4: those to M mode. */
  readonly vectored: bigint;
  readonly pmpcfg0: bigint;
  /** pmpaddr0..7 */
  readonly pmpaddr: readonly bigint[];
  /** Virtual address of the first instruction. */
  readonly entry: bigint;
  /** Modes (0, 1, 3; 4: with paging; 8: Sv48) that ecalls lead to. */
  readonly schedule: readonly number[];
  /** Doublewords of the arena that are otherwise than pristine. */
  readonly patches: readonly { readonly offset: number; readonly value: bigint }[];
  /** Where in the arena the code is; the program ends when it traps at `endOffset`. */
  readonly codeOffset: number;
  readonly endOffset: number;
  readonly code: Uint8Array;
}

export interface Trap {
  readonly cause: bigint;
  readonly epc: bigint;
  readonly tval: bigint;
  readonly mstatus: bigint;
  readonly mip: bigint;
}

/** What came of a program. */
export interface ProgramResult {
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly csrs: Readonly<Record<CsrName, bigint>>;
  readonly traps: readonly Trap[];
  /** Of the arena. */
  readonly checksum: bigint;
}

/** In the order of the result. */
export const CSR_NAMES = [
  "mstatus",
  "mcause",
  "mepc",
  "mtval",
  "mie",
  "mip",
  "medeleg",
  "mideleg",
  "mcounteren",
  "menvcfg",
  "sstatus",
  "sie",
  "sip",
  "stvec",
  "sscratch",
  "sepc",
  "scause",
  "stval",
  "satp",
  "scounteren",
  "senvcfg",
  "mtvec",
  "misa",
  "pmpcfg0",
  "pmpaddr0",
  "pmpaddr1",
  "pmpaddr7",
  "fcsr",
] as const;
export type CsrName = (typeof CSR_NAMES)[number];

/** A flat image for the start of RAM, and where in RAM its results will be. */
export interface Image {
  readonly programs: number;
  readonly bytes: Uint8Array;
  readonly results: { readonly address: number; readonly length: number };
}

const frame = readFileSync(fileURLToPath(new URL("../fixtures/differential/frame.bin", import.meta.url)));
const frameHeader = new DataView(frame.buffer, frame.byteOffset);

/** Addresses in the frame: of the supervisor's handler, of the instruction that enters a program, and of what follows its end. */
export const SUPERVISOR_TRAP = Number(frameHeader.getBigUint64(32, true));
export const ENTER = frameHeader.getBigUint64(40, true);
export const FINISH = frameHeader.getBigUint64(48, true);

/**
 * An image of programs, which run one after the other.
 *
 * @param runs how often each runs: its code may be translated after the first. What comes of the last is its result
 */
export function buildImage(programs: readonly ProgramRecord[], runs = 1): Image {
  const bytes = new Uint8Array(RECORDS - RAM + programs.length * RECORD_BYTES);
  bytes.set(frame);
  const view = new DataView(bytes.buffer);
  const results = { address: RAM + bytes.length, length: programs.length * RESULT_BYTES };
  view.setBigUint64(8, BigInt(programs.length), true);
  view.setBigUint64(16, BigInt(RECORDS), true);
  view.setBigUint64(24, BigInt(results.address), true);
  view.setBigUint64(56, BigInt(runs), true);
  view.setBigUint64(SUPERVISOR_LEAVES - RAM + ((SUPERVISOR_TRAP - RAM) >> 12) * 8, leaf(SUPERVISOR_TRAP, PTE_R | PTE_X | PTE_A), true);
  bytes.set(pristineArena, PRISTINE - RAM);
  programs.forEach((program, index) => {
    bytes.set(encodeRecord(program), RECORDS - RAM + index * RECORD_BYTES);
  });
  return { programs: programs.length, bytes, results };
}

function encodeRecord(program: ProgramRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  const put = (at: number, values: readonly bigint[]) => {
    values.forEach((value, index) => {
      view.setBigUint64(at + 8 * index, BigInt.asUintN(64, value), true);
    });
  };
  put(0, program.x);
  put(0x100, program.f);
  put(0x200, [
    program.mstatus,
    program.satp,
    program.medeleg,
    program.mideleg,
    program.mie,
    program.mcounteren,
    program.scounteren,
    program.fcsr,
    program.menvcfg,
    program.entry,
    BigInt(program.codeOffset),
    BigInt(program.code.length),
    BigInt(program.endOffset),
    BigInt(program.patches.length),
    program.mip,
    program.vectored,
    program.pmpcfg0,
    ...program.pmpaddr,
  ]);
  bytes.set(program.schedule.slice(0, TRAPS_MAX), 0x2c8);
  put(
    0x300,
    program.patches.flatMap(({ offset, value }) => [BigInt(offset), value]),
  );
  bytes.set(program.code, CODE_OFFSET);
  return bytes;
}

/** Results of an image's programs, from the bytes at `results`. */
export function decodeResults(bytes: Uint8Array): ProgramResult[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const results: ProgramResult[] = [];
  for (let at = 0; at < bytes.length; at += RESULT_BYTES) {
    const u64 = (offset: number) => view.getBigUint64(at + offset, true);
    const list = (offset: number) => Array.from({ length: 32 }, (_, index) => u64(offset + 8 * index));
    const csrs = Object.fromEntries(CSR_NAMES.map((name, index) => [name, u64(0x200 + 8 * index)])) as Record<CsrName, bigint>;
    const traps = Array.from({ length: Math.min(Number(u64(0x340)), TRAPS_MAX) }, (_, index): Trap => {
      const entry = 0x360 + 40 * index;
      return { cause: u64(entry), epc: u64(entry + 8), tval: u64(entry + 16), mstatus: u64(entry + 24), mip: u64(entry + 32) };
    });
    results.push({ x: list(0), f: list(0x100), csrs, traps, checksum: u64(0x348) });
  }
  return results;
}

function leaf(address: number, flags: number): bigint {
  return (BigInt(address >>> 12) << 10n) | BigInt(flags | PTE_V);
}

/** A leaf of the arena's own tables: where a patch would put it, and its bits. */
export function arenaLeaf(table: number, page: number, flags: number): { offset: number; value: bigint } {
  return { offset: table + 8 * page, value: leaf(ARENA + page * PAGE, flags) };
}

/** What may be done with each page of the arena in S mode; U mode sees no page tables, and otherwise the same. */
export const PAGE_FLAGS: readonly number[] = [
  PTE_R | PTE_W,
  PTE_R | PTE_X | PTE_A,
  PTE_R | PTE_X,
  PTE_R | PTE_A,
  ...Array.from({ length: 4 }, () => PTE_R | PTE_W | PTE_A | PTE_D),
  ...Array.from({ length: 6 }, () => PTE_R | PTE_W | PTE_A | PTE_D),
  PTE_X | PTE_A,
  PTE_R | PTE_W | PTE_A,
];

const pristineArena = buildArena();

function buildArena(): Uint8Array {
  const bytes = new Uint8Array(ARENA_BYTES);
  const view = new DataView(bytes.buffer);
  const prng = new Prng(0xa4e4a);
  for (const page of [0, 3, 4, 5, 6, 7, 15]) {
    for (let at = page * PAGE; at < (page + 1) * PAGE; at += 8) view.setBigUint64(at, randomDatum(prng), true);
  }
  const put = (table: number, index: number, pte: bigint) => {
    view.setBigUint64(table + 8 * index, pte, true);
  };
  const all = PTE_R | PTE_W | PTE_A | PTE_D;
  put(ROOT39, 2, leaf(ARENA + SUPERVISOR_MIDDLE, 0));
  put(ROOT39, 3, leaf(ARENA + USER_MIDDLE, 0));
  put(ROOT39, 4, leaf(RAM, PTE_R | PTE_A | PTE_G));
  put(ROOT39, 5, leaf(ARENA, PTE_R | PTE_A)); // not on a boundary of 1 GiB
  put(ROOT39, 511, leaf(ARENA + SUPERVISOR_MIDDLE, 0));
  put(ROOT48, 0, leaf(ARENA + ROOT39, 0));
  put(ROOT48, 511, leaf(ARENA + ROOT39, PTE_A)); // reserved in a pointer
  put(SUPERVISOR_MIDDLE, 0, leaf(SUPERVISOR_LEAVES, 0));
  put(SUPERVISOR_MIDDLE, 1, leaf(ARENA + SUPERVISOR_TABLE, 0));
  put(USER_MIDDLE, 1, leaf(ARENA + USER_TABLE, 0));
  put(USER_MIDDLE, 2, leaf(ARENA, all & ~PTE_D));
  put(USER_MIDDLE, 3, leaf(ARENA, all | PTE_U));
  put(USER_MIDDLE, 4, leaf(ARENA + PAGE, all)); // not on a boundary of 2 MiB
  for (let page = 0; page < 16; page++) {
    const flags = PAGE_FLAGS[page] ?? 0;
    const isTable = page >= 8 && page < 14;
    const inSupervisor = arenaLeaf(SUPERVISOR_TABLE, page, flags);
    view.setBigUint64(inSupervisor.offset, inSupervisor.value, true);
    const inUser = arenaLeaf(USER_TABLE, page, isTable ? flags : flags | PTE_U);
    view.setBigUint64(inUser.offset, inUser.value, true);
  }
  return bytes;
}

/** Small numbers and floats of both widths are worth more than noise. */
export function randomDatum(prng: Prng): bigint {
  const noise = prng.u64();
  switch (prng.between(0, 5)) {
    case 0:
      return BigInt.asUintN(64, BigInt(prng.between(-40, 40)));
    case 1:
      return 0xffff_ffff_0000_0000n | (noise & 0xffff_ffffn);
    case 2:
      return 1n << (noise & 63n);
    case 3:
      return BigInt.asUintN(64, (1n << (noise & 63n)) - 1n) ^ (noise >> 63n === 1n ? 0xffff_ffff_ffff_ffffn : 0n);
    default:
      return noise;
  }
}
