/**
 * Emits F and D arithmetic: the host's own operation where its result is RISC-V's and no flag changes, the machine's otherwise.
 *
 * The host rounds to nearest even and says nothing of flags. So its result is taken only while NX is set already and frm is to
 * nearest even, which is how nearly all code runs, and only if it cannot have raised anything else: it is finite, no NaN, and, where
 * an operation can underflow, well above the smallest normal number. All of that is one comparison: of the result's exponent with
 * `bound`, which is 0 where NX or frm forbid the host's. What is exact by its nature needs no flag to be set. NaNs, which
 * WebAssembly leaves open, never come out of a fast path.
 */
import { emitMultiplyAdd, type Host } from "./fused-multiply-add.ts";
import { F32, F64, type FunctionBody } from "./wasm-builder.ts";

/** Registers: 0..31 are x0..x31, from here on f0..f31. */
export const F0 = 32;

/** What the region gives to the code of one instruction. */
export interface FloatContext {
  readonly body: FunctionBody;
  /** Leaves a register on the stack, i64. */
  readonly read: (register: number) => void;
  /** Takes a register's new value from the stack, i64. */
  readonly write: (register: number) => void;
  /** The same of an f register, f64. */
  readonly readDouble: (register: number) => void;
  readonly writeDouble: (register: number) => void;
  readonly host: Host;
  /** i32 local: floating point is on and NX is set. */
  readonly inexact: number;
  /** i32 local: RESULT_BOUND if so and frm is to nearest even, else 0. */
  readonly bound: number;
  /** f64 and f32 locals for this instruction alone. */
  readonly double: number;
  readonly single: number;
  /** The whole instruction by the machine. */
  readonly slow: () => void;
}

/**
 * The host's results are taken whose bits, a single's or the upper ones of a double, are below this without their sign and with the
 * highest of the exponent in bit 31: singles below 2^126, doubles below 2^1001. So far they are finite.
 */
export const RESULT_BOUND = 0xfd00_0000;
/**
 * So much is taken off before where an operation can underflow: those bits of twice the smallest normal number. What is smaller is
 * then above the bound. (Infinities and NaNs stay so.)
 */
const SMALLEST_64 = 0x0040_0000;
const SMALLEST_32 = 0x0200_0000;

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

/** Formats of a floating-point operation's operands and of its result, those of them that are in f registers. */
export function floatFormats(bits: number): { readonly from: "double" | "single"; readonly to: "double" | "single" } {
  const format = ((bits >>> 25) & 3) === 1 ? "double" : "single";
  const converts = (bits & 0x7f) === 0x53 && bits >>> 27 === 0x08;
  return { from: converts ? (((bits >>> 20) & 1) === 1 ? "double" : "single") : format, to: format };
}

const BOX = 0xffff_ffff_0000_0000n;
const SIGN = 1n << 63n;

/** Opcodes by format: double, then single. */
const ADD = [0xa0, 0x92] as const;
const SUB = [0xa1, 0x93] as const;
const MUL = [0xa2, 0x94] as const;
const DIV = [0xa3, 0x95] as const;
const SQRT = [0x9f, 0x91] as const;
const LT = [0x63, 0x5d] as const;
const LE = [0x65, 0x5f] as const;
const GE = [0x66, 0x60] as const;
const EQ = [0x61, 0x5b] as const;
const F64_ABS = 0x99;
const F64_NEGATE = 0x9a;
const F32_NEGATE = 0x8c;
const F64_COPYSIGN = 0xa6;
const I32_AND = 0x71;
const I32_LT_U = 0x49;
const I32_NE = 0x47;
const EXTEND_U = 0xad;

type Range = "finite" | "normal";

export function emitFloat(context: FloatContext, bits: number): void {
  const hasFormat = ((bits >>> 25) & 3) <= 1;
  if (!hasFormat || !new Operation(context, bits).emit()) context.slow();
}

class Operation {
  private readonly context: FloatContext;
  private readonly body: FunctionBody;
  private readonly opcode: number;
  private readonly isDouble: boolean;
  /** Index into the tables of opcodes. */
  private readonly format: 0 | 1;
  private readonly rd: number;
  private readonly rs1: number;
  private readonly rs2: number;
  private readonly rs3: number;
  private readonly funct3: number;
  private readonly funct5: number;
  /** Of the result, in its own format. */
  private readonly result: number;

  constructor(context: FloatContext, bits: number) {
    this.context = context;
    this.body = context.body;
    this.opcode = bits & 0x7f;
    this.isDouble = ((bits >>> 25) & 3) === 1;
    this.format = this.isDouble ? 0 : 1;
    this.rd = (bits >>> 7) & 31;
    this.rs1 = (bits >>> 15) & 31;
    this.rs2 = (bits >>> 20) & 31;
    this.rs3 = bits >>> 27;
    this.funct3 = (bits >>> 12) & 7;
    this.funct5 = bits >>> 27;
    this.result = this.isDouble ? context.double : context.single;
  }

  /** @returns false where nothing is written: it is the machine's */
  emit(): boolean {
    const { format, rs1, rs2 } = this;
    if (this.opcode !== 0x53) return this.multiplyAdd();
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
        return rs2 === 0 && this.arithmetic(SQRT[format], "normal", rs1);
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
  private attempt(fast: () => void, take: () => void): boolean {
    const { body, context } = this;
    fast();
    body.when(true);
    take();
    body.otherwise();
    context.slow();
    body.end();
    return true;
  }

  /** rm may be to nearest even: it is, or frm says. */
  private get nearest(): boolean {
    return this.funct3 === 0 || this.funct3 === 7;
  }

  /** Leaves an operand as a number of the instruction's format; whether a single is boxed is asked by `boxed`. */
  private operand(register: number): void {
    if (this.isDouble) {
      this.context.readDouble(F0 + register);
      return;
    }
    this.context.read(F0 + register);
    this.body.op(0xa7).op(0xbe);
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
    if (this.isDouble) {
      context.writeDouble(F0 + this.rd);
      return;
    }
    body.op(0xbc).op(EXTEND_U).i64(BOX).op(0x84);
    context.write(F0 + this.rd);
  }

  private limit(value: number): void {
    if (this.isDouble) this.body.f64(value);
    else this.body.f32(value);
  }

  /** Leaves an i32: the host may compute, and its result, which is in its local, raised nothing but NX. */
  private inRange(range: Range): void {
    const { body, isDouble, context } = this;
    body.get(this.result);
    if (isDouble) body.op(0xbd).i64(31).op(0x88).op(0xa7);
    else body.op(0xbc).i32(1).op(0x74);
    if (range === "normal") body.i32(isDouble ? SMALLEST_64 : SMALLEST_32).op(0x6b);
    body.get(context.bound).op(I32_LT_U);
  }

  /** An operation that rounds: the host's, on these registers. */
  private arithmetic(opcode: number, range: Range, ...registers: readonly number[]): boolean {
    return this.rounding(range, registers, () => {
      for (const register of registers) this.operand(register);
      this.body.op(opcode);
    });
  }

  private rounding(range: Range, registers: readonly number[], compute: () => void): boolean {
    if (!this.nearest) return false;
    return this.attempt(
      () => {
        compute();
        this.body.set(this.result);
        this.inRange(range);
        if (this.boxed(...registers)) this.body.op(I32_AND);
      },
      () => this.writeResult(),
    );
  }

  /** fmadd 0x43, fmsub 0x47, fnmsub 0x4b, fnmadd 0x4f */
  private multiplyAdd(): boolean {
    const { context, body, opcode, rs1, rs2, rs3, isDouble } = this;
    if (!context.host.fusesMultiplyAdd) return false;
    const addend = (): void => {
      this.operand(rs3);
      if (opcode === 0x47 || opcode === 0x4f) body.op(isDouble ? F64_NEGATE : F32_NEGATE);
    };
    return this.rounding("normal", [rs1, rs2, rs3], () =>
      emitMultiplyAdd(body, isDouble ? F64 : F32, (opcode & 8) !== 0, [() => this.operand(rs1), () => this.operand(rs2), addend]),
    );
  }

  /** fsgnj, fsgnjn, fsgnjx: bits, and no flag. A single that is no boxed one counts as a NaN, which the machine sees to. */
  private sign(): boolean {
    if (this.isDouble && (this.funct3 < 2 || this.rs1 === this.rs2)) return this.doubleSign();
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
    if (!this.isDouble) return this.attempt(() => this.boxed(this.rs1, this.rs2), write);
    write();
    return true;
  }

  /** As WebAssembly has them: bits too, of NaNs as of others. */
  private doubleSign(): boolean {
    const { body, context, funct3, rs1, rs2 } = this;
    this.operand(rs1);
    if (rs1 !== rs2) {
      this.operand(rs2);
      if (funct3 === 1) body.op(F64_NEGATE);
      body.op(F64_COPYSIGN);
    } else if (funct3 !== 0) body.op(funct3 === 1 ? F64_NEGATE : F64_ABS);
    context.writeDouble(F0 + this.rd);
    return true;
  }

  /** Leaves an i32: neither operand is a NaN, and they are not opposite infinities; singles are boxed. */
  private numbers(one: number, other: number): void {
    const { body, format } = this;
    this.operand(one);
    this.operand(other);
    body.op(ADD[format]).tee(this.result).get(this.result).op(EQ[format]);
    if (this.boxed(one, other)) body.op(I32_AND);
  }

  private extreme(): boolean {
    const { body, isDouble } = this;
    const opcode = isDouble ? (this.funct3 === 0 ? 0xa4 : 0xa5) : this.funct3 === 0 ? 0x96 : 0x97;
    return this.attempt(
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
      () => {
        context.read(F0 + this.rs1);
        body.op(0xa7).op(0xbe).op(0xbb).tee(context.double).get(context.double).op(EQ[0]);
        context.read(F0 + this.rs1);
        body.i64(BOX).op(0x5a).op(I32_AND);
        if (this.funct3 === 7) body.get(context.bound).i32(0).op(I32_NE).op(I32_AND);
      },
      () => this.writeResult(),
    );
  }

  /** fcvt.s.d */
  private toSingle(): boolean {
    const { body, context } = this;
    if (this.rs2 !== 1 || !this.nearest) return false;
    return this.attempt(
      () => {
        context.readDouble(F0 + this.rs1);
        body.op(0xb6).set(context.single);
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
      () => {
        body.get(context.inexact);
        this.operand(this.rs1);
        this.limit(low);
        body.op(GE[format]).op(I32_AND);
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
    const exact = this.isDouble && this.rs2 < 2 && this.funct3 <= 4;
    if (!exact && !this.nearest) return false;
    const opcode = (this.isDouble ? [0xb7, 0xb8, 0xb9, 0xba] : [0xb2, 0xb3, 0xb4, 0xb5])[this.rs2] ?? 0;
    const convert = (): void => {
      context.read(this.rs1);
      if (this.rs2 < 2) body.op(0xa7);
      body.op(opcode).set(this.result);
      this.writeResult();
    };
    if (!exact) return this.attempt(() => body.get(context.bound), convert);
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
