/**
 * Emits F and D arithmetic: the host's own operation where its result is RISC-V's and no flag changes, the machine's otherwise.
 *
 * The host rounds to nearest even and says nothing of flags. So its result is taken only while NX is set already and frm is to
 * nearest even, which is how nearly all code runs, and only if it cannot have raised anything else: it is finite, no NaN, and, where
 * an operation can underflow, above the smallest normal number. What is exact by its nature needs no flag to be set. NaNs, which
 * WebAssembly leaves open, never come out of a fast path.
 */
import { type FunctionBody, I32 } from "./wasm-builder.ts";

/** Registers: 0..31 are x0..x31, from here on f0..f31. */
export const F0 = 32;

/** What the region gives to the code of one instruction. */
export interface FloatContext {
  readonly body: FunctionBody;
  /** Leaves a register on the stack, i64. */
  readonly read: (register: number) => void;
  /** Takes a register's new value from the stack, i64. */
  readonly write: (register: number) => void;
  /** i32 locals: floating point is on and NX is set, and beside that frm is to nearest even. */
  readonly inexact: number;
  readonly nearest: number;
  /** f64 and f32 locals for this instruction alone. */
  readonly double: number;
  readonly single: number;
  /** The whole instruction by the machine. */
  readonly slow: () => void;
}

/** Registers that a floating-point operation reads and writes. */
export function floatRegisters(bits: number): { readonly reads: readonly number[]; readonly writes: readonly number[] } {
  const rd = (bits >>> 7) & 31;
  const rs1 = (bits >>> 15) & 31;
  const rs2 = (bits >>> 20) & 31;
  if ((bits & 0x7f) !== 0x53) return { reads: [F0 + rs1, F0 + rs2, F0 + (bits >>> 27)], writes: [F0 + rd] };
  switch (bits >>> 27) {
    case 0x14:
      return { reads: [F0 + rs1, F0 + rs2], writes: [rd] };
    case 0x18:
    case 0x1c:
      return { reads: [F0 + rs1], writes: [rd] };
    case 0x1a:
    case 0x1e:
      return { reads: [rs1], writes: [F0 + rd] };
    case 0x08:
    case 0x0b:
      return { reads: [F0 + rs1], writes: [F0 + rd] };
  }
  return { reads: [F0 + rs1, F0 + rs2], writes: [F0 + rd] };
}

const BOX = 0xffff_ffff_0000_0000n;
const SIGN = 1n << 63n;
const MIN_NORMAL_64 = 2.2250738585072014e-308;
const MIN_NORMAL_32 = 1.1754943508222875e-38;

/** Opcodes by format: double, then single. */
const ADD = [0xa0, 0x92] as const;
const SUB = [0xa1, 0x93] as const;
const MUL = [0xa2, 0x94] as const;
const DIV = [0xa3, 0x95] as const;
const SQRT = [0x9f, 0x91] as const;
const ABS = [0x99, 0x8b] as const;
const LT = [0x63, 0x5d] as const;
const GT = [0x64, 0x5e] as const;
const LE = [0x65, 0x5f] as const;
const GE = [0x66, 0x60] as const;
const EQ = [0x61, 0x5b] as const;
const I32_AND = 0x71;
const EXTEND_U = 0xad;

type Range = "finite" | "normal" | "positive";

export function emitFloat(context: FloatContext, bits: number): void {
  const isOperation = (bits & 0x7f) === 0x53 && ((bits >>> 25) & 3) <= 1;
  if (!isOperation || !new Operation(context, bits).emit()) context.slow();
}

class Operation {
  private readonly context: FloatContext;
  private readonly body: FunctionBody;
  private readonly isDouble: boolean;
  /** Index into the tables of opcodes. */
  private readonly format: 0 | 1;
  private readonly rd: number;
  private readonly rs1: number;
  private readonly rs2: number;
  private readonly funct3: number;
  private readonly funct5: number;
  /** Of the result, in its own format. */
  private readonly result: number;

  constructor(context: FloatContext, bits: number) {
    this.context = context;
    this.body = context.body;
    this.isDouble = ((bits >>> 25) & 3) === 1;
    this.format = this.isDouble ? 0 : 1;
    this.rd = (bits >>> 7) & 31;
    this.rs1 = (bits >>> 15) & 31;
    this.rs2 = (bits >>> 20) & 31;
    this.funct3 = (bits >>> 12) & 7;
    this.funct5 = bits >>> 27;
    this.result = this.isDouble ? context.double : context.single;
  }

  /** @returns false where nothing is written: it is the machine's */
  emit(): boolean {
    const { format, rs1, rs2 } = this;
    switch (this.funct5) {
      case 0x00:
        return this.arithmetic(ADD[format], "finite", rs1, rs2);
      case 0x01:
        return this.arithmetic(SUB[format], "finite", rs1, rs2);
      case 0x02:
        return this.arithmetic(MUL[format], "normal", rs1, rs2);
      case 0x03:
        return this.arithmetic(DIV[format], "normal", rs1, rs2);
      case 0x0b:
        return rs2 === 0 && this.arithmetic(SQRT[format], "positive", rs1);
      case 0x04:
        return this.funct3 <= 2 && this.sign();
      case 0x05:
        return this.funct3 <= 1 && this.extreme();
      case 0x08:
        return this.isDouble ? this.toDouble() : this.toSingle();
      case 0x14:
        return this.funct3 <= 2 && this.compare();
      case 0x18:
        return this.rs2 <= 3 && this.toInteger();
      case 0x1a:
        return this.rs2 <= 3 && this.fromInteger();
      case 0x1c:
        return this.rs2 === 0 && this.funct3 === 0 && this.moveToInteger();
      case 0x1e:
        return this.rs2 === 0 && this.funct3 === 0 && this.moveFromInteger();
    }
    return false;
  }

  /** `fast` leaves an i32: whether `take` may take what it came to; otherwise the machine does it all. @returns true */
  private attempt(condition: (() => void) | null, fast: () => void, take: () => void): boolean {
    const { body, context } = this;
    if (condition !== null) {
      condition();
      body.when(true, I32);
      fast();
      body.otherwise();
      body.i32(0).end();
    } else fast();
    body.when(true);
    take();
    body.otherwise();
    context.slow();
    body.end();
    return true;
  }

  /** rm is to nearest even, by itself or by frm; null: it is not, whatever frm says. */
  private nearest(): (() => void) | null {
    if (this.funct3 !== 0 && this.funct3 !== 7) return null;
    return () => this.body.get(this.context.nearest);
  }

  /** Leaves an operand as a number of the instruction's format; whether a single is boxed is asked by `boxed`. */
  private operand(register: number): void {
    this.context.read(F0 + register);
    if (this.isDouble) this.body.op(0xbf);
    else this.body.op(0xa7).op(0xbe);
  }

  /** Leaves an i32: the singles are boxed. Nothing to ask of doubles: leaves nothing. @returns whether it left something */
  private boxed(...registers: readonly number[]): boolean {
    if (this.isDouble) return false;
    const { body, context } = this;
    registers.forEach((register, index) => {
      context.read(F0 + register);
      if (index > 0) body.op(0x83);
    });
    body.i64(BOX).op(0x5a);
    return true;
  }

  private writeResult(): void {
    const { body, context } = this;
    body.get(this.result);
    if (this.isDouble) body.op(0xbd);
    else body.op(0xbc).op(EXTEND_U).i64(BOX).op(0x84);
    context.write(F0 + this.rd);
  }

  private limit(value: number): void {
    if (this.isDouble) this.body.f64(value);
    else this.body.f32(value);
  }

  /** Leaves an i32: the result, which is in its local, is in a range where it raised nothing but NX. */
  private inRange(range: Range): void {
    const { body, format } = this;
    if (range === "positive") {
      body.get(this.result);
      this.limit(0);
      body.op(GT[format]);
      body.get(this.result);
    } else {
      if (range === "normal") {
        body.get(this.result).op(ABS[format]);
        this.limit(this.isDouble ? MIN_NORMAL_64 : MIN_NORMAL_32);
        body.op(GT[format]);
      }
      body.get(this.result).op(ABS[format]);
    }
    this.limit(Number.POSITIVE_INFINITY);
    body.op(LT[format]);
    if (range !== "finite") body.op(I32_AND);
  }

  /** An operation that rounds: the host's, on these registers. */
  private arithmetic(opcode: number, range: Range, ...registers: readonly number[]): boolean {
    const condition = this.nearest();
    if (condition === null) return false;
    return this.attempt(
      condition,
      () => {
        for (const register of registers) this.operand(register);
        this.body.op(opcode).set(this.result);
        this.inRange(range);
        if (this.boxed(...registers)) this.body.op(I32_AND);
      },
      () => this.writeResult(),
    );
  }

  /** fsgnj, fsgnjn, fsgnjx: bits, and no flag. A single that is no boxed one counts as a NaN, which the machine sees to. */
  private sign(): boolean {
    const { body, context } = this;
    const signBit = this.isDouble ? SIGN : 1n << 31n;
    const write = (): void => {
      context.read(F0 + this.rs1);
      if (this.funct3 === 2) {
        context.read(F0 + this.rs2);
        body.i64(signBit).op(0x83).op(0x85);
      } else if (this.rs1 === this.rs2) {
        if (this.funct3 === 1) body.i64(signBit).op(0x85);
      } else {
        body.i64(~signBit).op(0x83);
        context.read(F0 + this.rs2);
        if (this.funct3 === 1) body.i64(-1).op(0x85);
        body.i64(signBit).op(0x83).op(0x84);
      }
      context.write(F0 + this.rd);
    };
    if (!this.isDouble) return this.attempt(null, () => this.boxed(this.rs1, this.rs2), write);
    write();
    return true;
  }

  /** Leaves an i32: neither operand is a NaN, and singles are boxed. */
  private numbers(...registers: readonly number[]): void {
    const { body } = this;
    registers.forEach((register, index) => {
      this.operand(register);
      this.operand(register);
      body.op(EQ[this.format]);
      if (index > 0) body.op(I32_AND);
    });
    if (this.boxed(...registers)) body.op(I32_AND);
  }

  private extreme(): boolean {
    const { body, isDouble } = this;
    const opcode = isDouble ? (this.funct3 === 0 ? 0xa4 : 0xa5) : this.funct3 === 0 ? 0x96 : 0x97;
    return this.attempt(
      null,
      () => this.numbers(this.rs1, this.rs2),
      () => {
        this.operand(this.rs1);
        this.operand(this.rs2);
        body.op(opcode).set(this.result);
        this.writeResult();
      },
    );
  }

  private compare(): boolean {
    const { body, context, format } = this;
    const opcode = [LE[format], LT[format], EQ[format]][this.funct3] ?? EQ[format];
    return this.attempt(
      null,
      () => this.numbers(this.rs1, this.rs2),
      () => {
        this.operand(this.rs1);
        this.operand(this.rs2);
        body.op(opcode).op(EXTEND_U);
        context.write(this.rd);
      },
    );
  }

  /** fcvt.d.s: exact, whatever the rounding mode, as long as it is one. */
  private toDouble(): boolean {
    const { body, context } = this;
    if (this.rs2 !== 0 || this.funct3 === 5 || this.funct3 === 6) return false;
    return this.attempt(
      this.funct3 === 7 ? () => body.get(context.nearest) : null,
      () => {
        context.read(F0 + this.rs1);
        body.op(0xa7).op(0xbe).op(0xbb).tee(context.double).get(context.double).op(EQ[0]);
        context.read(F0 + this.rs1);
        body.i64(BOX).op(0x5a).op(I32_AND);
      },
      () => this.writeResult(),
    );
  }

  /** fcvt.s.d */
  private toSingle(): boolean {
    const { body, context } = this;
    const condition = this.rs2 === 1 ? this.nearest() : null;
    if (condition === null) return false;
    return this.attempt(
      condition,
      () => {
        context.read(F0 + this.rs1);
        body.op(0xbf).op(0xb6).set(context.single);
        this.inRange("normal");
      },
      () => this.writeResult(),
    );
  }

  /** Towards zero, as compilers convert: NX is set already, and the value fits. */
  private toInteger(): boolean {
    const { body, context, format } = this;
    if (this.funct3 !== 1) return false;
    const truncate = this.isDouble ? [0xaa, 0xab, 0xb0, 0xb1] : [0xa8, 0xa9, 0xae, 0xaf];
    // Bounds that a double and a single have exactly; what lies between them and the type's own the machine converts.
    const [low, high] = (
      [
        [-(2 ** 31), 2 ** 31],
        [0, 2 ** 32],
        [-(2 ** 63), 2 ** 63],
        [0, 2 ** 64],
      ] as const
    )[this.rs2] ?? [0, 0];
    return this.attempt(
      () => body.get(context.inexact),
      () => {
        this.operand(this.rs1);
        this.limit(low);
        body.op(GE[format]);
        this.operand(this.rs1);
        this.limit(high);
        body.op(LT[format]).op(I32_AND);
        if (this.boxed(this.rs1)) body.op(I32_AND);
      },
      () => {
        this.operand(this.rs1);
        body.op(truncate[this.rs2] ?? 0);
        // 32-bit results are sign-extended, unsigned ones too.
        if (this.rs2 < 2) body.op(0xac);
        context.write(this.rd);
      },
    );
  }

  private fromInteger(): boolean {
    const { body, context } = this;
    const exact = this.isDouble && this.rs2 < 2;
    const condition = exact && this.funct3 <= 4 ? null : this.nearest();
    if (condition === null && !(exact && this.funct3 <= 4)) return false;
    const opcode = (this.isDouble ? [0xb7, 0xb8, 0xb9, 0xba] : [0xb2, 0xb3, 0xb4, 0xb5])[this.rs2] ?? 0;
    const convert = (): void => {
      context.read(this.rs1);
      if (this.rs2 < 2) body.op(0xa7);
      body.op(opcode).set(this.result);
      this.writeResult();
    };
    if (condition !== null) return this.attempt(null, condition, convert);
    convert();
    return true;
  }

  private moveToInteger(): boolean {
    this.context.read(F0 + this.rs1);
    if (!this.isDouble) this.body.op(0xc4);
    this.context.write(this.rd);
    return true;
  }

  private moveFromInteger(): boolean {
    const { body, context } = this;
    context.read(this.rs1);
    if (!this.isDouble) body.op(0xa7).op(EXTEND_U).i64(BOX).op(0x84);
    context.write(F0 + this.rd);
    return true;
  }
}
