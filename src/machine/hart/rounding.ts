/**
 * What the two float formats share: the accrued exception flags, the rounding decision, shifts that keep a sticky bit,
 * and the integer steps of multiplication, division, square root and conversion.
 *
 * A finite non-zero magnitude on its way to rounding is a pair (exponent, significand): the significand is a u64 with its
 * leading one at bit 63, and the value is significand * 2^(exponent - 63). Bit 0 is sticky: it is set when anything non-zero
 * was lost below it. Both formats keep at most 53 bits, so a sticky bit 0 never decides more than "above or below".
 */

export const FFLAG_NX: u32 = 1;
export const FFLAG_UF: u32 = 2;
export const FFLAG_OF: u32 = 4;
export const FFLAG_DZ: u32 = 8;
export const FFLAG_NV: u32 = 16;

export const RM_RNE: u32 = 0;
export const RM_RTZ: u32 = 1;
export const RM_RDN: u32 = 2;
export const RM_RUP: u32 = 3;
export const RM_RMM: u32 = 4;

export const BIT_63: u64 = 1 << 63;

/** Flags raised since they were last taken or cleared, as in `fcsr.fflags`. */
export let fflags: u32 = 0;

/** True while the guest's `fflags.NX` is set already: finding out whether a result is inexact would then tell nothing new. */
export let inexactAlreadySet: bool = false;

export function clearFlags(): void {
  fflags = 0;
}

export function takeFlags(): u32 {
  const taken = fflags;
  fflags = 0;
  return taken;
}

export function raiseFlags(flags: u32): void {
  fflags |= flags;
}

export function setInexactAlreadySet(already: bool): void {
  inexactAlreadySet = already;
}

/**
 * @param sign 1 for a negative value
 * @param odd bit 0 of the kept magnitude
 * @param rest what is cut off, as a fraction of one unit of the kept magnitude: 2^63 is one half
 * @returns 1 when the magnitude is rounded up, else 0
 */
export function roundsUp(sign: u32, odd: u64, rest: u64, rm: u32): u64 {
  switch (rm) {
    case RM_RNE:
      return u64(rest > BIT_63 - odd);
    case RM_RTZ:
      return 0;
    case RM_RDN:
      return u64(sign !== 0 && rest !== 0);
    case RM_RUP:
      return u64(sign === 0 && rest !== 0);
    default:
      return u64(rest >= BIT_63);
  }
}

/** `x / 2^count` with every bit that falls out gathered in bit 0; any `count` from 0. */
export function shiftRightJam(x: u64, count: u32): u64 {
  if (count === 0) return x;
  if (count > 63) return u64(x !== 0);
  return (x >> count) | u64(x << (64 - count) !== 0);
}

/** The upper 64 bits of the 128-bit product. */
export function multiplyHigh(x: u64, y: u64): u64 {
  const xLow = x & 0xffff_ffff;
  const xHigh = x >> 32;
  const yLow = y & 0xffff_ffff;
  const yHigh = y >> 32;
  const middle = xHigh * yLow + ((xLow * yLow) >> 32);
  const crossed = xLow * yHigh + (middle & 0xffff_ffff);
  return xHigh * yHigh + (middle >> 32) + (crossed >> 32);
}

/**
 * Divides significands: the leading one of the result is at bit 63, bit 0 is sticky.
 *
 * @param dividend 53 bits, not below `divisor`, below twice the divisor
 * @param divisor 53 bits, leading one at bit 52
 */
export function divideSignificands(dividend: u64, divisor: u64): u64 {
  // 11 quotient bits a step: the remainder is below 2^53, so it can be shifted by 11 within 64 bits. 1 + 5 * 11 = 56 bits.
  let quotient: u64 = 1;
  let remainder = dividend - divisor;
  for (let step = 0; step < 5; step++) {
    remainder <<= 11;
    quotient = (quotient << 11) | (remainder / divisor);
    remainder %= divisor;
  }
  return (quotient << 8) | u64(remainder !== 0);
}

/**
 * Square root of a significand: the leading one of the result is at bit 63, bit 0 is sticky.
 *
 * @param radicand in [2^52, 2^54)
 */
export function rootSignificand(radicand: u64): u64 {
  // Digit by digit, two radicand bits for each of the 56 root bits; the remainder stays below 2^58.
  let root: u64 = 0;
  let remainder: u64 = 0;
  let pending = radicand << 10;
  for (let step = 0; step < 56; step++) {
    remainder = (remainder << 2) | (pending >> 62);
    pending <<= 2;
    const trial = (root << 2) | 1;
    root <<= 1;
    if (remainder >= trial) {
      remainder -= trial;
      root |= 1;
    }
  }
  return (root << 8) | u64(remainder !== 0);
}

/**
 * Rounds a magnitude to an integer and clamps it to what the destination holds, raising NV when clamped, else NX when inexact.
 *
 * @param significand 0 for the value zero
 * @param largest the largest value of the destination
 * @param lowest the magnitude of its smallest value
 * @returns the integer, negative ones in two's complement over 64 bits
 */
export function roundToInteger(sign: u32, exponent: i32, significand: u64, rm: u32, largest: u64, lowest: u64): u64 {
  const limit = sign ? lowest : largest;
  const clamped = sign ? 0 - lowest : largest;
  if (exponent > 63) {
    fflags |= FFLAG_NV;
    return clamped;
  }
  let kept: u64 = 0;
  let rest: u64 = 0;
  if (exponent === 63) {
    kept = significand;
  } else if (exponent >= 0) {
    kept = significand >> (63 - exponent);
    rest = significand << (exponent + 1);
  } else {
    // Below one half only "more than nothing" matters.
    rest = exponent === -1 ? significand : u64(significand !== 0);
  }
  const magnitude = kept + roundsUp(sign, kept & 1, rest, rm);
  if (magnitude > limit) {
    fflags |= FFLAG_NV;
    return clamped;
  }
  if (rest !== 0) fflags |= FFLAG_NX;
  return sign ? 0 - magnitude : magnitude;
}
