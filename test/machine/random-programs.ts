/** Random programs: instructions that are mostly valid and often meet each other, in the frame of random-frame.S. */
import type { Prng } from "../../src/base/prng.ts";
import { fixture } from "./guest-run.ts";

/** As in random-frame.S. */
const SEED_OFFSET = 8;
const CODE_OFFSET = 0x10000;
const CODE_BYTES = 0x4000;

/** CSRs that a random program meets; mtvec and what leads away from it are not among them. */
const CSRS = [
  0x001, 0x002, 0x003, 0x001, 0x003, 0xc00, 0xc01, 0xc02, 0xc01, 0xc02, 0x100, 0x104, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d,
  0x300, 0x304, 0x306, 0x340, 0x341, 0x344, 0xb00, 0xb02, 0xc00, 0xc01, 0xc02, 0xf14, 0x180, 0x10a, 0x30a, 0x320, 0x3b0, 0xc03,
];

/** funct7 of operations on two registers, and of shifts by an immediate: those of I and M twice, then Zba, Zbb, Zbs. */
const REGISTER_FUNCTIONS = [0, 0, 1, 1, 0x20, 0x20, 0x04, 0x05, 0x10, 0x14, 0x24, 0x30, 0x34];
const LEFT_FUNCTIONS = [0, 0, 0x04, 0x14, 0x24, 0x30, 0x34];
const RIGHT_FUNCTIONS = [0, 0x20, 0x24, 0x30, 0x14, 0x35];
const ALU_OPCODES = [0x13, 0x1b, 0x33, 0x3b];
const AMO_FUNCTIONS = [0x00, 0x01, 0x02, 0x03, 0x03, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c];
/** ecall, ebreak, mret, sret, wfi, sfence.vma, sfence.vma of an address. */
const SYSTEM = [0x00000073, 0x00100073, 0x30200073, 0x10200073, 0x10500073, 0x12000073, 0x12090073];
/** inval, clean, flush, zero, zero again. */
const CACHE_BLOCK_OPERATIONS = [0, 1, 2, 4, 4];
const FLOAT_FUNCTIONS = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x08, 0x0b, 0x14, 0x18, 0x1a, 0x1c, 0x1e];

/** What most of its instructions are: anything, or floating-point arithmetic. */
export type Flavour = "mixed" | "float";

class Generator {
  private readonly prng: Prng;
  private readonly flavour: Flavour;

  constructor(prng: Prng, flavour: Flavour) {
    this.prng = prng;
    this.flavour = flavour;
  }

  private below(limit: number): number {
    return this.prng.between(0, limit - 1);
  }

  private pick(list: readonly number[]): number {
    return list[this.below(list.length)]!;
  }

  /** Seldom one of the pointers: sp, s0 to s11. */
  private rd(): number {
    if (this.below(40) === 0) return this.below(32);
    return this.pick([0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31]);
  }

  /** Mostly data, then code and page tables, then devices and the end of RAM; seldom anything. */
  private pointer(): number {
    const choice = this.below(40);
    if (choice < 24) return this.pick([19, 20, 21]);
    if (choice < 33) return this.pick([18, 22, 22]);
    return choice < 39 ? 23 + this.below(5) : this.below(32);
  }

  private funct7(opcode: number, funct3: number): number {
    if (opcode === 0x33 || opcode === 0x3b) return this.pick(REGISTER_FUNCTIONS);
    if (funct3 === 1) return this.pick(LEFT_FUNCTIONS) | this.below(opcode === 0x13 ? 2 : 1);
    if (funct3 === 5) return this.pick(RIGHT_FUNCTIONS);
    return this.below(128);
  }

  /** One instruction: its bits, and how many bytes it has. */
  instruction(): { readonly bits: number; readonly length: 2 | 4 } {
    // Floating point, and what brings new numbers to it.
    const kind = this.flavour === "float" && this.below(4) !== 0 ? 84 + this.below(6) : this.below(100);
    if (kind < 26) return { bits: this.compressed(), length: 2 };
    return { bits: this.full(kind) >>> 0, length: 4 };
  }

  private compressed(): number {
    for (;;) {
      let bits = this.below(0x10000);
      const row = ((bits & 3) << 3) | (bits >> 13);
      if ((bits & 3) === 3 || row === 4) continue;
      // Loads and stores by way of s0 and s1; seldom a change of these, of sp, or a jump to anywhere.
      if (row > 0 && row < 8) bits &= ~0x300;
      if (this.below(8) === 0) return bits;
      const rd = (bits >> 7) & 31;
      if ((row === 0x14 && (bits & 0x7c) === 0) || row === 0x0d) continue;
      if (row >= 8 && (row <= 11 || row >= 16) && (rd === 2 || rd === 8 || rd === 9)) continue;
      if (row === 12 && (rd & 7) < 2) continue;
      return bits;
    }
  }

  private full(kind: number): number {
    const rs1 = this.below(32);
    const rs2 = this.below(32);
    const funct3 = this.below(8);
    const upper = (rs2 << 20) | (rs1 << 15) | (funct3 << 12);
    if (kind < 46) {
      const opcode = this.pick(ALU_OPCODES);
      return (this.funct7(opcode, funct3) << 25) | upper | (this.rd() << 7) | opcode;
    }
    if (kind < 49) return (this.below(1 << 20) << 12) | (this.rd() << 7) | this.pick([0x37, 0x17]);
    if (kind < 59) return ((this.below(64) - 16) << 20) | (this.pointer() << 15) | (this.below(7) << 12) | (this.rd() << 7) | 0x03;
    if (kind < 71) {
      const offset = this.below(64) - 16;
      return ((offset >> 5) << 25) | (rs2 << 20) | (this.pointer() << 15) | (this.below(4) << 12) | ((offset & 31) << 7) | 0x23;
    }
    if (kind < 75) {
      const base = this.pick([18, 19, 21, 22, 22]);
      return (
        (this.pick(AMO_FUNCTIONS) << 27) |
        (this.below(4) << 25) |
        ((kind & 1 ? rs2 : 0) << 20) |
        (base << 15) |
        (this.pick([2, 3]) << 12) |
        (this.rd() << 7) |
        0x2f
      );
    }
    if (kind < 83) return this.branch(upper);
    if (kind < 84) return ((this.below(256) & ~1) << 20) | (18 << 15) | (this.rd() << 7) | 0x67; // into the code's start
    if (kind < 88) return this.float(rs1, rs2);
    if (kind < 90) {
      const offset = this.below(64);
      const wide = this.pick([2, 3]) << 12;
      if (this.below(2) === 0) return (offset << 20) | (this.pointer() << 15) | wide | (rs2 << 7) | 0x07;
      return ((offset >> 5) << 25) | (rs2 << 20) | (this.pointer() << 15) | wide | ((offset & 31) << 7) | 0x27;
    }
    if (kind < 93) return (this.pick(CSRS) << 20) | (rs1 << 15) | (this.pick([1, 2, 2, 3, 5, 6, 6, 7]) << 12) | (this.rd() << 7) | 0x73;
    if (kind < 94) return this.pick(SYSTEM);
    if (kind < 97) return (this.pick(CACHE_BLOCK_OPERATIONS) << 20) | (this.pointer() << 15) | 0x200f;
    if (kind < 99) return this.pick([0x0000100f, 0x0ff0000f, 0x12000073]);
    return Number(this.prng.u64() & 0xffff_ffffn) | 3;
  }

  /** Some 30 bytes on or back. */
  private branch(upper: number): number {
    const offset = (this.below(48) - 16) * 2;
    if (this.below(4) === 0) {
      const far =
        (((offset >> 20) & 1) << 31) | (((offset >> 1) & 0x3ff) << 21) | (((offset >> 11) & 1) << 20) | (((offset >> 12) & 0xff) << 12);
      return far | (this.rd() << 7) | 0x6f;
    }
    const near = (((offset >> 12) & 1) << 31) | (((offset >> 5) & 63) << 25) | (((offset >> 1) & 15) << 8) | (((offset >> 11) & 1) << 7);
    return near | (upper & 0x1ff_7000) | 0x63;
  }

  private float(rs1: number, rs2: number): number {
    const rm = this.pick([0, 0, 1, 2, 3, 4, 7]);
    const format = this.below(2) << 25;
    const registers = (rs1 << 15) | (rm << 12) | (this.rd() << 7);
    if (this.below(4) === 0) return (this.below(32) << 27) | format | (rs2 << 20) | registers | this.pick([0x43, 0x47, 0x4b, 0x4f]);
    const funct5 = this.pick(FLOAT_FUNCTIONS);
    const second =
      funct5 === 0x0b || funct5 >= 0x1c ? 0 : funct5 === 0x18 || funct5 === 0x1a ? this.below(4) : funct5 === 0x08 ? this.below(2) : rs2;
    return (funct5 << 27) | format | (second << 20) | registers | 0x53;
  }
}

/** A program of random instructions that ends with nobody's help but the one's who runs it. */
export function randomProgram(prng: Prng, flavour: Flavour = "mixed"): Uint8Array {
  const frame = fixture("programs/random-frame.bin");
  const image = new Uint8Array(CODE_OFFSET + 2 * CODE_BYTES);
  image.set(frame);
  const view = new DataView(image.buffer);
  view.setBigUint64(SEED_OFFSET, prng.u64(), true);
  const generator = new Generator(prng, flavour);
  for (let at = CODE_OFFSET; at < CODE_OFFSET + CODE_BYTES; ) {
    const { bits, length } = generator.instruction();
    if (at + length > CODE_OFFSET + CODE_BYTES) break;
    if (length === 2) view.setUint16(at, bits, true);
    else view.setUint32(at, bits, true);
    at += length;
  }
  for (let at = CODE_OFFSET + CODE_BYTES; at < image.length; at += 8) view.setBigUint64(at, prng.u64(), true);
  return image;
}
