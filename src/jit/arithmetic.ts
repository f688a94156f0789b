/** Emits integer arithmetic of RV64IM, Zba, Zbb and Zbs; what WebAssembly leaves undefined is as RISC-V says. */
import { unreachable } from "../base/assert.ts";
import type { AluOperation, UnaryOperation } from "./instruction.ts";
import { MACHINE_FUNCTIONS } from "./machine-interface.ts";
import { type FunctionBody, I64 } from "./wasm-builder.ts";

/** Writes code that leaves a register's value on the stack. */
type Operand = () => void;

const ADD = 0x7c;
const SUB = 0x7d;
const MUL = 0x7e;
const AND = 0x83;
const OR = 0x84;
const XOR = 0x85;
const SHL = 0x86;
const SHR_S = 0x87;
const SHR_U = 0x88;
const ROTL = 0x89;
const ROTR = 0x8a;
const WRAP = 0xa7;
const EXTEND_S = 0xac;
const EXTEND_U = 0xad;
const I32_SHL = 0x74;
const I32_SHR_S = 0x75;
const I32_SHR_U = 0x76;
const I32_ROTL = 0x77;
const I32_ROTR = 0x78;
const EXTEND32_S = 0xc4;
const SELECT = 0x1b;

/** Operations that are one of WebAssembly's on two i64. */
const DIRECT: Partial<Record<AluOperation, number>> = {
  add: ADD,
  sub: SUB,
  mul: MUL,
  and: AND,
  or: OR,
  xor: XOR,
  sll: SHL,
  srl: SHR_U,
  sra: SHR_S,
  rol: ROTL,
  ror: ROTR,
};
/** Those that are one on two i32, whose result is sign-extended. */
const DIRECT_WORD: Partial<Record<AluOperation, number>> = {
  addw: 0x6a,
  subw: 0x6b,
  mulw: 0x6c,
  sllw: I32_SHL,
  srlw: I32_SHR_U,
  sraw: I32_SHR_S,
  rolw: I32_ROTL,
  rorw: I32_ROTR,
};

/** Leaves the result on the stack. @param scratch an i64 local */
export function emitAluRegister(body: FunctionBody, operation: AluOperation, a: Operand, b: Operand, scratch: number): void {
  const direct = DIRECT[operation];
  if (direct !== undefined) {
    a();
    b();
    body.op(direct);
    return;
  }
  const word = DIRECT_WORD[operation];
  if (word !== undefined) {
    a();
    body.op(WRAP);
    b();
    body.op(WRAP).op(word).op(EXTEND_S);
    return;
  }
  switch (operation) {
    case "slt":
    case "sltu":
      a();
      b();
      body.op(operation === "slt" ? 0x53 : 0x54).op(EXTEND_U);
      return;
    case "mulh":
    case "mulhsu":
    case "mulhu":
      a();
      b();
      body.call(MACHINE_FUNCTIONS[operation].index);
      return;
    case "div":
    case "rem":
      emitDivision(body, operation === "div", a, b, scratch);
      return;
    case "divu":
    case "remu":
      emitUnsignedDivision(body, operation === "divu", a, b);
      return;
    case "divw":
    case "remw": {
      const signed = (operand: Operand) => (): void => {
        operand();
        body.op(EXTEND32_S);
      };
      emitDivision(body, operation === "divw", signed(a), signed(b), scratch);
      body.op(EXTEND32_S);
      return;
    }
    case "divuw":
    case "remuw": {
      const unsigned = (operand: Operand) => (): void => {
        operand();
        body.op(WRAP).op(EXTEND_U);
      };
      emitUnsignedDivision(body, operation === "divuw", unsigned(a), unsigned(b));
      body.op(EXTEND32_S);
      return;
    }
    case "adduw":
    case "sh1adduw":
    case "sh2adduw":
    case "sh3adduw":
      a();
      body.op(WRAP).op(EXTEND_U);
      if (operation !== "adduw") body.i64(Number(operation[2])).op(SHL);
      b();
      body.op(ADD);
      return;
    case "sh1add":
    case "sh2add":
    case "sh3add":
      a();
      body.i64(Number(operation[2])).op(SHL);
      b();
      body.op(ADD);
      return;
    case "andn":
    case "orn":
      a();
      b();
      body
        .i64(-1)
        .op(XOR)
        .op(operation === "andn" ? AND : OR);
      return;
    case "xnor":
      a();
      b();
      body.op(XOR).i64(-1).op(XOR);
      return;
    case "min":
    case "max":
    case "minu":
    case "maxu":
      a();
      b();
      a();
      b();
      body.op({ min: 0x53, max: 0x55, minu: 0x54, maxu: 0x56 }[operation]).op(SELECT);
      return;
    case "bset":
    case "bclr":
    case "binv":
      a();
      body.i64(1);
      b();
      body.op(SHL);
      if (operation === "bclr") body.i64(-1).op(XOR);
      body.op({ bset: OR, bclr: AND, binv: XOR }[operation]);
      return;
    case "bext":
      a();
      b();
      body.op(SHR_U).i64(1).op(AND);
      return;
    case "slluw":
      a();
      body.op(WRAP).op(EXTEND_U);
      b();
      body.op(SHL);
      return;
    // Handled above: they are in the tables.
    case "add":
    case "sub":
    case "mul":
    case "and":
    case "or":
    case "xor":
    case "sll":
    case "srl":
    case "sra":
    case "rol":
    case "ror":
    case "addw":
    case "subw":
    case "mulw":
    case "sllw":
    case "srlw":
    case "sraw":
    case "rolw":
    case "rorw":
      return;
    default:
      unreachable(operation);
  }
}

export function emitAluImmediate(body: FunctionBody, operation: AluOperation, a: Operand, imm: number, scratch: number): void {
  if (operation === "add" && imm === 0) {
    a();
    return;
  }
  if (operation === "addw" && imm === 0) {
    a();
    body.op(EXTEND32_S);
    return;
  }
  emitAluRegister(body, operation, a, () => body.i64(imm), scratch);
}

/** By 0 the quotient is -1 and the remainder the dividend; by -1 nothing overflows. */
function emitDivision(body: FunctionBody, quotient: boolean, a: Operand, b: Operand, scratch: number): void {
  b();
  body.tee(scratch).i64(1).op(ADD).i64(1).op(0x58).when(false, I64); // -1 or 0
  if (quotient) {
    body.i64(0);
    a();
    body.op(SUB).i64(-1).get(scratch).i64(0).op(0x52).op(SELECT);
  } else {
    body.i64(0);
    a();
    body.get(scratch).i64(0).op(0x52).op(SELECT);
  }
  body.otherwise();
  a();
  body.get(scratch).op(quotient ? 0x7f : 0x81);
  body.end();
}

function emitUnsignedDivision(body: FunctionBody, quotient: boolean, a: Operand, b: Operand): void {
  b();
  body.op(0x50).when(false, I64);
  if (quotient) body.i64(-1);
  else a();
  body.otherwise();
  a();
  b();
  body.op(quotient ? 0x80 : 0x82);
  body.end();
}

/** Leaves the result on the stack. @param scratch an i64 local */
export function emitUnary(body: FunctionBody, operation: UnaryOperation, a: Operand, scratch: number): void {
  a();
  switch (operation) {
    case "clz":
      body.op(0x79);
      return;
    case "ctz":
      body.op(0x7a);
      return;
    case "cpop":
      body.op(0x7b);
      return;
    case "clzw":
      body.op(WRAP).op(0x67).op(EXTEND_U);
      return;
    case "ctzw":
      body.op(WRAP).op(0x68).op(EXTEND_U);
      return;
    case "cpopw":
      body.op(WRAP).op(0x69).op(EXTEND_U);
      return;
    case "sextb":
      body.op(0xc2);
      return;
    case "sexth":
      body.op(0xc3);
      return;
    case "zexth":
      body.i64(0xffff).op(AND);
      return;
    case "orcb":
      // In each byte: its low seven bits carry into the highest, then the highest fills the byte.
      body.tee(scratch).i64(0x7f7f7f7f7f7f7f7fn).op(AND).i64(0x7f7f7f7f7f7f7f7fn).op(ADD).get(scratch).op(OR);
      body.i64(7).op(SHR_U).i64(0x0101010101010101n).op(AND).i64(255).op(MUL);
      return;
    case "rev8":
      swapHalves(body, scratch, 8, 0x00ff00ff00ff00ffn);
      swapHalves(body, scratch, 16, 0x0000ffff0000ffffn);
      body.i64(32).op(ROTL);
      return;
    default:
      unreachable(operation);
  }
}

/** Swaps neighbours of `width` bits each in the value on the stack. */
function swapHalves(body: FunctionBody, scratch: number, width: number, mask: bigint): void {
  body.tee(scratch).i64(width).op(SHR_U).i64(mask).op(AND).get(scratch).i64(mask).op(AND).i64(width).op(SHL).op(OR);
}
