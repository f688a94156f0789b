/**
 * Decodes guest instructions for the translator: RV64GC with Zba, Zbb and Zbs, compressed ones as what they stand for.
 * RISC-V Unprivileged Architecture, "RV32/64G Instruction Set Listings" and "C Extension".
 *
 * What is not translated decodes as `interpret`, legal or not: the interpreter executes it, and knows best.
 */

export type AluOperation =
  | "add"
  | "sub"
  | "sll"
  | "slt"
  | "sltu"
  | "xor"
  | "srl"
  | "sra"
  | "or"
  | "and"
  | "addw"
  | "subw"
  | "sllw"
  | "srlw"
  | "sraw"
  | "mul"
  | "mulh"
  | "mulhsu"
  | "mulhu"
  | "div"
  | "divu"
  | "rem"
  | "remu"
  | "mulw"
  | "divw"
  | "divuw"
  | "remw"
  | "remuw"
  | "adduw"
  | "sh1add"
  | "sh2add"
  | "sh3add"
  | "sh1adduw"
  | "sh2adduw"
  | "sh3adduw"
  | "andn"
  | "orn"
  | "xnor"
  | "min"
  | "minu"
  | "max"
  | "maxu"
  | "rol"
  | "ror"
  | "rolw"
  | "rorw"
  | "bset"
  | "bclr"
  | "binv"
  | "bext"
  | "slluw";

export type UnaryOperation = "clz" | "ctz" | "cpop" | "clzw" | "ctzw" | "cpopw" | "sextb" | "sexth" | "zexth" | "orcb" | "rev8";

export type Condition = "eq" | "ne" | "lt" | "ge" | "ltu" | "geu";

/** What an instruction does; registers are 0..31, `imm` is a sign-extended integer. */
export type Operation =
  | { readonly kind: "constant"; readonly rd: number; readonly value: number }
  | { readonly kind: "auipc"; readonly rd: number; readonly imm: number }
  | { readonly kind: "aluRegister"; readonly operation: AluOperation; readonly rd: number; readonly rs1: number; readonly rs2: number }
  | { readonly kind: "aluImmediate"; readonly operation: AluOperation; readonly rd: number; readonly rs1: number; readonly imm: number }
  | { readonly kind: "unary"; readonly operation: UnaryOperation; readonly rd: number; readonly rs1: number }
  | {
      readonly kind: "load";
      readonly size: 1 | 2 | 4 | 8;
      readonly signed: boolean;
      readonly rd: number;
      readonly rs1: number;
      readonly imm: number;
    }
  | { readonly kind: "store"; readonly size: 1 | 2 | 4 | 8; readonly rs1: number; readonly rs2: number; readonly imm: number }
  | { readonly kind: "floatLoad"; readonly size: 4 | 8; readonly fd: number; readonly rs1: number; readonly imm: number }
  | { readonly kind: "floatStore"; readonly size: 4 | 8; readonly rs1: number; readonly fs2: number; readonly imm: number }
  | { readonly kind: "float"; readonly bits: number }
  | {
      readonly kind: "atomic";
      readonly funct5: number;
      readonly size: 4 | 8;
      readonly rd: number;
      readonly rs1: number;
      readonly rs2: number;
    }
  | { readonly kind: "csr"; readonly bits: number }
  | { readonly kind: "branch"; readonly condition: Condition; readonly rs1: number; readonly rs2: number; readonly imm: number }
  | { readonly kind: "jump"; readonly rd: number; readonly imm: number }
  | { readonly kind: "jumpRegister"; readonly rd: number; readonly rs1: number; readonly imm: number }
  | { readonly kind: "nothing" }
  | { readonly kind: "interpret" };

export interface Instruction {
  /** Byte offset in its page. */
  readonly offset: number;
  readonly length: 2 | 4;
  readonly operation: Operation;
}

const INTERPRET: Operation = { kind: "interpret" };
const NOTHING: Operation = { kind: "nothing" };

const BRANCHES: readonly (Condition | null)[] = ["eq", "ne", null, null, "lt", "ge", "ltu", "geu"];
const PLAIN: readonly AluOperation[] = ["add", "sll", "slt", "sltu", "xor", "srl", "or", "and"];
const MULTIPLY: readonly AluOperation[] = ["mul", "mulh", "mulhsu", "mulhu", "div", "divu", "rem", "remu"];
const LOAD_SIZES = [1, 2, 4, 8] as const;

/** Register-register operations by funct7 << 3 | funct3. */
const REGISTER: ReadonlyMap<number, AluOperation> = new Map([
  ...PLAIN.map((operation, funct3): [number, AluOperation] => [funct3, operation]),
  ...MULTIPLY.map((operation, funct3): [number, AluOperation] => [(1 << 3) | funct3, operation]),
  [(0x20 << 3) | 0, "sub"],
  [(0x20 << 3) | 5, "sra"],
  [(0x20 << 3) | 7, "andn"],
  [(0x20 << 3) | 6, "orn"],
  [(0x20 << 3) | 4, "xnor"],
  [(0x10 << 3) | 2, "sh1add"],
  [(0x10 << 3) | 4, "sh2add"],
  [(0x10 << 3) | 6, "sh3add"],
  [(0x05 << 3) | 4, "min"],
  [(0x05 << 3) | 5, "minu"],
  [(0x05 << 3) | 6, "max"],
  [(0x05 << 3) | 7, "maxu"],
  [(0x30 << 3) | 1, "rol"],
  [(0x30 << 3) | 5, "ror"],
  [(0x14 << 3) | 1, "bset"],
  [(0x24 << 3) | 1, "bclr"],
  [(0x34 << 3) | 1, "binv"],
  [(0x24 << 3) | 5, "bext"],
]);

const REGISTER_WORD: ReadonlyMap<number, AluOperation> = new Map([
  [0, "addw"],
  [1, "sllw"],
  [5, "srlw"],
  [(0x20 << 3) | 0, "subw"],
  [(0x20 << 3) | 5, "sraw"],
  [(1 << 3) | 0, "mulw"],
  [(1 << 3) | 4, "divw"],
  [(1 << 3) | 5, "divuw"],
  [(1 << 3) | 6, "remw"],
  [(1 << 3) | 7, "remuw"],
  [(4 << 3) | 0, "adduw"],
  [(0x10 << 3) | 2, "sh1adduw"],
  [(0x10 << 3) | 4, "sh2adduw"],
  [(0x10 << 3) | 6, "sh3adduw"],
  [(0x30 << 3) | 1, "rolw"],
  [(0x30 << 3) | 5, "rorw"],
]);

/** Of the 12 upper bits of an OP-IMM instruction with funct3 1 or 5 that takes no shift amount. */
const UNARY_SLL: ReadonlyMap<number, UnaryOperation> = new Map([
  [0x600, "clz"],
  [0x601, "ctz"],
  [0x602, "cpop"],
  [0x604, "sextb"],
  [0x605, "sexth"],
]);
const UNARY_SRL: ReadonlyMap<number, UnaryOperation> = new Map([
  [0x287, "orcb"],
  [0x6b8, "rev8"],
]);
const UNARY_WORD: ReadonlyMap<number, UnaryOperation> = new Map([
  [0x600, "clzw"],
  [0x601, "ctzw"],
  [0x602, "cpopw"],
]);

/** Shifts by an immediate, by funct6 (RV64) or funct7 (words) and funct3. */
const SHIFT: ReadonlyMap<number, AluOperation> = new Map([
  [(0x00 << 3) | 1, "sll"],
  [(0x00 << 3) | 5, "srl"],
  [(0x10 << 3) | 5, "sra"],
  [(0x18 << 3) | 5, "ror"],
  [(0x0a << 3) | 1, "bset"],
  [(0x12 << 3) | 1, "bclr"],
  [(0x1a << 3) | 1, "binv"],
  [(0x12 << 3) | 5, "bext"],
]);
const SHIFT_WORD: ReadonlyMap<number, AluOperation> = new Map([
  [(0x00 << 3) | 1, "sllw"],
  [(0x00 << 3) | 5, "srlw"],
  [(0x20 << 3) | 5, "sraw"],
  [(0x30 << 3) | 5, "rorw"],
]);

const ATOMICS: ReadonlySet<number> = new Set([0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c]);

/**
 * @param bits the instruction, its low half alone where it is compressed
 * @returns what it does, in terms of full-length instructions
 */
export function decodeOperation(bits: number): Operation {
  return (bits & 3) === 3 ? decodeFull(bits | 0) : decodeCompressed(bits & 0xffff);
}

function decodeFull(bits: number): Operation {
  const rd = (bits >>> 7) & 31;
  const rs1 = (bits >>> 15) & 31;
  const rs2 = (bits >>> 20) & 31;
  const funct3 = (bits >>> 12) & 7;
  const funct7 = bits >>> 25;
  const immediate = bits >> 20;
  switch (bits & 0x7f) {
    case 0x37:
      return { kind: "constant", rd, value: bits & ~0xfff };
    case 0x17:
      return { kind: "auipc", rd, imm: bits & ~0xfff };
    case 0x6f:
      return {
        kind: "jump",
        rd,
        imm: ((bits >> 31) << 20) | (bits & 0xff000) | ((bits >>> 9) & 0x800) | ((bits >>> 20) & 0x7fe),
      };
    case 0x67:
      return funct3 === 0 ? { kind: "jumpRegister", rd, rs1, imm: immediate } : INTERPRET;
    case 0x63: {
      const condition = BRANCHES[funct3] ?? null;
      if (condition === null) return INTERPRET;
      const imm = ((bits >> 31) << 12) | ((bits << 4) & 0x800) | ((bits >>> 20) & 0x7e0) | ((bits >>> 7) & 0x1e);
      return { kind: "branch", condition, rs1, rs2, imm };
    }
    case 0x03:
      if (funct3 === 7) return INTERPRET;
      return { kind: "load", size: LOAD_SIZES[funct3 & 3] ?? 1, signed: funct3 < 4, rd, rs1, imm: immediate };
    case 0x23:
      if (funct3 > 3) return INTERPRET;
      return { kind: "store", size: LOAD_SIZES[funct3] ?? 1, rs1, rs2, imm: ((bits >> 25) << 5) | rd };
    case 0x07:
      if (funct3 !== 2 && funct3 !== 3) return INTERPRET;
      return { kind: "floatLoad", size: funct3 === 2 ? 4 : 8, fd: rd, rs1, imm: immediate };
    case 0x27:
      if (funct3 !== 2 && funct3 !== 3) return INTERPRET;
      return { kind: "floatStore", size: funct3 === 2 ? 4 : 8, rs1, fs2: rs2, imm: ((bits >> 25) << 5) | rd };
    case 0x13:
      return immediateOperation(bits, rd, rs1, funct3);
    case 0x1b:
      return immediateWordOperation(bits, rd, rs1, funct3);
    case 0x33: {
      const operation = REGISTER.get((funct7 << 3) | funct3);
      return operation === undefined ? INTERPRET : { kind: "aluRegister", operation, rd, rs1, rs2 };
    }
    case 0x3b: {
      if (funct7 === 4 && funct3 === 4 && rs2 === 0) return { kind: "unary", operation: "zexth", rd, rs1 };
      const operation = REGISTER_WORD.get((funct7 << 3) | funct3);
      return operation === undefined ? INTERPRET : { kind: "aluRegister", operation, rd, rs1, rs2 };
    }
    case 0x0f:
      // Memory is coherent with itself and with decoded code, so fences have nothing to do.
      return funct3 === 0 || funct3 === 1 ? NOTHING : INTERPRET;
    case 0x2f: {
      const funct5 = bits >>> 27;
      if ((funct3 !== 2 && funct3 !== 3) || !ATOMICS.has(funct5) || (funct5 === 2 && rs2 !== 0)) return INTERPRET;
      return { kind: "atomic", funct5, size: funct3 === 2 ? 4 : 8, rd, rs1, rs2 };
    }
    case 0x73:
      return funct3 === 0 || funct3 === 4 ? INTERPRET : { kind: "csr", bits };
    case 0x43:
    case 0x47:
    case 0x4b:
    case 0x4f:
    case 0x53:
      return { kind: "float", bits };
  }
  return INTERPRET;
}

function immediateOperation(bits: number, rd: number, rs1: number, funct3: number): Operation {
  const imm = bits >> 20;
  if (funct3 !== 1 && funct3 !== 5) return { kind: "aluImmediate", operation: PLAIN[funct3] ?? "add", rd, rs1, imm };
  const unary = (funct3 === 1 ? UNARY_SLL : UNARY_SRL).get(bits >>> 20);
  if (unary !== undefined) return { kind: "unary", operation: unary, rd, rs1 };
  const operation = SHIFT.get(((bits >>> 26) << 3) | funct3);
  return operation === undefined ? INTERPRET : { kind: "aluImmediate", operation, rd, rs1, imm: imm & 63 };
}

function immediateWordOperation(bits: number, rd: number, rs1: number, funct3: number): Operation {
  if (funct3 === 0) return { kind: "aluImmediate", operation: "addw", rd, rs1, imm: bits >> 20 };
  const unary = funct3 === 1 ? UNARY_WORD.get(bits >>> 20) : undefined;
  if (unary !== undefined) return { kind: "unary", operation: unary, rd, rs1 };
  if (funct3 === 1 && bits >>> 26 === 2) return { kind: "aluImmediate", operation: "slluw", rd, rs1, imm: (bits >>> 20) & 63 };
  const operation = SHIFT_WORD.get(((bits >>> 25) << 3) | funct3);
  return operation === undefined ? INTERPRET : { kind: "aluImmediate", operation, rd, rs1, imm: (bits >>> 20) & 31 };
}

function decodeCompressed(bits: number): Operation {
  const funct3 = bits >>> 13;
  const rd = (bits >>> 7) & 31;
  const rs2 = (bits >>> 2) & 31;
  const shortRd = 8 + ((bits >>> 2) & 7);
  const shortRs1 = 8 + ((bits >>> 7) & 7);
  const imm6 = (((bits << 19) >> 31) << 5) | rs2;
  const shift = ((bits >>> 7) & 0x20) | rs2;
  switch (((bits & 3) << 3) | funct3) {
    case 0x00: {
      const imm = ((bits >>> 7) & 0x30) | ((bits >>> 1) & 0x3c0) | ((bits >>> 4) & 4) | ((bits >>> 2) & 8);
      return imm === 0 ? INTERPRET : { kind: "aluImmediate", operation: "add", rd: shortRd, rs1: 2, imm };
    }
    case 0x01:
    case 0x03:
    case 0x05:
    case 0x07: {
      const imm = ((bits >>> 7) & 0x38) | ((bits << 1) & 0xc0);
      if (funct3 === 3) return { kind: "load", size: 8, signed: true, rd: shortRd, rs1: shortRs1, imm };
      if (funct3 === 7) return { kind: "store", size: 8, rs1: shortRs1, rs2: shortRd, imm };
      if (funct3 === 1) return { kind: "floatLoad", size: 8, fd: shortRd, rs1: shortRs1, imm };
      return { kind: "floatStore", size: 8, rs1: shortRs1, fs2: shortRd, imm };
    }
    case 0x02:
    case 0x06: {
      const imm = ((bits >>> 7) & 0x38) | ((bits >>> 4) & 4) | ((bits << 1) & 0x40);
      if (funct3 === 2) return { kind: "load", size: 4, signed: true, rd: shortRd, rs1: shortRs1, imm };
      return { kind: "store", size: 4, rs1: shortRs1, rs2: shortRd, imm };
    }
    case 0x08:
      return { kind: "aluImmediate", operation: "add", rd, rs1: rd, imm: imm6 };
    case 0x09:
      return rd === 0 ? INTERPRET : { kind: "aluImmediate", operation: "addw", rd, rs1: rd, imm: imm6 };
    case 0x0a:
      return { kind: "constant", rd, value: imm6 };
    case 0x0b: {
      if (rd !== 2) return imm6 === 0 ? INTERPRET : { kind: "constant", rd, value: imm6 << 12 };
      const imm = (((bits << 19) >> 31) << 9) | ((bits >>> 2) & 0x10) | ((bits << 1) & 0x40) | ((bits << 4) & 0x180) | ((bits << 3) & 0x20);
      return imm === 0 ? INTERPRET : { kind: "aluImmediate", operation: "add", rd: 2, rs1: 2, imm };
    }
    case 0x0c: {
      const register = { rd: shortRs1, rs1: shortRs1 };
      switch ((bits >>> 10) & 3) {
        case 0:
          return { kind: "aluImmediate", operation: "srl", ...register, imm: shift };
        case 1:
          return { kind: "aluImmediate", operation: "sra", ...register, imm: shift };
        case 2:
          return { kind: "aluImmediate", operation: "and", ...register, imm: imm6 };
      }
      const operation = (["sub", "xor", "or", "and", "subw", "addw"] as const)[((bits >>> 10) & 4) | ((bits >>> 5) & 3)];
      return operation === undefined ? INTERPRET : { kind: "aluRegister", operation, ...register, rs2: shortRd };
    }
    case 0x0d:
      return {
        kind: "jump",
        rd: 0,
        imm:
          (((bits << 19) >> 31) << 11) |
          ((bits >>> 7) & 0x10) |
          ((bits >>> 1) & 0x300) |
          ((bits << 2) & 0x400) |
          ((bits >>> 1) & 0x40) |
          ((bits << 1) & 0x80) |
          ((bits >>> 2) & 0xe) |
          ((bits << 3) & 0x20),
      };
    case 0x0e:
    case 0x0f: {
      const imm = (((bits << 19) >> 31) << 8) | ((bits >>> 7) & 0x18) | ((bits << 1) & 0xc0) | ((bits >>> 2) & 6) | ((bits << 3) & 0x20);
      return { kind: "branch", condition: funct3 === 6 ? "eq" : "ne", rs1: shortRs1, rs2: 0, imm };
    }
    case 0x10:
      return { kind: "aluImmediate", operation: "sll", rd, rs1: rd, imm: shift };
    case 0x11:
    case 0x13: {
      const imm = ((bits >>> 7) & 0x20) | ((bits >>> 2) & 0x18) | ((bits << 4) & 0x1c0);
      if (funct3 === 1) return { kind: "floatLoad", size: 8, fd: rd, rs1: 2, imm };
      return rd === 0 ? INTERPRET : { kind: "load", size: 8, signed: true, rd, rs1: 2, imm };
    }
    case 0x12: {
      if (rd === 0) return INTERPRET;
      const imm = ((bits >>> 7) & 0x20) | ((bits >>> 2) & 0x1c) | ((bits << 4) & 0xc0);
      return { kind: "load", size: 4, signed: true, rd, rs1: 2, imm };
    }
    case 0x14:
      if ((bits & 0x1000) === 0) {
        if (rs2 !== 0) return { kind: "aluRegister", operation: "add", rd, rs1: 0, rs2 };
        return rd === 0 ? INTERPRET : { kind: "jumpRegister", rd: 0, rs1: rd, imm: 0 };
      }
      if (rs2 !== 0) return { kind: "aluRegister", operation: "add", rd, rs1: rd, rs2 };
      return rd === 0 ? INTERPRET : { kind: "jumpRegister", rd: 1, rs1: rd, imm: 0 };
    case 0x15:
    case 0x17: {
      const imm = ((bits >>> 7) & 0x38) | ((bits >>> 1) & 0x1c0);
      if (funct3 === 5) return { kind: "floatStore", size: 8, rs1: 2, fs2: rs2, imm };
      return { kind: "store", size: 8, rs1: 2, rs2, imm };
    }
    case 0x16:
      return { kind: "store", size: 4, rs1: 2, rs2, imm: ((bits >>> 7) & 0x3c) | ((bits >>> 1) & 0xc0) };
  }
  return INTERPRET;
}
