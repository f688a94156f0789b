/**
 * RISC-V F arithmetic on the raw bits of a single: exact results, exact flags, all five rounding modes.
 *
 * Every NaN result is canonical, tininess is detected after rounding, and flags accrue in `fflags` of rounding.ts.
 * Operands come unboxed: an improperly NaN-boxed register is the caller's to replace.
 *
 * As in float64.ts, rounding to nearest even tries the host's operation first. A double holds the product of two singles
 * exactly, so it serves to decide whether NX is due.
 */

import {
  divideSignificands,
  FFLAG_DZ,
  FFLAG_NV,
  FFLAG_NX,
  FFLAG_OF,
  FFLAG_UF,
  inexactAlreadySet,
  RM_RDN,
  RM_RNE,
  raiseFlags,
  rootSignificand,
  roundsUp,
  roundToInteger,
  shiftRightJam,
} from "./rounding.ts";

const SIGN: u32 = 0x8000_0000;
const MAGNITUDE: u32 = 0x7fff_ffff;
const INFINITY: u32 = 0x7f80_0000;
const FRACTION: u32 = 0x007f_ffff;
const HIDDEN: u32 = 0x0080_0000;
const QUIET: u32 = 0x0040_0000;
const CANONICAL_NAN: u32 = 0x7fc0_0000;
const BIAS: i32 = 127;

export function f32Add(a: u32, b: u32, rm: u32): u32 {
  if (rm === RM_RNE) {
    const x = reinterpret<f32>(a);
    const y = reinterpret<f32>(b);
    const sum = x + y;
    const bits = reinterpret<u32>(sum);
    // A sum in the subnormal range is always exact, so finite is enough.
    if ((bits & INFINITY) !== INFINITY) {
      if (inexactAlreadySet) return bits;
      // Knuth's TwoSum, as in f64Add.
      const yPart = sum - x;
      const error = x - (sum - yPart) + (y - yPart);
      if (error === 0) return bits;
      if (error - error === 0) {
        raiseFlags(FFLAG_NX);
        return bits;
      }
    }
  }
  return addSoft(a, b, rm);
}

export function f32Sub(a: u32, b: u32, rm: u32): u32 {
  return f32Add(a, b ^ SIGN, rm);
}

export function f32Mul(a: u32, b: u32, rm: u32): u32 {
  if (rm === RM_RNE) {
    const product = <f64>reinterpret<f32>(a) * <f64>reinterpret<f32>(b);
    const single = <f32>product;
    const bits = reinterpret<u32>(single);
    if (isSafelyNormal(bits)) {
      if (<f64>single !== product) raiseFlags(FFLAG_NX);
      return bits;
    }
  }
  return mulSoft(a, b, rm);
}

export function f32Div(a: u32, b: u32, rm: u32): u32 {
  if (rm === RM_RNE) {
    const x = reinterpret<f32>(a);
    const y = reinterpret<f32>(b);
    const quotient = x / y;
    const bits = reinterpret<u32>(quotient);
    if (isSafelyNormal(bits)) {
      if (<f64>quotient * <f64>y !== <f64>x) raiseFlags(FFLAG_NX);
      return bits;
    }
  }
  return divSoft(a, b, rm);
}

export function f32Sqrt(a: u32, rm: u32): u32 {
  // Positive, not zero, and finite.
  if (rm === RM_RNE && a - 1 < INFINITY - 1) {
    const x = reinterpret<f32>(a);
    const root = sqrt<f32>(x);
    if (<f64>root * <f64>root !== <f64>x) raiseFlags(FFLAG_NX);
    return reinterpret<u32>(root);
  }
  return sqrtSoft(a, rm);
}

/** a * b + c with one rounding. */
export function f32MulAdd(a: u32, b: u32, c: u32, rm: u32): u32 {
  if (rm === RM_RNE) {
    const product = <f64>reinterpret<f32>(a) * <f64>reinterpret<f32>(b);
    const addend = <f64>reinterpret<f32>(c);
    const sum = product + addend;
    const addendPart = sum - product;
    const error = product - (sum - addendPart) + (addend - addendPart);
    // Rounding the double again would round twice. If the double is inexact and even, its odd neighbour on the side of the
    // exact sum stands in for it: 53 bits rounded to odd round to 24 bits as the exact sum does.
    let stand = reinterpret<u64>(sum);
    if (error !== 0 && (stand & 1) === 0) stand = error > 0 === sum > 0 ? stand + 1 : stand - 1;
    const single = <f32>reinterpret<f64>(stand);
    const bits = reinterpret<u32>(single);
    if (isSafelyNormal(bits)) {
      if (error !== 0 || <f64>single !== sum) raiseFlags(FFLAG_NX);
      return bits;
    }
  }
  return mulAddSoft(a, b, c, rm);
}

export function f32Min(a: u32, b: u32): u32 {
  if (isNan(a) || isNan(b)) return numberOf(a, b);
  return ordered(a) < ordered(b) ? a : b;
}

export function f32Max(a: u32, b: u32): u32 {
  if (isNan(a) || isNan(b)) return numberOf(a, b);
  return ordered(a) < ordered(b) ? b : a;
}

export function f32Eq(a: u32, b: u32): u32 {
  if (reinterpret<f32>(a) === reinterpret<f32>(b)) return 1;
  if (isSignalling(a) || isSignalling(b)) raiseFlags(FFLAG_NV);
  return 0;
}

export function f32Lt(a: u32, b: u32): u32 {
  if (reinterpret<f32>(a) < reinterpret<f32>(b)) return 1;
  if (isNan(a) || isNan(b)) raiseFlags(FFLAG_NV);
  return 0;
}

export function f32Le(a: u32, b: u32): u32 {
  if (reinterpret<f32>(a) <= reinterpret<f32>(b)) return 1;
  if (isNan(a) || isNan(b)) raiseFlags(FFLAG_NV);
  return 0;
}

/** The one-hot mask of FCLASS.S. */
export function f32Classify(a: u32): u32 {
  const magnitude = a & MAGNITUDE;
  const negative = signOf(a) !== 0;
  if (magnitude > INFINITY) return isSignalling(a) ? 1 << 8 : 1 << 9;
  if (magnitude === INFINITY) return negative ? 1 << 0 : 1 << 7;
  if (magnitude >= HIDDEN) return negative ? 1 << 1 : 1 << 6;
  if (magnitude !== 0) return negative ? 1 << 2 : 1 << 5;
  return negative ? 1 << 3 : 1 << 4;
}

export function f32ToI32(a: u32, rm: u32): i64 {
  return toInteger(a, rm, 0x7fff_ffff, 0x8000_0000);
}

/** Sign-extended from bit 31, as FCVT.WU.S writes it on RV64. */
export function f32ToU32(a: u32, rm: u32): i64 {
  return <i64>(<i32>toInteger(a, rm, 0xffff_ffff, 0));
}

export function f32ToI64(a: u32, rm: u32): i64 {
  return toInteger(a, rm, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000);
}

export function f32ToU64(a: u32, rm: u32): u64 {
  return <u64>toInteger(a, rm, 0xffff_ffff_ffff_ffff, 0);
}

export function f32FromI32(value: i32, rm: u32): u32 {
  return f32FromI64(<i64>value, rm);
}

export function f32FromU32(value: u32, rm: u32): u32 {
  return f32FromU64(<u64>value, rm);
}

export function f32FromI64(value: i64, rm: u32): u32 {
  // Within 2^24 every integer is a single.
  if (<u64>value + (1 << 24) <= 1 << 25) return reinterpret<u32>(<f32>value);
  return value < 0 ? fromMagnitude(1, 0 - <u64>value, rm) : fromMagnitude(0, <u64>value, rm);
}

export function f32FromU64(value: u64, rm: u32): u32 {
  return fromMagnitude(0, value, rm);
}

/** Always exact: every single is a double. */
export function f32ToF64(a: u32): u64 {
  const magnitude = a & MAGNITUDE;
  if (magnitude > INFINITY) {
    if (isSignalling(a)) raiseFlags(FFLAG_NV);
    return 0x7ff8_0000_0000_0000;
  }
  return reinterpret<u64>(<f64>reinterpret<f32>(a));
}

/**
 * Rounds and packs, raising NX, UF and OF as due.
 *
 * @param significand leading one at bit 63, bit 0 sticky
 */
export function f32Round(sign: u32, exponent: i32, significand: u64, rm: u32): u32 {
  let biased = exponent + BIAS;
  let tiny = false;
  if (biased < 1) {
    // Tiny unless rounding to 24 bits, as if exponents had no lower end, would carry up to the smallest normal number.
    const carries = biased === 0 && significand >> 40 === (HIDDEN << 1) - 1 && roundsUp(sign, 1, significand << 24, rm) !== 0;
    tiny = !carries;
    significand = shiftRightJam(significand, 1 - biased);
    biased = 1;
  }
  const kept = significand >> 40;
  const rest = significand << 24;
  // The hidden bit, and a carry out of the fraction, add themselves to the exponent field.
  const magnitude = ((<u64>(biased - 1)) << 23) + kept + roundsUp(sign, kept & 1, rest, rm);
  if (magnitude >= INFINITY) {
    raiseFlags(FFLAG_OF | FFLAG_NX);
    return withSign(sign, INFINITY - 1 + <u32>roundsUp(sign, 1, 0xffff_ffff_ffff_ffff, rm));
  }
  if (rest !== 0) raiseFlags(tiny ? FFLAG_UF | FFLAG_NX : FFLAG_NX);
  return withSign(sign, <u32>magnitude);
}

function addSoft(a: u32, b: u32, rm: u32): u32 {
  const aMagnitude = a & MAGNITUDE;
  const bMagnitude = b & MAGNITUDE;
  let sign = signOf(a);
  const same = sign === signOf(b);
  if (aMagnitude >= INFINITY || bMagnitude >= INFINITY) {
    if (aMagnitude > INFINITY || bMagnitude > INFINITY) return nanOf(a, b);
    if (aMagnitude === bMagnitude && !same) return invalid();
    return aMagnitude === INFINITY ? a : b;
  }
  // Both as integers at the scale of the larger exponent field, leading one of a normal number at bit 62.
  let aField = <i32>(aMagnitude >> 23);
  let bField = <i32>(bMagnitude >> 23);
  let x = (<u64>(aField ? (aMagnitude & FRACTION) | HIDDEN : aMagnitude)) << 39;
  let y = (<u64>(bField ? (bMagnitude & FRACTION) | HIDDEN : bMagnitude)) << 39;
  aField = max(aField, 1);
  bField = max(bField, 1);
  let field = aField;
  if (aField > bField) {
    y = shiftRightJam(y, aField - bField);
  } else {
    x = shiftRightJam(x, bField - aField);
    field = bField;
  }
  let sum = x + y;
  if (!same) {
    sum = x - y;
    if (x < y) {
      sum = y - x;
      sign ^= 1;
    }
    if (sum === 0) return zeroOfDifference(rm);
  } else if (sum === 0) {
    return a;
  }
  const shift = <i32>clz(sum);
  return f32Round(sign, field + 1 - shift - BIAS, sum << shift, rm);
}

function mulSoft(a: u32, b: u32, rm: u32): u32 {
  const aMagnitude = a & MAGNITUDE;
  const bMagnitude = b & MAGNITUDE;
  const sign = signOf(a ^ b);
  if (aMagnitude >= INFINITY || bMagnitude >= INFINITY) {
    if (aMagnitude > INFINITY || bMagnitude > INFINITY) return nanOf(a, b);
    return aMagnitude === 0 || bMagnitude === 0 ? invalid() : withSign(sign, INFINITY);
  }
  if (aMagnitude === 0 || bMagnitude === 0) return withSign(sign, 0);
  const product = productOf(aMagnitude, bMagnitude);
  const shift = <i32>clz(product);
  return f32Round(sign, exponentOf(aMagnitude) + exponentOf(bMagnitude) + 1 - shift, product << shift, rm);
}

function divSoft(a: u32, b: u32, rm: u32): u32 {
  const aMagnitude = a & MAGNITUDE;
  const bMagnitude = b & MAGNITUDE;
  const sign = signOf(a ^ b);
  if (aMagnitude > INFINITY || bMagnitude > INFINITY) return nanOf(a, b);
  if (aMagnitude === INFINITY) return bMagnitude === INFINITY ? invalid() : withSign(sign, INFINITY);
  if (bMagnitude === INFINITY) return withSign(sign, 0);
  if (bMagnitude === 0) {
    if (aMagnitude === 0) return invalid();
    raiseFlags(FFLAG_DZ);
    return withSign(sign, INFINITY);
  }
  if (aMagnitude === 0) return withSign(sign, 0);
  let dividend = alignedSignificand(aMagnitude) >> 11;
  const divisor = alignedSignificand(bMagnitude) >> 11;
  let exponent = exponentOf(aMagnitude) - exponentOf(bMagnitude);
  if (dividend < divisor) {
    dividend <<= 1;
    exponent -= 1;
  }
  return f32Round(sign, exponent, divideSignificands(dividend, divisor), rm);
}

function sqrtSoft(a: u32, rm: u32): u32 {
  const magnitude = a & MAGNITUDE;
  if (magnitude > INFINITY) return nanOf(a, a);
  if (magnitude === 0) return a;
  if (signOf(a)) return invalid();
  if (magnitude === INFINITY) return a;
  const exponent = exponentOf(magnitude);
  const radicand = (alignedSignificand(magnitude) >> 11) << (exponent & 1);
  return f32Round(0, exponent >> 1, rootSignificand(radicand), rm);
}

function mulAddSoft(a: u32, b: u32, c: u32, rm: u32): u32 {
  const aMagnitude = a & MAGNITUDE;
  const bMagnitude = b & MAGNITUDE;
  const cMagnitude = c & MAGNITUDE;
  let sign = signOf(a ^ b);
  const cSign = signOf(c);
  if (aMagnitude >= INFINITY || bMagnitude >= INFINITY || cMagnitude >= INFINITY) {
    const invalidProduct = (aMagnitude === INFINITY && bMagnitude === 0) || (aMagnitude === 0 && bMagnitude === INFINITY);
    if (invalidProduct || isSignalling(a) || isSignalling(b) || isSignalling(c)) return invalid();
    if (aMagnitude > INFINITY || bMagnitude > INFINITY || cMagnitude > INFINITY) return CANONICAL_NAN;
    if (aMagnitude !== INFINITY && bMagnitude !== INFINITY) return c;
    return cMagnitude === INFINITY && sign !== cSign ? invalid() : withSign(sign, INFINITY);
  }
  if (aMagnitude === 0 || bMagnitude === 0) {
    if (cMagnitude !== 0) return c;
    return sign === cSign ? c : zeroOfDifference(rm);
  }

  // The product has 48 bits; its leading one goes to bit 62, so that a sum has room for its carry.
  let sum = productOf(aMagnitude, bMagnitude);
  let exponent = exponentOf(aMagnitude) + exponentOf(bMagnitude);
  if (sum >> 63) {
    exponent += 1;
    sum >>= 1;
  }

  if (cMagnitude !== 0) {
    let addend = alignedSignificand(cMagnitude) >> 1;
    const distance = exponent - exponentOf(cMagnitude);
    if (distance > 0) {
      addend = shiftRightJam(addend, distance);
    } else {
      sum = shiftRightJam(sum, -distance);
      exponent -= distance;
    }
    if (sign === cSign) {
      sum += addend;
    } else {
      if (sum < addend) {
        sum = addend - sum;
        sign = cSign;
      } else {
        sum -= addend;
      }
      if (sum === 0) return zeroOfDifference(rm);
    }
  }
  const shift = <i32>clz(sum);
  return f32Round(sign, exponent + 1 - shift, sum << shift, rm);
}

function toInteger(a: u32, rm: u32, largest: u64, lowest: u64): i64 {
  const magnitude = a & MAGNITUDE;
  if (magnitude > INFINITY) {
    raiseFlags(FFLAG_NV);
    return <i64>largest;
  }
  if (magnitude === 0) return 0;
  return <i64>roundToInteger(signOf(a), exponentOf(magnitude), alignedSignificand(magnitude), rm, largest, lowest);
}

function fromMagnitude(sign: u32, magnitude: u64, rm: u32): u32 {
  if (magnitude === 0) return 0;
  const shift = <i32>clz(magnitude);
  return f32Round(sign, 63 - shift, magnitude << shift, rm);
}

/** The exact product of two significands, its leading one at bit 62 or 63. */
function productOf(aMagnitude: u32, bMagnitude: u32): u64 {
  return (alignedSignificand(aMagnitude) >> 32) * (alignedSignificand(bMagnitude) >> 32);
}

function signOf(a: u32): u32 {
  return a >> 31;
}

function withSign(sign: u32, magnitude: u32): u32 {
  return (sign << 31) | magnitude;
}

/** Finite, and so far above the subnormal numbers that its exact value cannot have been tiny. */
function isSafelyNormal(a: u32): bool {
  return ((a >> 23) & 0xff) - 2 < 253;
}

function isNan(a: u32): bool {
  return (a & MAGNITUDE) > INFINITY;
}

function isSignalling(a: u32): bool {
  return (a & MAGNITUDE) > INFINITY && (a & QUIET) === 0;
}

/** The exponent of the leading one of a finite non-zero magnitude; that of infinity is above all others. */
function exponentOf(magnitude: u32): i32 {
  const field = <i32>(magnitude >> 23);
  return field ? field - BIAS : 9 - BIAS - <i32>clz(magnitude);
}

/** The significand of a finite non-zero magnitude, its leading one moved to bit 63. */
function alignedSignificand(magnitude: u32): u64 {
  const word = magnitude >= HIDDEN ? SIGN | (magnitude << 8) : magnitude << clz(magnitude);
  return (<u64>word) << 32;
}

/** An integer that orders as the number does, -0 below +0. */
function ordered(a: u32): i32 {
  return <i32>a < 0 ? <i32>(a ^ MAGNITUDE) : <i32>a;
}

function invalid(): u32 {
  raiseFlags(FFLAG_NV);
  return CANONICAL_NAN;
}

/** The result when at least one operand is a NaN. */
function nanOf(a: u32, b: u32): u32 {
  if (isSignalling(a) || isSignalling(b)) raiseFlags(FFLAG_NV);
  return CANONICAL_NAN;
}

/** minimumNumber and maximumNumber when at least one operand is a NaN: the number, if there is one. */
function numberOf(a: u32, b: u32): u32 {
  const nan = nanOf(a, b);
  if (!isNan(a)) return a;
  return isNan(b) ? nan : b;
}

/** x - x is +0, or -0 when rounding down. */
function zeroOfDifference(rm: u32): u32 {
  return rm === RM_RDN ? SIGN : 0;
}
