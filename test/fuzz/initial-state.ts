/** What a random program begins with: registers, PMP, status, and leaves of its page tables that are not as usual. */
import { PTE_A, PTE_D, PTE_R, PTE_U, PTE_W, PTE_X } from "../../src/isa/status-bits.ts";
import type { Draws } from "./draws.ts";
import {
  ARENA,
  arenaLeaf,
  PAGE_FLAGS,
  PATCHES_MAX,
  READ_ALIAS,
  randomDatum,
  SUPERVISOR_ALIAS,
  SUPERVISOR_TABLE,
  SUPERVISOR_TRAP,
  USER_ALIAS,
  USER_TABLE,
} from "./frame.ts";
import {
  ANY_PAGE,
  ATOMICS,
  CODE,
  CROSSING,
  EXOTIC,
  LAST,
  MIDDLE,
  NOWHERE,
  READ_ONLY_CROSSING,
  S0,
  S1,
  SP,
  TABLE,
} from "./program-registers.ts";

/** Pages whose leaves may be as one likes: not that of the atomics, nor those of the code. */
export const DATA_PAGES = [0, 3, 4, 5, 7, 14, 15];

/** pmpaddr of a piece of memory that is as long as it is aligned, 8 bytes or more. */
function napot(address: number, size: number): bigint {
  return BigInt(address >>> 2) | BigInt((size >>> 3) - 1);
}

export function initialRegisters(draws: Draws, delta: number): bigint[] {
  const x = Array.from({ length: 32 }, () => randomDatum(draws.prng));
  const at = (register: number, offset: number) => {
    x[register] = BigInt(ARENA + delta + offset);
  };
  x[1] = 0n;
  at(SP, 0x4200 + 8 * draws.below(64));
  at(S0, 0x4800 + draws.pick([0, 0, 8, draws.below(64)]));
  at(S1, 0x5f80 + draws.pick([0, 8, draws.below(64)]));
  at(CODE, 0x1040);
  at(MIDDLE, 0x5800);
  at(CROSSING, draws.pick([0x5000, 0x6000, 0x7000]) - 1 - draws.below(7));
  at(ATOMICS, 0x6700 + 16 * draws.below(8));
  at(TABLE, draws.pick([SUPERVISOR_TABLE, USER_TABLE]));
  at(ANY_PAGE, draws.pick([0, 3, 4, 5, 7, 14, 15]) * 0x1000 + 0x7f8);
  x[NOWHERE] = 0x9000_0000n + BigInt(8 * draws.below(0x200));
  x[EXOTIC] = exoticAddress(draws);
  at(READ_ONLY_CROSSING, 0x4000 - 1 - draws.below(7));
  at(LAST, 0xfff8 + draws.below(8));
  return x;
}

/**
 * Entries of PMP: the first opens the supervisor's handler, the last one everything. Now and then those between are for pieces of
 * the arena: of data of any size, of code only whole pages, since QEMU 7.2 refuses to fetch where a page is divided. None is of a
 * page table, nor of a page whose A and D are not set, which are set before PMP is asked, or not.
 */
export function protection(draws: Draws, divided: boolean): { pmpcfg0: bigint; pmpaddr: bigint[] } {
  const config = [0x1d, 0, 0, 0, 0, 0, 0, 0x1f];
  const pmpaddr = [napot(SUPERVISOR_TRAP, 0x1000), 0n, 0n, 0n, 0n, 0n, 0n, 0x3f_ffff_ffff_ffffn];
  if (divided) {
    for (let entry = 1 + draws.below(3); entry < 7; entry++) {
      const page = draws.chance(8) ? 1 : draws.pick([3, 4, 5, 7]);
      const permissions = draws.pick([0, 1, 3, 4, 5, 7]);
      const size = page === 1 ? 0x1000 : 1 << (3 + draws.below(8));
      const at = ARENA + page * 0x1000 + (page === 1 ? 0 : 0x800 - 0x100 + 4 * draws.below(128));
      const kind = page === 1 ? 3 : draws.pick([0, 1, 3, 3]);
      config[entry] = (kind << 3) | permissions;
      pmpaddr[entry] = kind === 3 ? napot(at & -size, size) : BigInt(at >>> 2);
      // What is below a top begins at the entry before, and must not reach the code.
      if (kind === 1) {
        config[entry - 1] = entry === 1 ? 0x1d : 0;
        if (entry > 1) pmpaddr[entry - 1] = BigInt((at - 4 * draws.pick([0, 2, 3, 2 + draws.below(200)])) >>> 2);
        else config[entry] = permissions;
      }
    }
  }
  return { pmpcfg0: config.reduce((sum, value, index) => sum | (BigInt(value) << BigInt(8 * index)), 0n), pmpaddr };
}

function exoticAddress(draws: Draws): bigint {
  const offset = BigInt(0x4000 + 8 * draws.below(0x600));
  return draws.pick([
    SUPERVISOR_ALIAS + offset,
    SUPERVISOR_ALIAS + offset,
    USER_ALIAS + offset,
    USER_ALIAS + offset,
    READ_ALIAS + offset,
    0x1_4020_0000n + offset, // a misaligned page of 1 GiB
    0xc080_0000n + offset, // and one of 2 MiB
    0xffff_ffff_c020_0000n + offset, // the arena again, at the other end
    0x3f_c020_0000n + offset, // where it would be but for the sign
    0x8000_0000_8020_4000n,
    0xffff_ffff_ffff_fff8n,
  ]);
}

export function initialStatus(draws: Draws, mode: number): bigint {
  let status = (mode << 11) | 0x6000;
  if (draws.chance(12)) status ^= 0x6000;
  for (const bit of [0x02, 0x20, 0x80, 0x100, 0x4_0000, 0x8_0000]) if (draws.chance(2)) status |= bit;
  for (const bit of [0x10_0000, 0x20_0000, 0x40_0000]) if (draws.chance(10)) status |= bit;
  return BigInt(status);
}

export function floatBits(draws: Draws): bigint {
  const value = draws.prng.u64();
  switch (draws.below(6)) {
    case 0:
      return 0xffff_ffff_0000_0000n | (value & 0xffff_ffffn);
    case 1: {
      const special = draws.pick([0n, 1n, 0x7f_ffffn, 0x80_0000n, 0x3f80_0000n, 0x7f7f_ffffn, 0x7f80_0000n, 0x7f80_0001n, 0x7fc0_0000n]);
      return 0xffff_ffff_0000_0000n | special | (value & 0x8000_0000n);
    }
    case 2:
      return 0xffff_ffff_0000_0000n | (0x3f80_0000n + (value & 0x83ff_ffffn) - 0x200_0000n);
    case 3: {
      const special = draws.pick([
        0n,
        1n,
        0xf_ffff_ffff_ffffn,
        1n << 52n,
        0x3ffn << 52n,
        0x7fen << 52n,
        0x7ffn << 52n,
        (0x7ffn << 52n) | 1n,
      ]);
      return special | (value & (1n << 63n));
    }
    case 4:
      return (0x3ff0n << 48n) + (value & 0x807f_ffff_ffff_ffffn) - (0x40n << 48n);
    default:
      return value;
  }
}

/** Mostly a few leaves that are not as usual. */
export function patches(draws: Draws, divided: boolean): { offset: number; value: bigint }[] {
  const count = divided ? 0 : draws.pick([0, 0, 1, 2, 4, PATCHES_MAX]);
  return Array.from({ length: count }, () => {
    const table = draws.pick([SUPERVISOR_TABLE, USER_TABLE]);
    const page = patchedPage(draws);
    let { offset, value } = arenaLeaf(table, page, leafFlags(draws, page, table));
    if (draws.chance(12)) value |= 1n << BigInt(54 + draws.below(10)); // reserved bits, memory types, NAPOT
    if (draws.chance(20) && page !== 1 && page !== 2) value ^= 1n << BigInt(33 + draws.below(21)); // far outside of RAM
    if (draws.chance(20)) value &= ~1n;
    return { offset, value };
  });
}

/** Not that of the atomics, seldom that of the code. */
function patchedPage(draws: Draws): number {
  return draws.chance(12) ? draws.pick([1, 2]) : draws.pick(DATA_PAGES);
}

export function leafFlags(draws: Draws, page: number, table: number): number {
  const usual = PAGE_FLAGS[page] ?? 0;
  const user = table === USER_TABLE ? PTE_U : 0;
  if (page === 1 || page === 2) return draws.pick([PTE_R | PTE_X, PTE_X, PTE_X | PTE_A, PTE_R | PTE_W | PTE_X | PTE_A | PTE_D]) | user;
  const flags = draws.pick([
    usual,
    PTE_R | PTE_W,
    PTE_R | PTE_W | PTE_A,
    PTE_R | PTE_A,
    PTE_W,
    PTE_W | PTE_A | PTE_D,
    0,
    PTE_R,
    draws.below(256) & ~PTE_X,
  ]);
  // Zeros are all that may be executed beside code: data would lead anywhere.
  return (flags & ~PTE_U & ~1) | (draws.chance(6) ? user ^ PTE_U : user) | (page === 14 && draws.chance(2) ? PTE_X : 0);
}
