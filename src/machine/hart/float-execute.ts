/** Executes the F and D instructions but loads and stores: fields, NaN boxing, rounding mode and flags around float32/float64. */
import { F, FCSR, X } from "../layout";
import { floatDirty, floatOff } from "./csr";
import {
  f32Add, f32Classify, f32Div, f32Eq, f32FromI32, f32FromI64, f32FromU32, f32FromU64, f32Le, f32Lt, f32Max, f32Min, f32Mul,
  f32MulAdd, f32Sqrt, f32Sub, f32ToF64, f32ToI32, f32ToI64, f32ToU32, f32ToU64,
} from "./float32";
import {
  f64Add, f64Classify, f64Div, f64Eq, f64FromI32, f64FromI64, f64FromU32, f64FromU64, f64Le, f64Lt, f64Max, f64Min, f64Mul,
  f64MulAdd, f64Sqrt, f64Sub, f64ToF32, f64ToI32, f64ToI64, f64ToU32, f64ToU64,
} from "./float64";
import { setInexactAlreadySet, takeFlags } from "./rounding";

const BOX: u64 = 0xffffffff00000000;
const SIGN32: u32 = 0x80000000;
const SIGN64: u64 = 1 << 63;

function single(register: u32): u32 {
  const value = load<u64>(F + (register << 3));
  return (value & BOX) == BOX ? <u32>value : 0x7fc00000;
}

function double(register: u32): u64 {
  return load<u64>(F + (register << 3));
}

function setSingle(register: u32, value: u32): void {
  store<u64>(F + (register << 3), BOX | value);
}

function setDouble(register: u32, value: u64): void {
  store<u64>(F + (register << 3), value);
}

function setInteger(register: u32, value: u64): void {
  if (register != 0) store<u64>(X + (register << 3), value);
}

function integer(register: u32): u64 {
  return load<u64>(X + (register << 3));
}

/** @returns false: illegal instruction */
export function executeFloat(bits: u32): bool {
  if (floatOff()) return false;
  const opcode = bits & 0x7f;
  const format = (bits >> 25) & 3;
  if (format > 1) return false;
  const fcsr = load<u64>(FCSR);
  let rm = (bits >> 12) & 7;
  if (rm == 7) rm = <u32>(fcsr >> 5);
  setInexactAlreadySet((fcsr & 1) != 0);
  const done = opcode == 0x53 ? operate(bits, format == 1, rm) : multiplyAdd(bits, opcode, format == 1, rm);
  if (!done) return false;
  store<u64>(FCSR, load<u64>(FCSR) | takeFlags());
  floatDirty();
  return true;
}

function multiplyAdd(bits: u32, opcode: u32, isDouble: bool, rm: u32): bool {
  if (rm > 4) return false;
  const rd = (bits >> 7) & 31;
  const rs1 = (bits >> 15) & 31;
  const rs2 = (bits >> 20) & 31;
  const rs3 = bits >> 27;
  // fmadd 0x43, fmsub 0x47, fnmsub 0x4b, fnmadd 0x4f
  const negateProduct = (opcode & 8) != 0;
  const negateAddend = opcode == 0x47 || opcode == 0x4f;
  if (isDouble) {
    const a = negateProduct ? double(rs1) ^ SIGN64 : double(rs1);
    const c = negateAddend ? double(rs3) ^ SIGN64 : double(rs3);
    setDouble(rd, f64MulAdd(a, double(rs2), c, rm));
  } else {
    const a = negateProduct ? single(rs1) ^ SIGN32 : single(rs1);
    const c = negateAddend ? single(rs3) ^ SIGN32 : single(rs3);
    setSingle(rd, f32MulAdd(a, single(rs2), c, rm));
  }
  return true;
}

function operate(bits: u32, isDouble: bool, rm: u32): bool {
  const rd = (bits >> 7) & 31;
  const rs1 = (bits >> 15) & 31;
  const rs2 = (bits >> 20) & 31;
  const funct3 = (bits >> 12) & 7;
  const funct5 = bits >> 27;
  const rounds = rm <= 4;
  switch (funct5) {
    case 0x00:
      if (!rounds) return false;
      if (isDouble) setDouble(rd, f64Add(double(rs1), double(rs2), rm));
      else setSingle(rd, f32Add(single(rs1), single(rs2), rm));
      return true;
    case 0x01:
      if (!rounds) return false;
      if (isDouble) setDouble(rd, f64Sub(double(rs1), double(rs2), rm));
      else setSingle(rd, f32Sub(single(rs1), single(rs2), rm));
      return true;
    case 0x02:
      if (!rounds) return false;
      if (isDouble) setDouble(rd, f64Mul(double(rs1), double(rs2), rm));
      else setSingle(rd, f32Mul(single(rs1), single(rs2), rm));
      return true;
    case 0x03:
      if (!rounds) return false;
      if (isDouble) setDouble(rd, f64Div(double(rs1), double(rs2), rm));
      else setSingle(rd, f32Div(single(rs1), single(rs2), rm));
      return true;
    case 0x0b:
      if (!rounds || rs2 != 0) return false;
      if (isDouble) setDouble(rd, f64Sqrt(double(rs1), rm));
      else setSingle(rd, f32Sqrt(single(rs1), rm));
      return true;
    case 0x04: // fsgnj, fsgnjn, fsgnjx
      if (funct3 > 2) return false;
      if (isDouble) {
        const a = double(rs1);
        const b = double(rs2);
        const sign = funct3 == 0 ? b : funct3 == 1 ? ~b : a ^ b;
        setDouble(rd, (a & ~SIGN64) | (sign & SIGN64));
      } else {
        const a = single(rs1);
        const b = single(rs2);
        const sign = funct3 == 0 ? b : funct3 == 1 ? ~b : a ^ b;
        setSingle(rd, (a & ~SIGN32) | (sign & SIGN32));
      }
      return true;
    case 0x05:
      if (funct3 > 1) return false;
      if (isDouble) setDouble(rd, funct3 == 0 ? f64Min(double(rs1), double(rs2)) : f64Max(double(rs1), double(rs2)));
      else setSingle(rd, funct3 == 0 ? f32Min(single(rs1), single(rs2)) : f32Max(single(rs1), single(rs2)));
      return true;
    case 0x08: // fcvt between the formats
      if (!rounds) return false;
      if (isDouble && rs2 == 0) setDouble(rd, f32ToF64(single(rs1)));
      else if (!isDouble && rs2 == 1) setSingle(rd, f64ToF32(double(rs1), rm));
      else return false;
      return true;
    case 0x14: // fle, flt, feq
      if (funct3 > 2) return false;
      if (isDouble) {
        const a = double(rs1);
        const b = double(rs2);
        setInteger(rd, funct3 == 0 ? f64Le(a, b) : funct3 == 1 ? f64Lt(a, b) : f64Eq(a, b));
      } else {
        const a = single(rs1);
        const b = single(rs2);
        setInteger(rd, funct3 == 0 ? f32Le(a, b) : funct3 == 1 ? f32Lt(a, b) : f32Eq(a, b));
      }
      return true;
    case 0x18: // fcvt to an integer
      if (!rounds || rs2 > 3) return false;
      setInteger(rd, isDouble ? doubleToInteger(double(rs1), rs2, rm) : singleToInteger(single(rs1), rs2, rm));
      return true;
    case 0x1a: // fcvt from an integer
      if (!rounds || rs2 > 3) return false;
      if (isDouble) setDouble(rd, integerToDouble(integer(rs1), rs2, rm));
      else setSingle(rd, integerToSingle(integer(rs1), rs2, rm));
      return true;
    case 0x1c: // fmv.x, fclass
      if (rs2 != 0) return false;
      if (funct3 == 0) setInteger(rd, isDouble ? double(rs1) : <u64>(<i64>(<i32>double(rs1))));
      else if (funct3 == 1) setInteger(rd, isDouble ? f64Classify(double(rs1)) : f32Classify(single(rs1)));
      else return false;
      return true;
    case 0x1e: // fmv from an integer register
      if (rs2 != 0 || funct3 != 0) return false;
      if (isDouble) setDouble(rd, integer(rs1));
      else setSingle(rd, <u32>integer(rs1));
      return true;
  }
  return false;
}

function doubleToInteger(value: u64, kind: u32, rm: u32): u64 {
  if (kind == 0) return <u64>f64ToI32(value, rm);
  if (kind == 1) return <u64>f64ToU32(value, rm);
  if (kind == 2) return <u64>f64ToI64(value, rm);
  return f64ToU64(value, rm);
}

function singleToInteger(value: u32, kind: u32, rm: u32): u64 {
  if (kind == 0) return <u64>f32ToI32(value, rm);
  if (kind == 1) return <u64>f32ToU32(value, rm);
  if (kind == 2) return <u64>f32ToI64(value, rm);
  return f32ToU64(value, rm);
}

function integerToDouble(value: u64, kind: u32, rm: u32): u64 {
  if (kind == 0) return f64FromI32(<i32>value, rm);
  if (kind == 1) return f64FromU32(<u32>value, rm);
  if (kind == 2) return f64FromI64(<i64>value, rm);
  return f64FromU64(value, rm);
}

function integerToSingle(value: u64, kind: u32, rm: u32): u32 {
  if (kind == 0) return f32FromI32(<i32>value, rm);
  if (kind == 1) return f32FromU32(<u32>value, rm);
  if (kind == 2) return f32FromI64(<i64>value, rm);
  return f32FromU64(value, rm);
}
