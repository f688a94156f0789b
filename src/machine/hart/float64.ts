/**
 * RISC-V D arithmetic on the raw bits of a double: exact results, exact flags, all five rounding modes.
 *
 * Every NaN result is canonical, tininess is detected after rounding, and flags accrue in `fflags` of rounding.ts.
 *
 * Each operation has an integer path that is always right, and rounding to nearest even tries the host's operation first.
 * The host's result is taken when it cannot have raised more than NX: it is finite, and above the smallest normal number
 * (which itself may be what a tiny product was rounded to). Whether NX is due is then decided exactly.
 */

import { f32Round } from "./float32.ts";
import {
  divideSignificands,
  FFLAG_DZ,
  FFLAG_NV,
  FFLAG_NX,
  FFLAG_OF,
  FFLAG_UF,
  inexactAlreadySet,
  multiplyHigh,
  RM_RDN,
  RM_RNE,
  raiseFlags,
  rootSignificand,
  roundsUp,
  roundToInteger,
  shiftRightJam,
} from "./rounding.ts";

const SIGN: u64 = 0x8000_0000_0000_0000;
const MAGNITUDE: u64 = 0x7fff_ffff_ffff_ffff;
const INFINITY: u64 = 0x7ff0_0000_0000_0000;
const FRACTION: u64 = 0x000f_ffff_ffff_ffff;
const HIDDEN: u64 = 0x0010_0000_0000_0000;
const QUIET: u64 = 0x0008_0000_0000_0000;
const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;
const TWO_53: u64 = 0x0020_0000_0000_0000;
const BIAS: i32 = 1023;

export function f64Add(a: u64, b: u64, rm: u32): u64 {
  if (rm === RM_RNE) {
    const x = reinterpret<f64>(a);
    const y = reinterpret<f64>(b);
    const sum = x + y;
    const bits = reinterpret<u64>(sum);
    // A sum in the subnormal range is always exact, so finite is enough.
    if ((bits & INFINITY) !== INFINITY) {
      if (inexactAlreadySet) return bits;
      // Knuth's TwoSum: the error is exact; if one of its steps overflows, it is not finite, and integers decide.
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

export function f64Sub(a: u64, b: u64, rm: u32): u64 {
  return f64Add(a, b ^ SIGN, rm);
}

export function f64Mul(a: u64, b: u64, rm: u32): u64 {
  if (rm === RM_RNE) {
    const bits = reinterpret<u64>(reinterpret<f64>(a) * reinterpret<f64>(b));
    if (isSafelyNormal(bits)) {
      if (inexactAlreadySet) return bits;
      const aField = fieldOf(a);
      const bField = fieldOf(b);
      if (aField !== 0 && bField !== 0) {
        // The product of the significands has 105 bits, or 106 if the exponent says so; all below the upper 53 must be zero.
        const dropped = 52 + fieldOf(bits) - (aField + bField - BIAS);
        if ((normalSignificand(a) * normalSignificand(b)) << (64 - dropped) !== 0) raiseFlags(FFLAG_NX);
        return bits;
      }
    }
  }
  return mulSoft(a, b, rm);
}

export function f64Div(a: u64, b: u64, rm: u32): u64 {
  if (rm === RM_RNE) {
    const bits = reinterpret<u64>(reinterpret<f64>(a) / reinterpret<f64>(b));
    if (isSafelyNormal(bits)) {
      if (inexactAlreadySet) return bits;
      const aField = fieldOf(a);
      const bField = fieldOf(b);
      if (aField !== 0 && bField !== 0) {
        // Quotient times divisor is less than 2^64 away from the scaled dividend, so they are equal if their lower words are.
        const scale = 52 + aField - (bField + fieldOf(bits) - BIAS);
        if (normalSignificand(bits) * normalSignificand(b) !== normalSignificand(a) << scale) raiseFlags(FFLAG_NX);
        return bits;
      }
    }
  }
  return divSoft(a, b, rm);
}

export function f64Sqrt(a: u64, rm: u32): u64 {
  // Positive, normal and finite.
  if (rm === RM_RNE && a - HIDDEN < INFINITY - HIDDEN) {
    const bits = reinterpret<u64>(sqrt<f64>(reinterpret<f64>(a)));
    if (inexactAlreadySet) return bits;
    // The square of the root is less than 2^64 away from the scaled radicand, so they are equal if their lower words are.
    const scale = 52 + fieldOf(a) - (2 * fieldOf(bits) - BIAS);
    const root = normalSignificand(bits);
    if (root * root !== normalSignificand(a) << scale) raiseFlags(FFLAG_NX);
    return bits;
  }
  return sqrtSoft(a, rm);
}

/** a * b + c with one rounding. */
export function f64MulAdd(a: u64, b: u64, c: u64, rm: u32): u64 {
  if (rm === RM_RNE && isWithin(a, 400) && isWithin(b, 400) && isWithin(c, 900)) {
    // Boldo and Melquiond 2008: the exact value is high + low + rest, added up so that only the last step rounds to nearest.
    // Within these exponents every intermediate is a multiple of 2^-1000 and below 2^1000, so nothing here under- or overflows.
    const product = reinterpret<f64>(a) * reinterpret<f64>(b);
    const addend = reinterpret<f64>(c);
    const productError = errorOfProduct(a, b, reinterpret<u64>(product));

    const low = addend + productError;
    const lowPart = low - addend;
    const lowError = addend - (low - lowPart) + (productError - lowPart);

    const high = product + low;
    const highPart = high - product;
    const highError = product - (high - highPart) + (low - highPart);

    const rest = lowError + highError;
    const restPart = rest - lowError;
    const restError = lowError - (rest - restPart) + (highError - restPart);

    // An inexact rest is rounded to odd, so that it cannot turn into a tie that was none.
    let odd = reinterpret<u64>(rest);
    if (restError !== 0 && (odd & 1) === 0) odd = restError > 0 === rest > 0 ? odd + 1 : odd - 1;
    const tail = reinterpret<f64>(odd);
    const result = high + tail;
    // Fast2Sum gives the last error: `high` is zero, or not below the tail, which is at most half a last place of what made it.
    if (restError !== 0 || tail - (result - high) !== 0) raiseFlags(FFLAG_NX);
    return reinterpret<u64>(result);
  }
  return mulAddSoft(a, b, c, rm);
}

export function f64Min(a: u64, b: u64): u64 {
  if (isNan(a) || isNan(b)) return numberOf(a, b);
  return ordered(a) < ordered(b) ? a : b;
}

export function f64Max(a: u64, b: u64): u64 {
  if (isNan(a) || isNan(b)) return numberOf(a, b);
  return ordered(a) < ordered(b) ? b : a;
}

export function f64Eq(a: u64, b: u64): u32 {
  if (reinterpret<f64>(a) === reinterpret<f64>(b)) return 1;
  if (isSignalling(a) || isSignalling(b)) raiseFlags(FFLAG_NV);
  return 0;
}

export function f64Lt(a: u64, b: u64): u32 {
  if (reinterpret<f64>(a) < reinterpret<f64>(b)) return 1;
  if (isNan(a) || isNan(b)) raiseFlags(FFLAG_NV);
  return 0;
}

export function f64Le(a: u64, b: u64): u32 {
  if (reinterpret<f64>(a) <= reinterpret<f64>(b)) return 1;
  if (isNan(a) || isNan(b)) raiseFlags(FFLAG_NV);
  return 0;
}

/** The one-hot mask of FCLASS.D. */
export function f64Classify(a: u64): u32 {
  const magnitude = a & MAGNITUDE;
  const negative = signOf(a) !== 0;
  if (magnitude > INFINITY) return isSignalling(a) ? 1 << 8 : 1 << 9;
  if (magnitude === INFINITY) return negative ? 1 << 0 : 1 << 7;
  if (magnitude >= HIDDEN) return negative ? 1 << 1 : 1 << 6;
  if (magnitude !== 0) return negative ? 1 << 2 : 1 << 5;
  return negative ? 1 << 3 : 1 << 4;
}

export function f64ToI32(a: u64, rm: u32): i64 {
  return toInteger(a, rm, 0x7fff_ffff, 0x8000_0000);
}

/** Sign-extended from bit 31, as FCVT.WU.D writes it on RV64. */
export function f64ToU32(a: u64, rm: u32): i64 {
  return <i64>(<i32>toInteger(a, rm, 0xffff_ffff, 0));
}

export function f64ToI64(a: u64, rm: u32): i64 {
  return toInteger(a, rm, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000);
}

export function f64ToU64(a: u64, rm: u32): u64 {
  return <u64>toInteger(a, rm, 0xffff_ffff_ffff_ffff, 0);
}

/** Always exact, whatever `rm` is. */
export function f64FromI32(value: i32, _rm: u32): u64 {
  return reinterpret<u64>(<f64>value);
}

/** Always exact, whatever `rm` is. */
export function f64FromU32(value: u32, _rm: u32): u64 {
  return reinterpret<u64>(<f64>value);
}

export function f64FromI64(value: i64, rm: u32): u64 {
  // Within 2^53 every integer is a double.
  if (<u64>value + TWO_53 <= 2 * TWO_53) return reinterpret<u64>(<f64>value);
  return value < 0 ? fromMagnitude(1, 0 - <u64>value, rm) : fromMagnitude(0, <u64>value, rm);
}

export function f64FromU64(value: u64, rm: u32): u64 {
  return fromMagnitude(0, value, rm);
}

export function f64ToF32(a: u64, rm: u32): u32 {
  if (rm === RM_RNE) {
    const x = reinterpret<f64>(a);
    const single = <f32>x;
    const bits = reinterpret<u32>(single);
    const field = (bits >> 23) & 0xff;
    if (field - 2 < 253) {
      if (<f64>single !== x) raiseFlags(FFLAG_NX);
      return bits;
    }
  }
  const magnitude = a & MAGNITUDE;
  const sign = signOf(a);
  if (magnitude > INFINITY) {
    if (isSignalling(a)) raiseFlags(FFLAG_NV);
    return 0x7fc0_0000;
  }
  if (magnitude === INFINITY) return (sign << 31) | 0x7f80_0000;
  if (magnitude === 0) return sign << 31;
  return f32Round(sign, exponentOf(magnitude), alignedSignificand(magnitude), rm);
}

/**
 * Rounds and packs, raising NX, UF and OF as due.
 *
 * @param significand leading one at bit 63, bit 0 sticky
 */
export function f64Round(sign: u32, exponent: i32, significand: u64, rm: u32): u64 {
  let biased = exponent + BIAS;
  let tiny = false;
  if (biased < 1) {
    // Tiny unless rounding to 53 bits, as if exponents had no lower end, would carry up to the smallest normal number.
    const carries = biased === 0 && significand >> 11 === (HIDDEN << 1) - 1 && roundsUp(sign, 1, significand << 53, rm) !== 0;
    tiny = !carries;
    significand = shiftRightJam(significand, 1 - biased);
    biased = 1;
  }
  const kept = significand >> 11;
  const rest = significand << 53;
  // The hidden bit, and a carry out of the fraction, add themselves to the exponent field.
  const magnitude = ((<u64>(biased - 1)) << 52) + kept + roundsUp(sign, kept & 1, rest, rm);
  if (magnitude >= INFINITY) {
    raiseFlags(FFLAG_OF | FFLAG_NX);
    return withSign(sign, INFINITY - 1 + roundsUp(sign, 1, MAGNITUDE | SIGN, rm));
  }
  if (rest !== 0) raiseFlags(tiny ? FFLAG_UF | FFLAG_NX : FFLAG_NX);
  return withSign(sign, magnitude);
}

function addSoft(a: u64, b: u64, rm: u32): u64 {
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
  let aField = <i32>(aMagnitude >> 52);
  let bField = <i32>(bMagnitude >> 52);
  let x = (aField ? (aMagnitude & FRACTION) | HIDDEN : aMagnitude) << 10;
  let y = (bField ? (bMagnitude & FRACTION) | HIDDEN : bMagnitude) << 10;
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
  return f64Round(sign, field + 1 - shift - BIAS, sum << shift, rm);
}

function mulSoft(a: u64, b: u64, rm: u32): u64 {
  const aMagnitude = a & MAGNITUDE;
  const bMagnitude = b & MAGNITUDE;
  const sign = signOf(a ^ b);
  if (aMagnitude >= INFINITY || bMagnitude >= INFINITY) {
    if (aMagnitude > INFINITY || bMagnitude > INFINITY) return nanOf(a, b);
    return aMagnitude === 0 || bMagnitude === 0 ? invalid() : withSign(sign, INFINITY);
  }
  if (aMagnitude === 0 || bMagnitude === 0) return withSign(sign, 0);
  const x = alignedSignificand(aMagnitude);
  const y = alignedSignificand(bMagnitude);
  const product = multiplyHigh(x, y);
  const shift = <i32>clz(product);
  const exponent = exponentOf(aMagnitude) + exponentOf(bMagnitude) + 1 - shift;
  return f64Round(sign, exponent, (product << shift) | u64(x * y !== 0), rm);
}

function divSoft(a: u64, b: u64, rm: u32): u64 {
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
  return f64Round(sign, exponent, divideSignificands(dividend, divisor), rm);
}

function sqrtSoft(a: u64, rm: u32): u64 {
  const magnitude = a & MAGNITUDE;
  if (magnitude > INFINITY) return nanOf(a, a);
  if (magnitude === 0) return a;
  if (signOf(a)) return invalid();
  if (magnitude === INFINITY) return a;
  const exponent = exponentOf(magnitude);
  const radicand = (alignedSignificand(magnitude) >> 11) << (exponent & 1);
  return f64Round(0, exponent >> 1, rootSignificand(radicand), rm);
}

function mulAddSoft(a: u64, b: u64, c: u64, rm: u32): u64 {
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

  // The product has 106 bits: two words with the leading one at bit 126, so that a sum has room for its carry.
  const x = alignedSignificand(aMagnitude);
  const y = alignedSignificand(bMagnitude);
  let high = multiplyHigh(x, y);
  let low = x * y;
  let exponent = exponentOf(aMagnitude) + exponentOf(bMagnitude);
  if (high >> 63) {
    exponent += 1;
    low = (low >> 1) | (high << 63);
    high >>= 1;
  }

  if (cMagnitude !== 0) {
    let cHigh = alignedSignificand(cMagnitude) >> 1;
    let cLow: u64 = 0;
    const distance = exponent - exponentOf(cMagnitude);
    if (distance > 0) {
      cLow = shiftRightJamLow(cHigh, cLow, distance);
      cHigh = distance < 64 ? cHigh >> distance : 0;
    } else if (distance < 0) {
      low = shiftRightJamLow(high, low, -distance);
      high = distance > -64 ? high >> -distance : 0;
      exponent -= distance;
    }
    if (sign === cSign) {
      const sum = low + cLow;
      high += cHigh + u64(sum < low);
      low = sum;
    } else {
      if (high < cHigh || (high === cHigh && low < cLow)) {
        high = cHigh - high - u64(cLow < low);
        low = cLow - low;
        sign = cSign;
      } else {
        high = high - cHigh - u64(low < cLow);
        low = low - cLow;
      }
      if ((high | low) === 0) return zeroOfDifference(rm);
      if (high === 0) {
        high = low;
        low = 0;
        exponent -= 64;
      }
    }
  }

  const shift = <i32>clz(high);
  if (shift !== 0) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  return f64Round(sign, exponent + 1 - shift, high | u64(low !== 0), rm);
}

function toInteger(a: u64, rm: u32, largest: u64, lowest: u64): i64 {
  const magnitude = a & MAGNITUDE;
  if (magnitude > INFINITY) {
    raiseFlags(FFLAG_NV);
    return <i64>largest;
  }
  if (magnitude === 0) return 0;
  return <i64>roundToInteger(signOf(a), exponentOf(magnitude), alignedSignificand(magnitude), rm, largest, lowest);
}

function fromMagnitude(sign: u32, magnitude: u64, rm: u32): u64 {
  if (magnitude === 0) return 0;
  const shift = <i32>clz(magnitude);
  return f64Round(sign, 63 - shift, magnitude << shift, rm);
}

function signOf(a: u64): u32 {
  return <u32>(a >> 63);
}

function withSign(sign: u32, magnitude: u64): u64 {
  return ((<u64>sign) << 63) | magnitude;
}

function fieldOf(a: u64): i32 {
  return <i32>(a >> 52) & 0x7ff;
}

/** The significand of a normal number, leading one at bit 52. */
function normalSignificand(a: u64): u64 {
  return (a & FRACTION) | HIDDEN;
}

/** Finite, and so far above the subnormal numbers that its exact value cannot have been tiny. */
function isSafelyNormal(a: u64): bool {
  return <u32>fieldOf(a) - 2 < 2045;
}

/** Neither above 2^(limit + 1) nor below 2^-limit in magnitude. */
function isWithin(a: u64, limit: u32): bool {
  return <u32>fieldOf(a) - (BIAS - limit) <= 2 * limit;
}

/** What the nearest double `product` lacks to be a * b; all of them normal and far from underflow. */
function errorOfProduct(a: u64, b: u64, product: u64): f64 {
  // In units of the last place of the exact product. The error is less than 2^53 of them, so the lower words suffice.
  const field = fieldOf(a) + fieldOf(b) - BIAS;
  const scale = 52 + fieldOf(product) - field;
  const error = <i64>(normalSignificand(a) * normalSignificand(b) - (normalSignificand(product) << scale));
  const unit = ((<u64>(field - 104)) << 52) | (product & SIGN);
  return <f64>error * reinterpret<f64>(unit);
}

function isNan(a: u64): bool {
  return (a & MAGNITUDE) > INFINITY;
}

function isSignalling(a: u64): bool {
  return (a & MAGNITUDE) > INFINITY && (a & QUIET) === 0;
}

/** The exponent of the leading one of a finite non-zero magnitude; that of infinity is above all others. */
function exponentOf(magnitude: u64): i32 {
  const field = <i32>(magnitude >> 52);
  return field ? field - BIAS : 12 - BIAS - <i32>clz(magnitude);
}

/** The significand of a finite non-zero magnitude, its leading one moved to bit 63. */
function alignedSignificand(magnitude: u64): u64 {
  return magnitude >= HIDDEN ? SIGN | (magnitude << 11) : magnitude << clz(magnitude);
}

/** An integer that orders as the number does, -0 below +0. */
function ordered(a: u64): i64 {
  return <i64>a < 0 ? <i64>(a ^ MAGNITUDE) : <i64>a;
}

function invalid(): u64 {
  raiseFlags(FFLAG_NV);
  return CANONICAL_NAN;
}

/** The result when at least one operand is a NaN. */
function nanOf(a: u64, b: u64): u64 {
  if (isSignalling(a) || isSignalling(b)) raiseFlags(FFLAG_NV);
  return CANONICAL_NAN;
}

/** minimumNumber and maximumNumber when at least one operand is a NaN: the number, if there is one. */
function numberOf(a: u64, b: u64): u64 {
  const nan = nanOf(a, b);
  if (!isNan(a)) return a;
  return isNan(b) ? nan : b;
}

/** x - x is +0, or -0 when rounding down. */
function zeroOfDifference(rm: u32): u64 {
  return rm === RM_RDN ? SIGN : 0;
}

/** The lower word of `high:low / 2^count`, count above 0, with every bit that falls out gathered in bit 0. */
function shiftRightJamLow(high: u64, low: u64, count: u32): u64 {
  if (count < 64) return (high << (64 - count)) | (low >> count) | u64(low << (64 - count) !== 0);
  if (count === 64) return high | u64(low !== 0);
  return shiftRightJam(high, count - 64) | u64(low !== 0);
}
