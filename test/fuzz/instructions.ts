/** Single instructions of a random program: they compute and access memory by way of its pointers, and lead nowhere. */
import { Draws } from "./draws.ts";
import { iType, rType, sType } from "./encode.ts";
import { ANY_PAGE, ATOMICS, CROSSING, DATA, EXOTIC, LOAD_BASES, NOWHERE, S0, STORE_BASES } from "./program-registers.ts";

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

export class InstructionDraws extends Draws {
  protected rd(): number {
    return this.chance(16) ? 0 : this.pick(DATA);
  }

  /** Any: pointers are data too. */
  protected rs(): number {
    return this.chance(3) ? this.below(32) : this.pick(DATA);
  }

  protected integer(): number {
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

  protected bitManipulation(rd: number, rs1: number, rs2: number): number {
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
  protected compressed(): number {
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
  protected compressedNoise(): number {
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
  protected offset(base: number): number {
    return base === NOWHERE || base === EXOTIC ? 8 * (this.below(8) - 2) : this.below(64) - 16;
  }

  protected load(bases: readonly number[] = LOAD_BASES): number {
    const funct3 = this.chance(40) ? 7 : this.below(7);
    const base = this.pick(bases);
    return iType(0x03, funct3, this.rd(), base, this.offset(base));
  }

  protected store(): number {
    const funct3 = this.chance(40) ? 4 + this.below(4) : this.below(4);
    const base = this.pick(STORE_BASES);
    return sType(0x23, funct3, base, this.rs(), this.offset(base));
  }

  protected amo(): number {
    const base = this.chance(5) ? this.pick([CROSSING, ANY_PAGE, S0]) : ATOMICS;
    return rType(0x2f, this.pick([2, 3]), (this.pick(AMO_FUNCTIONS) << 2) | this.below(4), this.rd(), base, this.rs());
  }

  protected float(): number {
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

  protected floatAccess(bases: readonly number[] = LOAD_BASES): number {
    const size = this.pick([2, 3]);
    const base = this.pick(this.chance(2) ? bases : STORE_BASES);
    if (STORE_BASES.includes(base) && this.chance(2)) return sType(0x27, size, base, this.below(32), this.offset(base));
    return iType(0x07, size, this.below(32), base, this.offset(base));
  }

  /** 32 random bits that are neither a jump, nor an access but by pointers, nor a CSR or a return. */
  protected noise(): number {
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
