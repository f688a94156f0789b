/** Operands that float arithmetic gets wrong: special values, neighbours of every boundary, and seeded random ones that meet them. */
import type { Prng } from "../../src/base/prng.ts";
import type { Format } from "./exact-float.ts";

/** Zeros, subnormals, ones, neighbours of powers of two, extremes, infinities and NaNs, of both signs. */
export function specialValues({ fractionBits: f, exponentBits: e }: Format): bigint[] {
  const one = ((1n << (e - 1n)) - 1n) << f;
  const unit = 1n << f;
  const infinity = ((1n << e) - 1n) << f;
  const quiet = 1n << (f - 1n);
  const magnitudes = [
    0n,
    1n,
    2n,
    3n,
    quiet - 1n,
    quiet,
    unit - 1n,
    unit,
    unit + 1n,
    2n * unit,
    one / 2n,
    one - (f + 2n) * unit,
    one - (f + 1n) * unit,
    one - (f + 1n) * unit + 1n,
    one - f * unit,
    one - unit,
    one - unit + 1n,
    one - 1n,
    one,
    one + 1n,
    one + quiet,
    one + quiet + 1n,
    one + unit,
    one + unit + quiet,
    one + f * unit + 1n,
    one + (f + 1n) * unit,
    one + (one - unit),
    infinity - unit,
    infinity - 1n,
    infinity,
    infinity + 1n,
    infinity + quiet,
    infinity + quiet + 1n,
  ];
  return withBothSigns({ fractionBits: f, exponentBits: e }, magnitudes);
}

/** A short list for ternary operations. */
export function fewSpecialValues({ fractionBits: f, exponentBits: e }: Format): bigint[] {
  const one = ((1n << (e - 1n)) - 1n) << f;
  const unit = 1n << f;
  const infinity = ((1n << e) - 1n) << f;
  const magnitudes = [0n, 1n, unit - 1n, unit, one - 1n, one, one + 1n, infinity - 1n, infinity, infinity + 1n, infinity + unit / 2n];
  return withBothSigns({ fractionBits: f, exponentBits: e }, magnitudes);
}

/** Numbers that sit at and around the ends of the integer types, and around their halves. */
export function integerBoundaries({ fractionBits: f, exponentBits: e }: Format): bigint[] {
  const bias = (1n << (e - 1n)) - 1n;
  const magnitudes: bigint[] = [];
  for (const exponent of [-2n, -1n, 0n, 1n, 2n, 22n, 23n, 24n, 30n, 31n, 32n, 51n, 52n, 53n, 62n, 63n, 64n]) {
    const power = (bias + exponent) << f;
    // Below the power, at it, and half an integer beside it where the format has one.
    magnitudes.push(power - 2n, power - 1n, power, power + 1n, power + 2n);
    const half = f - exponent - 1n;
    if (exponent >= 0n && half >= 0n)
      magnitudes.push(power + (1n << half), power + (3n << half), power - (1n << half), power + (1n << half) + 1n);
  }
  return withBothSigns({ fractionBits: f, exponentBits: e }, magnitudes);
}

export function randomValue(format: Format, prng: Prng): bigint {
  return valueAt(format, randomField(format, prng), prng);
}

/** Two values whose sum, product or quotient is likely to meet cancellation, a tie, underflow or overflow. */
export function randomPair(format: Format, prng: Prng): [bigint, bigint] {
  const bias = (1 << Number(format.exponentBits - 1n)) - 1;
  const a = randomValue(format, prng);
  const aField = Number((a >> format.fractionBits) & ((1n << format.exponentBits) - 1n));
  const spread = Number(format.fractionBits) + 4;
  const nearby = prng.between(-spread, spread);
  switch (prng.between(0, 6)) {
    case 0:
      return [a, valueAt(format, bias - aField + nearby, prng)];
    case 1:
      return [a, valueAt(format, 3 * bias - aField + prng.between(-2, 2), prng)];
    case 2:
      return [a, valueAt(format, aField - bias + prng.between(-2, 2), prng)];
    case 3:
      return [a, valueAt(format, aField + bias + nearby, prng)];
    case 4:
      return [a, valueAt(format, aField + nearby, prng)];
    case 5:
      return [a, valueAt(format, aField + prng.between(-1, 1), prng)];
    default:
      return [a, randomValue(format, prng)];
  }
}

function withBothSigns({ fractionBits, exponentBits }: Format, magnitudes: readonly bigint[]): bigint[] {
  const sign = 1n << (fractionBits + exponentBits);
  return magnitudes.flatMap((magnitude) => [magnitude, sign | magnitude]);
}

function randomField(format: Format, prng: Prng): number {
  const top = (1 << Number(format.exponentBits)) - 1;
  const bias = top >> 1;
  switch (prng.between(0, 5)) {
    case 0:
      return prng.between(0, 2);
    case 1:
      return prng.between(top - 3, top - 1);
    case 2:
    case 3:
      return bias + prng.between(-4, 4);
    default:
      return prng.between(0, top - 1);
  }
}

/** @param field the exponent field, brought into the finite range if it is outside */
function valueAt({ fractionBits, exponentBits }: Format, field: number, prng: Prng): bigint {
  const top = (1 << Number(exponentBits)) - 2;
  const finite = BigInt(Math.min(Math.max(field, 0), top));
  const sign = prng.u64() & 1n;
  return (((sign << exponentBits) | finite) << fractionBits) | randomFraction(fractionBits, prng);
}

function randomFraction(bits: bigint, prng: Prng): bigint {
  const all = (1n << bits) - 1n;
  const random = prng.u64() & all;
  const shift = BigInt(prng.between(0, Number(bits)));
  switch (prng.between(0, 7)) {
    case 0:
      return 0n;
    case 1:
      return all;
    case 2:
      return random >> shift;
    case 3:
      return (random << shift) & all;
    case 4:
      return (all << shift) & all;
    case 5:
      return ((1n << shift) | (1n << BigInt(prng.between(0, Number(bits))))) & all;
    default:
      return random;
  }
}
