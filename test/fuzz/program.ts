/**
 * Random programs for the frame: instructions of all extensions that meet each other, in all modes, over page tables that are
 * mostly sane. A program is a function of its seed.
 *
 * A program ends, whatever its instructions do: its branches lead forward, its loops count down a register that nothing else
 * writes, its frame bounds its traps. So nothing is drawn that could lead elsewhere: no jump to anything but an instruction
 * ahead or where nothing is, no store to its own page tables or code but by sequences made for it, no base of an access but the
 * pointers. What QEMU is known to do otherwise, and what would make a program differ from run to run, is not drawn either:
 * exceptions.ts lists it.
 */
import { Prng } from "../../src/base/prng.ts";
import { PTE_A, PTE_D, PTE_R, PTE_U, PTE_W, PTE_X } from "../../src/isa/status-bits.ts";
import {
  add,
  addi,
  auipc,
  branch,
  CSR_IMMEDIATE,
  CSRRC,
  CSRRS,
  CSRRW,
  compressedBranch,
  compressedJump,
  csr,
  EBREAK,
  ECALL,
  FENCE_I,
  iType,
  jal,
  jalr,
  loadImmediate,
  lui,
  MRET,
  rType,
  SFENCE_VMA,
  SRET,
  slli,
  sType,
  WFI,
} from "./encode.ts";
import {
  ARENA,
  arenaLeaf,
  PAGE_FLAGS,
  PATCHES_MAX,
  type ProgramRecord,
  READ_ALIAS,
  randomDatum,
  SATP_SV39,
  SATP_SV48,
  SUPERVISOR_ALIAS,
  SUPERVISOR_TABLE,
  SUPERVISOR_TRAP,
  USER_ALIAS,
  USER_ARENA,
  USER_TABLE,
} from "./frame.ts";

/** A piece of code at a place that is not known yet. */
interface Parcel {
  readonly length: 2 | 4;
  /** @param distance from here to the unit that it leads to */
  readonly bits: (distance: number) => number;
}

/** Instructions that nothing jumps between. */
interface Unit {
  readonly parcels: readonly Parcel[];
  /** How many units ahead its jump leads. */
  readonly ahead: number;
}

/** Registers that hold what a program computes; the others are pointers, ra, and x31, which counts loops. */
const DATA = [3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30];
const TEMPORARIES = [28, 29, 30];
const COUNTER = 31;

/** Pointers by what they point to, see `registers`. */
const SP = 2;
const S0 = 8;
const S1 = 9;
const CODE = 18;
const MIDDLE = 19;
const CROSSING = 20;
const ATOMICS = 21;
const TABLE = 22;
const ANY_PAGE = 23;
const NOWHERE = 24;
const EXOTIC = 25;
const READ_ONLY_CROSSING = 26;
const LAST = 27;
const LOAD_BASES = [
  SP,
  S0,
  S1,
  CODE,
  MIDDLE,
  MIDDLE,
  CROSSING,
  CROSSING,
  ATOMICS,
  TABLE,
  ANY_PAGE,
  ANY_PAGE,
  NOWHERE,
  EXOTIC,
  READ_ONLY_CROSSING,
  LAST,
];
const STORE_BASES = [SP, S0, S1, MIDDLE, MIDDLE, CROSSING, CROSSING, ATOMICS, ANY_PAGE, ANY_PAGE, NOWHERE, EXOTIC, READ_ONLY_CROSSING];
/** But of the code. */
const DATA_BASES = LOAD_BASES.filter((base) => base !== CODE);

const FREE_CSRS = [0x001, 0x002, 0x003, 0x003, 0x140, 0x141, 0x142, 0x143, 0x340, 0x341, 0x342, 0x343];
/** Read only as drawn: fields that ours and QEMU's have otherwise, or that would lead the frame astray. */
const READ_CSRS = [
  0x100, 0x104, 0x105, 0x106, 0x144, 0x14d, 0x180, 0x300, 0x302, 0x303, 0x304, 0x305, 0x306, 0x344, 0xf11, 0xf12, 0xf13, 0xf14, 0x3a0,
  0x3b0,
];
const MENVCFG_STCE = 1n << 63n;
/** QEMU 7.2 sets A and D whatever it is. */
const MENVCFG_ADUE = 1n << 61n;
const MSCRATCH = 0x340;
const COUNTERS = [0xc00, 0xc01, 0xc02];

/** Zba, Zbb and Zbs. Opcode, funct3, funct7: sh1add to sh3add, and of words; add.uw; andn, orn, xnor; min to maxu; rotations; bits. */
const BIT_OPERATIONS: readonly (readonly [number, number, number])[] = [
  [0x33, 2, 0x10],
  [0x33, 4, 0x10],
  [0x33, 6, 0x10],
  [0x3b, 2, 0x10],
  [0x3b, 4, 0x10],
  [0x3b, 6, 0x10],
  [0x3b, 0, 0x04],
  [0x33, 7, 0x20],
  [0x33, 6, 0x20],
  [0x33, 4, 0x20],
  [0x33, 4, 0x05],
  [0x33, 5, 0x05],
  [0x33, 6, 0x05],
  [0x33, 7, 0x05],
  [0x33, 1, 0x30],
  [0x33, 5, 0x30],
  [0x3b, 1, 0x30],
  [0x3b, 5, 0x30],
  [0x33, 1, 0x24],
  [0x33, 5, 0x24],
  [0x33, 1, 0x34],
  [0x33, 1, 0x14],
];
/** Opcode, funct3, upper bits of the immediate, amounts: slli.uw, rori, roriw, bclri, bexti, binvi, bseti. */
const IMMEDIATE_BIT_OPERATIONS: readonly (readonly [number, number, number, number])[] = [
  [0x1b, 1, 0x080, 64],
  [0x13, 5, 0x600, 64],
  [0x1b, 5, 0x600, 32],
  [0x13, 1, 0x480, 64],
  [0x13, 5, 0x480, 64],
  [0x13, 1, 0x680, 64],
  [0x13, 1, 0x280, 64],
];
/** Opcode, funct3, immediate: clz, ctz, cpop, and of words but ctzw; sext.b, sext.h, zext.h; orc.b, rev8. */
const UNARY_BIT_OPERATIONS: readonly (readonly [number, number, number])[] = [
  [0x13, 1, 0x600],
  [0x13, 1, 0x601],
  [0x13, 1, 0x602],
  [0x1b, 1, 0x600],
  [0x1b, 1, 0x602],
  [0x13, 1, 0x604],
  [0x13, 1, 0x605],
  [0x3b, 4, 0x080],
  [0x13, 5, 0x287],
  [0x13, 5, 0x6b8],
];

const AMO_FUNCTIONS = [0x00, 0x01, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c];
const FLOAT_FUNCTIONS = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x08, 0x0b, 0x14, 0x18, 0x1a, 0x1c, 0x1e];
const ROUNDING = [0, 0, 1, 2, 3, 4, 7, 7];

/** pmpaddr of a piece of memory that is as long as it is aligned, 8 bytes or more. */
function napot(address: number, size: number): bigint {
  return BigInt(address >>> 2) | BigInt((size >>> 3) - 1);
}

/** In the place of a branch whose target is out of reach. */
const C_NOP = 0x0001;

/** Pages whose leaves may be as one likes: not that of the atomics, nor those of the code. */
const DATA_PAGES = [0, 3, 4, 5, 7, 14, 15];

/** Exceptions that go to S mode: not a fetch that is refused, since the handler there may be what is refused, nor its ecall. */
const DELEGABLE = 0xb1fd;

const MODES = [0, 1, 3, 4, 5];

/** The program of a seed. @param length units, more or less what it retires */
export function randomProgram(seed: bigint, length = 100): ProgramRecord {
  return new Generator(new Prng(seed)).program(length);
}

class Generator {
  private readonly prng: Prng;
  private state: number;
  /** PMP has something to say; then page tables are as usual. */
  private readonly divided: boolean;

  constructor(prng: Prng) {
    this.prng = prng;
    this.state = Number(prng.u64() & 0xffff_ffffn);
    this.divided = this.chance(6);
  }

  program(length: number): ProgramRecord {
    const units: Unit[] = [];
    for (let index = 0; index < length; index++) units.push(...this.units());
    units.push({ parcels: [word(ECALL)], ahead: 0 });
    const { code, endOffset } = assemble(units);
    const start = 0x2000 - 2 * this.below(Math.min(code.length, 0x1000) >> 1);
    const mode = this.pick([0, 1, 3, 4, 5, 4, 5, 3]);
    const sv48 = this.chance(3);
    const base = mode === 4 ? USER_ARENA : ARENA;
    const protection = this.protection();
    return {
      x: this.registers(base - ARENA),
      f: Array.from({ length: 32 }, () => this.floatBits()),
      mstatus: this.initialStatus(mode & 3),
      satp: mode < 4 ? 0n : sv48 ? SATP_SV48 : SATP_SV39,
      medeleg: this.chance(2) ? 0n : BigInt(this.below(0x10000) & DELEGABLE),
      mideleg: BigInt(this.below(0x1000) & 0x222),
      mie: BigInt(this.below(0x1000) & 0xaaa),
      mip: this.chance(6) ? BigInt(this.below(0x1000) & 0x222) : 0n,
      mcounteren: BigInt(this.pick([0, 7, this.below(8)])),
      scounteren: BigInt(this.pick([0, 7, this.below(8)])),
      fcsr: BigInt(this.pick([0, 0, this.below(5) << 5, this.below(256)])),
      menvcfg: MENVCFG_ADUE | (this.chance(3) ? MENVCFG_STCE : 0n),
      vectored: BigInt(this.pick([0, 1, 4, 5])),
      ...protection,
      entry: BigInt(base + start),
      schedule: Array.from({ length: 48 }, () => this.pick(MODES) | (this.chance(3) ? 8 : 0)),
      patches: this.patches(),
      codeOffset: start,
      endOffset: start + endOffset,
      code,
    };
  }

  /** Mulberry32: a Prng of bigints for thousands of draws would take longer than the programs. */
  private below(limit: number): number {
    this.state = (this.state + 0x6d2b_79f5) | 0;
    let z = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % limit;
  }

  private chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  // --- what a program begins with ---------------------------------------------------------------------------------------

  private registers(delta: number): bigint[] {
    const x = Array.from({ length: 32 }, () => randomDatum(this.prng));
    const at = (register: number, offset: number) => {
      x[register] = BigInt(ARENA + delta + offset);
    };
    x[1] = 0n;
    at(SP, 0x4200 + 8 * this.below(64));
    at(S0, 0x4800 + this.pick([0, 0, 8, this.below(64)]));
    at(S1, 0x5f80 + this.pick([0, 8, this.below(64)]));
    at(CODE, 0x1040);
    at(MIDDLE, 0x5800);
    at(CROSSING, this.pick([0x5000, 0x6000, 0x7000]) - 1 - this.below(7));
    at(ATOMICS, 0x6700 + 16 * this.below(8));
    at(TABLE, this.pick([SUPERVISOR_TABLE, USER_TABLE]));
    at(ANY_PAGE, this.pick([0, 3, 4, 5, 7, 14, 15]) * 0x1000 + 0x7f8);
    x[NOWHERE] = 0x9000_0000n + BigInt(8 * this.below(0x200));
    x[EXOTIC] = this.exoticAddress();
    at(READ_ONLY_CROSSING, 0x4000 - 1 - this.below(7));
    at(LAST, 0xfff8 + this.below(8));
    return x;
  }

  /**
   * Entries of PMP: the first opens the supervisor's handler, the last one everything. Now and then those between are for pieces of
   * the arena: of data of any size, of code only whole pages, since QEMU 7.2 refuses to fetch where a page is divided. None is of a
   * page table, nor of a page whose A and D are not set, which are set before PMP is asked, or not.
   */
  private protection(): { pmpcfg0: bigint; pmpaddr: bigint[] } {
    const config = [0x1d, 0, 0, 0, 0, 0, 0, 0x1f];
    const pmpaddr = [napot(SUPERVISOR_TRAP, 0x1000), 0n, 0n, 0n, 0n, 0n, 0n, 0x3f_ffff_ffff_ffffn];
    if (this.divided) {
      for (let entry = 1 + this.below(3); entry < 7; entry++) {
        const page = this.chance(8) ? 1 : this.pick([3, 4, 5, 7]);
        const permissions = this.pick([0, 1, 3, 4, 5, 7]);
        const size = page === 1 ? 0x1000 : 1 << (3 + this.below(8));
        const at = ARENA + page * 0x1000 + (page === 1 ? 0 : 0x800 - 0x100 + 4 * this.below(128));
        const kind = page === 1 ? 3 : this.pick([0, 1, 3, 3]);
        config[entry] = (kind << 3) | permissions;
        pmpaddr[entry] = kind === 3 ? napot(at & -size, size) : BigInt(at >>> 2);
        // What is below a top begins at the entry before, and must not reach the code.
        if (kind === 1) {
          config[entry - 1] = entry === 1 ? 0x1d : 0;
          if (entry > 1) pmpaddr[entry - 1] = BigInt((at - 4 * this.pick([0, 2, 3, 2 + this.below(200)])) >>> 2);
          else config[entry] = permissions;
        }
      }
    }
    return { pmpcfg0: config.reduce((sum, value, index) => sum | (BigInt(value) << BigInt(8 * index)), 0n), pmpaddr };
  }

  private exoticAddress(): bigint {
    const offset = BigInt(0x4000 + 8 * this.below(0x600));
    return this.pick([
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

  private initialStatus(mode: number): bigint {
    let status = (mode << 11) | 0x6000;
    if (this.chance(12)) status ^= 0x6000;
    for (const bit of [0x02, 0x20, 0x80, 0x100, 0x4_0000, 0x8_0000]) if (this.chance(2)) status |= bit;
    for (const bit of [0x10_0000, 0x20_0000, 0x40_0000]) if (this.chance(10)) status |= bit;
    return BigInt(status);
  }

  private floatBits(): bigint {
    const value = this.prng.u64();
    switch (this.below(6)) {
      case 0:
        return 0xffff_ffff_0000_0000n | (value & 0xffff_ffffn);
      case 1: {
        const special = this.pick([0n, 1n, 0x7f_ffffn, 0x80_0000n, 0x3f80_0000n, 0x7f7f_ffffn, 0x7f80_0000n, 0x7f80_0001n, 0x7fc0_0000n]);
        return 0xffff_ffff_0000_0000n | special | (value & 0x8000_0000n);
      }
      case 2:
        return 0xffff_ffff_0000_0000n | (0x3f80_0000n + (value & 0x83ff_ffffn) - 0x200_0000n);
      case 3: {
        const special = this.pick([
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
  private patches(): { offset: number; value: bigint }[] {
    const count = this.divided ? 0 : this.pick([0, 0, 1, 2, 4, PATCHES_MAX]);
    return Array.from({ length: count }, () => {
      const table = this.pick([SUPERVISOR_TABLE, USER_TABLE]);
      const page = this.patchedPage();
      let { offset, value } = arenaLeaf(table, page, this.leafFlags(page, table));
      if (this.chance(12)) value |= 1n << BigInt(54 + this.below(10)); // reserved bits, memory types, NAPOT
      if (this.chance(20) && page !== 1 && page !== 2) value ^= 1n << BigInt(33 + this.below(21)); // far outside of RAM
      if (this.chance(20)) value &= ~1n;
      return { offset, value };
    });
  }

  /** Not that of the atomics, seldom that of the code. */
  private patchedPage(): number {
    return this.chance(12) ? this.pick([1, 2]) : this.pick(DATA_PAGES);
  }

  private leafFlags(page: number, table: number): number {
    const usual = PAGE_FLAGS[page] ?? 0;
    const user = table === USER_TABLE ? PTE_U : 0;
    if (page === 1 || page === 2) return this.pick([PTE_R | PTE_X, PTE_X, PTE_X | PTE_A, PTE_R | PTE_W | PTE_X | PTE_A | PTE_D]) | user;
    const flags = this.pick([
      usual,
      PTE_R | PTE_W,
      PTE_R | PTE_W | PTE_A,
      PTE_R | PTE_A,
      PTE_W,
      PTE_W | PTE_A | PTE_D,
      0,
      PTE_R,
      this.below(256) & ~PTE_X,
    ]);
    // Zeros are all that may be executed beside code: data would lead anywhere.
    return (flags & ~PTE_U & ~1) | (this.chance(6) ? user ^ PTE_U : user) | (page === 14 && this.chance(2) ? PTE_X : 0);
  }

  // --- instructions -------------------------------------------------------------------------------------------------------

  private rd(): number {
    return this.chance(16) ? 0 : this.pick(DATA);
  }

  /** Any: pointers are data too. */
  private rs(): number {
    return this.chance(3) ? this.below(32) : this.pick(DATA);
  }

  private units(): Unit[] {
    const kind = this.below(200);
    if (kind < 44) return [plain(this.integer())];
    if (kind < 62) return [{ parcels: [half(this.compressed())], ahead: 0 }];
    if (kind < 68) return [plain(this.below(2) === 0 ? lui(this.rd(), this.below(1 << 20)) : auipc(this.rd(), this.below(1 << 20)))];
    if (kind < 84) return [plain(this.load())];
    if (kind < 96) return [plain(this.store())];
    if (kind < 102) return [plain(...this.amoWithProbe())];
    if (kind < 105) return [plain(...this.loadReserved())];
    if (kind < 116) return [this.branch()];
    if (kind < 121) return [this.jump()];
    if (kind < 144) return [plain(this.float())];
    if (kind < 150) return [plain(this.floatAccess())];
    if (kind < 160) return [plain(...this.csrAccess())];
    if (kind < 166) return [plain(...this.statusChange())];
    if (kind < 170) return [plain(ECALL)];
    if (kind < 171) {
      if (this.chance(3)) return [plain(...this.waitForInterrupt())];
      return [this.chance(2) ? plain(EBREAK) : { parcels: [half(0x9002)], ahead: 0 }];
    }
    if (kind < 175) return [plain(this.pick([FENCE_I, 0x0ff0_000f, SFENCE_VMA, 0x0100_000f, 0x1209_0073, 0x12c0_0073]))];
    if (kind < 178) return [this.trapReturn()];
    if (kind < 184) return [this.loop()];
    if (kind < 186) return this.selfModification();
    if (kind < 188) return [plain(...(this.divided ? this.csrAccess() : this.leafChange()))];
    if (kind < 190) return [plain(...this.asOtherMode())];
    if (kind < 191) return [plain(jalr(1, this.pick([NOWHERE, EXOTIC]), this.below(64)))];
    if (kind < 193) return [plain(...this.interruptChange())];
    if (kind < 195) return [plain(...this.constant())];
    if (kind < 197) return [plain(this.noise())];
    return [{ parcels: [half(this.compressedNoise())], ahead: 0 }];
  }

  private integer(): number {
    const rd = this.rd();
    const rs1 = this.rs();
    const rs2 = this.rs();
    const funct3 = this.below(8);
    switch (this.below(6)) {
      case 0:
        if (funct3 === 1) return iType(0x13, 1, rd, rs1, this.below(64));
        if (funct3 === 5) return iType(0x13, 5, rd, rs1, this.below(64) | (this.below(2) << 10));
        return iType(0x13, funct3, rd, rs1, this.below(4096));
      case 1: {
        const kind = this.below(3);
        if (kind === 0) return iType(0x1b, 0, rd, rs1, this.below(4096));
        return kind === 1 ? iType(0x1b, 1, rd, rs1, this.below(32)) : iType(0x1b, 5, rd, rs1, this.below(32) | (this.below(2) << 10));
      }
      case 2:
        return rType(0x33, funct3, funct3 === 0 || funct3 === 5 ? 0x20 * this.below(2) : 0, rd, rs1, rs2);
      case 3: {
        const word = this.pick([0, 1, 5]);
        return rType(0x3b, word, word === 1 ? 0 : 0x20 * this.below(2), rd, rs1, rs2);
      }
      case 4:
        return this.bitManipulation(rd, rs1, rs2);
      default:
        return this.chance(3) ? rType(0x3b, this.pick([0, 4, 5, 6, 7]), 1, rd, rs1, rs2) : rType(0x33, funct3, 1, rd, rs1, rs2);
    }
  }

  private bitManipulation(rd: number, rs1: number, rs2: number): number {
    switch (this.below(4)) {
      case 0: {
        const [opcode, funct3, immediate] = this.pick(UNARY_BIT_OPERATIONS);
        return iType(opcode, funct3, rd, rs1, immediate);
      }
      case 1: {
        const [opcode, funct3, upper, amounts] = this.pick(IMMEDIATE_BIT_OPERATIONS);
        return iType(opcode, funct3, rd, rs1, upper | this.below(amounts));
      }
      default: {
        const [opcode, funct3, funct7] = this.pick(BIT_OPERATIONS);
        return rType(opcode, funct3, funct7, rd, rs1, rs2);
      }
    }
  }

  /** c.addi to c.addw, c.mv, c.add and c.slli, of registers that are no pointers. */
  private compressed(): number {
    for (;;) {
      const bits = this.below(0x10000);
      const row = ((bits & 3) << 3) | (bits >> 13);
      const rd = (bits >> 7) & 31;
      switch (row) {
        case 0x08:
        case 0x09:
        case 0x0a:
        case 0x0b:
        case 0x10:
          if (rd === 0 || DATA.includes(rd)) return bits;
          break;
        case 0x0c:
          if ((rd & 7) >= 2) return bits;
          break;
        case 0x14:
          if ((bits & 0x7c) !== 0 && (rd === 0 || DATA.includes(rd))) return bits;
          break;
        case 0x00: // c.addi4spn
          if (((bits >> 2) & 7) >= 2) return bits;
          break;
        case 0x01: // c.fld, c.lw, c.ld and stores by way of s0 and s1
        case 0x02:
        case 0x03:
          if (((bits >> 2) & 7) >= 2 || row === 1) return bits & ~0x300;
          break;
        case 0x05:
        case 0x06:
        case 0x07:
          return bits & ~0x300;
        case 0x11: // by way of sp
        case 0x15:
        case 0x16:
        case 0x17:
          return bits;
        case 0x12:
        case 0x13:
          if (rd === 0 || DATA.includes(rd)) return bits;
          break;
      }
    }
  }

  /** What is no jump, changes no pointer and has no other base than those. */
  private compressedNoise(): number {
    for (;;) {
      const bits = this.below(0x10000);
      const row = ((bits & 3) << 3) | (bits >> 13);
      if ((bits & 3) === 3 || (row >= 0x0d && row <= 0x0f)) continue;
      if (row === 4 || (row === 0 && bits >> 5 === 0)) return bits;
      if (row === 0x0c && ((bits >> 7) & 7) >= 2) return bits;
      // c.addiw, c.lui, c.lwsp and others of x0, which are reserved or hints
      if ([0x08, 0x09, 0x0a, 0x10, 0x12, 0x13].includes(row)) return bits & ~0xf80;
      if (row === 0x0b) return (bits & ~0xf80) | 0x280;
    }
  }

  /** Aligned where there may be no memory: QEMU names another address then. */
  private offset(base: number): number {
    return base === NOWHERE || base === EXOTIC ? 8 * (this.below(8) - 2) : this.below(64) - 16;
  }

  private load(bases: readonly number[] = LOAD_BASES): number {
    const funct3 = this.chance(40) ? 7 : this.below(7);
    const base = this.pick(bases);
    return iType(0x03, funct3, this.rd(), base, this.offset(base));
  }

  private store(): number {
    const funct3 = this.chance(40) ? 4 + this.below(4) : this.below(4);
    const base = this.pick(STORE_BASES);
    return sType(0x23, funct3, base, this.rs(), this.offset(base));
  }

  private amo(): number {
    const base = this.chance(5) ? this.pick([CROSSING, ANY_PAGE, S0]) : ATOMICS;
    return rType(0x2f, this.pick([2, 3]), (this.pick(AMO_FUNCTIONS) << 2) | this.below(4), this.rd(), base, this.rs());
  }

  /** Mostly only where a load from there has not trapped: where there is no RAM, QEMU parts from us. */
  private amoWithProbe(): number[] {
    if (this.chance(4)) return [this.amo()];
    const [loaded, before] = [28, 29];
    const amo = this.amo();
    const base = (amo >>> 15) & 31;
    return [lui(loaded, 0x5ca1e), addi(before, loaded, 0), iType(0x03, 3, loaded, base, 0), branch(0, loaded, before, 8), amo];
  }

  /** LR, perhaps some arithmetic, SC, perhaps another one, which fails; none where LR has trapped. */
  private loadReserved(): number[] {
    const size = this.pick([2, 3]);
    const [loaded, before] = [28, 29];
    const between = Array.from({ length: this.below(3) }, () => this.integer());
    const conditional = () => rType(0x2f, size, 0x0c | this.below(4), this.rd(), ATOMICS, this.rs());
    const guarded = [...between, conditional(), ...(this.chance(3) ? [conditional()] : [])];
    return [
      lui(loaded, 0x5ca1e),
      addi(before, loaded, 0),
      rType(0x2f, size, 0x08 | this.below(4), loaded, ATOMICS, 0),
      branch(0, loaded, before, 4 * (guarded.length + 1)),
      ...guarded,
    ];
  }

  private branch(): Unit {
    const ahead = 1 + this.below(6);
    if (this.chance(3)) {
      const nonzero = this.chance(2);
      const short = this.below(8);
      return { parcels: [{ length: 2, bits: (distance) => (distance < 256 ? compressedBranch(nonzero, short, distance) : C_NOP) }], ahead };
    }
    const funct3 = this.pick([0, 1, 4, 5, 6, 7]);
    const rs1 = this.rs();
    const rs2 = this.rs();
    return { parcels: [{ length: 4, bits: (distance) => branch(funct3, rs1, rs2, distance) }], ahead };
  }

  private jump(): Unit {
    const ahead = 1 + this.below(6);
    const link = this.pick([0, 1, 1, 5]);
    const by = this.pick(TEMPORARIES);
    switch (this.below(4)) {
      case 0:
        return { parcels: [{ length: 2, bits: compressedJump }], ahead };
      case 1:
        return { parcels: [{ length: 4, bits: (distance) => jal(link, distance) }], ahead };
      case 2: {
        const odd = this.below(2);
        return { parcels: [word(auipc(by, 0)), { length: 4, bits: (distance) => jalr(link, by, distance + 4 + odd) }], ahead };
      }
      default: {
        const compressed = half(0x8002 | (by << 7) | (this.below(2) << 12));
        return { parcels: [word(auipc(by, 0)), { length: 4, bits: (distance) => addi(by, by, distance + 4) }, compressed], ahead };
      }
    }
  }

  private float(): number {
    const rm = this.chance(40) ? this.pick([5, 6]) : this.pick(ROUNDING);
    const format = this.below(2);
    const rs1 = this.below(32);
    const rs2 = this.below(32);
    // Fields that say what it is, at random: most are reserved.
    if (this.chance(16)) {
      const [funct3, second, anyFormat] = [this.below(8), this.pick([0, 0, 1, this.below(32)]), this.below(4)];
      return rType(0x53, funct3, (this.pick(FLOAT_FUNCTIONS) << 2) | anyFormat, this.rd(), rs1, second);
    }
    if (this.chance(4)) return rType(this.pick([0x43, 0x47, 0x4b, 0x4f]), rm, (this.below(32) << 2) | format, this.below(32), rs1, rs2);
    const funct5 = this.pick(FLOAT_FUNCTIONS);
    const toInteger = funct5 === 0x14 || funct5 === 0x18 || funct5 === 0x1c;
    const rd = toInteger ? this.rd() : this.below(32);
    const funct3 =
      funct5 === 0x04 || funct5 === 0x14 ? this.below(3) : funct5 === 0x05 || funct5 === 0x1c ? this.below(2) : funct5 === 0x1e ? 0 : rm;
    const second =
      funct5 === 0x0b || funct5 >= 0x1c ? 0 : funct5 === 0x18 || funct5 === 0x1a ? this.below(4) : funct5 === 0x08 ? 1 - format : rs2;
    return rType(0x53, funct3, (funct5 << 2) | format, rd, rs1, second);
  }

  private floatAccess(bases: readonly number[] = LOAD_BASES): number {
    const size = this.pick([2, 3]);
    const base = this.pick(this.chance(2) ? bases : STORE_BASES);
    if (STORE_BASES.includes(base) && this.chance(2)) return sType(0x27, size, base, this.below(32), this.offset(base));
    return iType(0x07, size, this.below(32), base, this.offset(base));
  }

  private csrAccess(): number[] {
    if (this.chance(4)) return [csr(CSRRS, this.rd(), this.pick(READ_CSRS), 0)];
    if (this.chance(8)) return [csr(CSRRS, 0, this.pick(COUNTERS), 0)];
    if (this.chance(8)) return [csr(CSRRW | CSR_IMMEDIATE, this.rd(), this.pick([0x106, 0x306]), this.below(8))];
    if (this.chance(8)) return [csr(CSRRW | CSR_IMMEDIATE, this.rd(), 0x10a, this.below(2))];
    if (this.chance(8)) return this.addressSpaceChange();
    if (this.chance(8)) return this.restored();
    const number = this.pick(FREE_CSRS.filter((candidate) => candidate !== MSCRATCH));
    const funct3 = this.pick([1, 2, 3, 5, 6, 7]);
    const isPc = number === 0x141 || number === 0x341;
    const source = funct3 >= 4 ? this.below(32) & (isPc ? ~1 : ~0) : this.rs();
    // Both keep an even address as it is.
    if (isPc && funct3 < 4) return [slli(30, source, 1), csr(funct3, this.rd(), number, 30)];
    return [csr(funct3, this.rd(), number, source)];
  }

  private addressSpaceChange(): number[] {
    const [first, second] = [28, 29];
    if (this.chance(3)) return [csr(CSRRW, this.rd(), 0x180, 0)];
    const satp = this.chance(3) ? SATP_SV48 : SATP_SV39;
    return [
      addi(first, 0, Number(satp >> 60n)),
      slli(first, first, 60),
      ...loadImmediate(second, Number(satp & 0xfff_ffffn)),
      rType(0x33, 6, 0, first, first, second),
      csr(CSRRW, this.rd(), 0x180, first),
    ];
  }

  /** Writes what the frame needs, and puts it back. */
  private restored(): number[] {
    const number = this.pick([0x105, 0x305, MSCRATCH, 0x3b0, 0x3b1]);
    const isAddress = number >= 0x3b0;
    const source = this.rs();
    // Vectors: what is reserved in their lowest bits is not written. Addresses of PMP entries that are off: of 54 bits.
    return [
      slli(30, source, isAddress ? 10 : 2),
      ...(isAddress ? [iType(0x13, 5, 30, 30, 10)] : []),
      csr(CSRRW, 29, number, 30),
      csr(CSRRW, 28, number, 29),
    ];
  }

  private statusChange(): number[] {
    const inMachine = this.chance(2);
    const set = this.chance(2);
    let mask = 0;
    for (const bit of [0x02, 0x20, 0x100, 0x4_0000, 0x8_0000]) if (this.chance(3)) mask |= bit;
    if (this.chance(set ? 4 : 10)) mask |= 0x6000;
    if (inMachine) {
      for (const bit of [0x08, 0x80]) if (this.chance(3)) mask |= bit;
      for (const bit of [0x10_0000, 0x20_0000, 0x40_0000]) if (this.chance(12)) mask |= bit;
      if (this.chance(3)) mask |= set ? this.pick([0x800, 0x1800]) : 0x1800;
    }
    const by = this.pick(TEMPORARIES);
    return [...loadImmediate(by, mask), csr(set ? CSRRS : CSRRC, this.rd(), inMachine ? 0x300 : 0x100, by)];
  }

  private interruptChange(): number[] {
    const by = this.pick(TEMPORARIES);
    const [number = 0, mask = 0] = this.pick([
      [0x104, 0x222],
      [0x144, 0x002],
      [0x302, DELEGABLE],
      [0x303, 0x222],
      [0x304, 0xaaa],
      [0x344, 0x222],
      [0x344, 0x222],
    ]);
    return [...loadImmediate(by, this.below(0x10000) & mask), csr(this.pick([CSRRW, CSRRS, CSRRC]), this.rd(), number, by)];
  }

  /** mret or sret to an instruction ahead. */
  private trapReturn(): Unit {
    const ahead = 1 + this.below(4);
    const [by, other] = [28, 29];
    const machine = this.chance(2);
    const mode = this.pick([0, 1, 3]);
    // Where U mode has the code: S mode may not execute it there.
    const user = this.chance(mode === 0 ? 2 : 6);
    const before = user ? [lui(other, 0x40000), add(by, by, other)] : [];
    const status = machine
      ? [...loadImmediate(other, 0x1800), csr(CSRRC, 0, 0x300, other), ...loadImmediate(other, mode << 11), csr(CSRRS, 0, 0x300, other)]
      : [addi(other, 0, 0x100), csr(mode === 0 ? CSRRC : CSRRS, 0, 0x100, other)];
    const tail = [...before, csr(CSRRW, 0, machine ? 0x341 : 0x141, by), ...status, machine ? MRET : SRET];
    return {
      parcels: [word(auipc(by, 0)), { length: 4, bits: (distance) => addi(by, by, distance + 4) }, ...tail.map(word)],
      ahead,
    };
  }

  private loop(): Unit {
    const body = Array.from({ length: 1 + this.below(5) }, () =>
      this.pick([() => this.integer(), () => this.integer(), () => this.load(), () => this.store(), () => this.float()])(),
    );
    return plain(addi(COUNTER, 0, 1 + this.below(6)), ...body, addi(COUNTER, COUNTER, -1), branch(1, COUNTER, 0, -4 * (body.length + 1)));
  }

  /** Replaces an instruction ahead, where it can be written, and fence.i. */
  private selfModification(): Unit[] {
    const ahead = 1 + this.below(2);
    const [by, value, other] = [28, 29, 30];
    const fresh = this.chance(6) ? 0xffff_ffff : this.integer();
    const by2 = this.pick([[], [], [lui(other, 0x40200), add(by, by, other)]]); // or the supervisor's alias of it
    const tail = [...by2, ...loadImmediate(value, fresh | 0)];
    return [
      {
        parcels: [
          word(auipc(by, 0)),
          ...tail.map(word),
          { length: 4, bits: (distance) => sType(0x23, 2, by, value, distance + 4 * (tail.length + 1)) },
          word(FENCE_I),
        ],
        ahead,
      },
      ...(ahead === 2 ? [plain(this.integer())] : []),
      plain(this.integer()),
    ];
  }

  /** Accesses of M mode as if of another. */
  private asOtherMode(): number[] {
    const by = this.pick(TEMPORARIES);
    const accesses = Array.from({ length: 1 + this.below(4) }, () =>
      this.pick([() => this.load(DATA_BASES), () => this.store(), () => this.floatAccess(DATA_BASES), () => this.amo()])(),
    );
    return [
      ...loadImmediate(by, 0x1800),
      csr(CSRRC, 0, 0x300, by),
      ...loadImmediate(by, 0x2_0000 | this.pick([0, 0x800])),
      csr(CSRRS, 0, 0x300, by),
      ...accesses,
      ...loadImmediate(by, 0x2_0000),
      csr(CSRRC, 0, 0x300, by),
    ];
  }

  /** Another leaf, where the table can be written, and sfence.vma. */
  private leafChange(): number[] {
    const page = this.pick(DATA_PAGES);
    const { offset, value } = arenaLeaf(0, page, this.leafFlags(page, this.pick([SUPERVISOR_TABLE, USER_TABLE])));
    return [...loadImmediate(29, Number(value)), sType(0x23, 3, TABLE, 29, offset), SFENCE_VMA];
  }

  /** WFI with an interrupt that is pending and enabled, but not taken: where it would wait it is left out. */
  private waitForInterrupt(): number[] {
    const [by, other] = [28, 29];
    const bit = 2; // SSIP
    const [status, enabled, pending] = this.chance(2) ? [0x300, 0x304, 0x344] : [0x100, 0x104, 0x144];
    return [
      addi(by, 0, 0),
      csr(CSRRC | CSR_IMMEDIATE, 0, status, status === 0x300 ? 8 : bit),
      csr(CSRRS | CSR_IMMEDIATE, 0, enabled, bit),
      csr(CSRRS | CSR_IMMEDIATE, 0, pending, bit),
      csr(CSRRS, by, pending, 0),
      csr(CSRRS, other, enabled, 0),
      rType(0x33, 7, 0, by, by, other),
      iType(0x13, 7, by, by, bit),
      branch(0, by, 0, 12),
      WFI,
      csr(CSRRC | CSR_IMMEDIATE, 0, pending, bit),
    ];
  }

  private constant(): number[] {
    const rd = this.pick(DATA);
    return [...loadImmediate(rd, Number(this.prng.u64() & 0xffff_ffffn) | 0), ...(this.chance(2) ? [slli(rd, rd, this.below(64))] : [])];
  }

  /** 32 random bits that are neither a jump, nor an access but by pointers, nor a CSR or a return. */
  private noise(): number {
    for (;;) {
      const bits = (Number(this.prng.u64() & 0xffff_ffffn) | 3) >>> 0;
      const opcode = bits & 0x7f;
      const rd = (bits >> 7) & 31;
      if (opcode === 0x63 || opcode === 0x67 || opcode === 0x6f || opcode === 0x2f) continue;
      if (opcode === 0x73 && ((bits >> 12) & 3) !== 0) continue;
      if (opcode === 0x73 && [0x102, 0x302, 0x105].includes(bits >>> 20)) continue;
      if ((bits & 0x7fff) === 0x200f) continue; // Zicbom and Zicboz
      if ((opcode & 0x1f) === 0x1f) continue; // longer than 32 bits
      const base =
        opcode === 0x03 || opcode === 0x07 ? this.pick(LOAD_BASES) : opcode === 0x23 || opcode === 0x27 ? this.pick(STORE_BASES) : -1;
      // Loads and stores of integers and floats, as near as others.
      if (base >= 0 && (opcode !== 0x03 || rd === 0 || DATA.includes(rd)))
        return ((bits & ~0xfff0_8000 & ~(31 << 15)) | (base << 15)) >>> 0;
      if (base >= 0) continue;
      if (rd === 0 || DATA.includes(rd) || opcode === 0x43 || opcode === 0x47 || opcode === 0x4b || opcode === 0x4f) return bits;
    }
  }
}

function word(bits: number): Parcel {
  return { length: 4, bits: () => bits };
}

function half(bits: number): Parcel {
  return { length: 2, bits: () => bits };
}

function plain(...words: readonly number[]): Unit {
  return { parcels: words.map(word), ahead: 0 };
}

/** Lays units out; the program's end is its last unit. */
function assemble(units: readonly Unit[]): { code: Uint8Array; endOffset: number } {
  const starts: number[] = [];
  let at = 0;
  for (const { parcels } of units) {
    starts.push(at);
    at += parcels.reduce((sum, { length }) => sum + length, 0);
  }
  const endOffset = starts.at(-1) ?? 0;
  const code = new Uint8Array((at + 7) & ~7);
  const view = new DataView(code.buffer);
  units.forEach(({ parcels, ahead }, index) => {
    const target = starts[Math.min(index + ahead, units.length - 1)] ?? endOffset;
    let here = starts[index] ?? 0;
    for (const { length, bits } of parcels) {
      // By way of auipc the distance is from there: parcels say how far they are behind it.
      const value = bits(target - here);
      if (length === 2) view.setUint16(here, value, true);
      else view.setUint32(here, value >>> 0, true);
      here += length;
    }
  });
  return { code, endOffset };
}
