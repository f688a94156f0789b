/**
 * IEEE 754 arithmetic with RISC-V's choices, by definition: operands become exact rationals, the result is computed
 * exactly, and one rounding step yields the bits and the flags. Slow and plain, so that it can judge fast code.
 */

export const NV = 16;
export const DZ = 8;
export const OF = 4;
export const UF = 2;
export const NX = 1;

export const RNE = 0;
export const RTZ = 1;
export const RDN = 2;
export const RUP = 3;
export const RMM = 4;

export interface Format {
  readonly fractionBits: bigint;
  readonly exponentBits: bigint;
}

export const SINGLE: Format = { fractionBits: 23n, exponentBits: 8n };
export const DOUBLE: Format = { fractionBits: 52n, exponentBits: 11n };

export interface Outcome {
  readonly bits: bigint;
  readonly flags: number;
}

/** A number `numerator / denominator`, the denominator above 0. */
interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

type Decoded =
  | { readonly kind: "nan"; readonly signalling: boolean }
  | { readonly kind: "infinity"; readonly negative: boolean }
  | { readonly kind: "number"; readonly negative: boolean; readonly value: Rational };

type Operand = Exclude<Decoded, { kind: "nan" }>;

export function add(format: Format, a: bigint, b: bigint, mode: number): Outcome {
  return withNumbers(format, [a, b], ([x, y]) => sum(format, x, y, mode));
}

export function subtract(format: Format, a: bigint, b: bigint, mode: number): Outcome {
  return withNumbers(format, [a, b], ([x, y]) => sum(format, x, negated(y), mode));
}

export function multiply(format: Format, a: bigint, b: bigint, mode: number): Outcome {
  return withNumbers(format, [a, b], ([x, y]) => {
    const product = productOf(x, y);
    return product === undefined ? invalid(format) : encode(format, product, mode);
  });
}

export function divide(format: Format, a: bigint, b: bigint, mode: number): Outcome {
  return withNumbers(format, [a, b], ([x, y]) => {
    const negative = x.negative !== y.negative;
    if (x.kind === "infinity") return y.kind === "infinity" ? invalid(format) : exactly(infinityOf(format, negative));
    if (y.kind === "infinity") return exactly(zeroOf(format, negative));
    if (y.value.numerator === 0n) {
      return x.value.numerator === 0n ? invalid(format) : { bits: infinityOf(format, negative), flags: DZ };
    }
    const reciprocal = {
      numerator: y.value.numerator < 0n ? -y.value.denominator : y.value.denominator,
      denominator: absolute(y.value.numerator),
    };
    return round(format, times(x.value, reciprocal), negative, mode);
  });
}

export function squareRoot(format: Format, a: bigint, mode: number): Outcome {
  return withNumbers(format, [a], ([x]) => {
    if (x.kind === "number" && x.value.numerator === 0n) return exactly(a);
    if (x.negative) return invalid(format);
    if (x.kind === "infinity") return exactly(a);
    // floor(sqrt(x) * 2^SCALE), then a half unit more if that is not exact: the stand-in lies strictly between the same
    // multiples of 2^-SCALE as the root does. Roots are at least 2^-537, so every rounding boundary is such a multiple.
    const SCALE = 600n;
    const scaled = x.value.numerator << (2n * SCALE);
    const root = integerRoot(scaled / x.value.denominator);
    const exact = root * root * x.value.denominator === scaled;
    return round(format, { numerator: 2n * root + (exact ? 0n : 1n), denominator: 1n << (SCALE + 1n) }, false, mode);
  });
}

export function multiplyAdd(format: Format, a: bigint, b: bigint, c: bigint, mode: number): Outcome {
  const [x, y] = [decode(format, a), decode(format, b)];
  // Infinity times zero is invalid whatever is added, a quiet NaN too.
  if (x.kind !== "nan" && y.kind !== "nan" && productOf(x, y) === undefined) return invalid(format);
  return withNumbers(format, [a, b, c], ([p, q, addend]) => sum(format, productOf(p, q) as Operand, addend, mode));
}

/** minimumNumber of IEEE 754-2019 */
export function minimum(format: Format, a: bigint, b: bigint): Outcome {
  return extremum(format, a, b, (x, y) => x < y);
}

/** maximumNumber of IEEE 754-2019 */
export function maximum(format: Format, a: bigint, b: bigint): Outcome {
  return extremum(format, a, b, (x, y) => x > y);
}

export function equal(format: Format, a: bigint, b: bigint): Outcome {
  return compared(format, a, b, false, (order) => order === 0);
}

export function less(format: Format, a: bigint, b: bigint): Outcome {
  return compared(format, a, b, true, (order) => order < 0);
}

export function lessOrEqual(format: Format, a: bigint, b: bigint): Outcome {
  return compared(format, a, b, true, (order) => order <= 0);
}

/** FCLASS, in the order of the table in the specification */
export function classify(format: Format, a: bigint): Outcome {
  const x = decode(format, a);
  let bit: bigint;
  if (x.kind === "nan") bit = x.signalling ? 8n : 9n;
  else if (x.kind === "infinity") bit = x.negative ? 0n : 7n;
  else if (x.value.numerator === 0n) bit = x.negative ? 3n : 4n;
  else if (notBelow(magnitudeOf(x.value), powerOfTwo(lowestExponent(format)))) bit = x.negative ? 1n : 6n;
  else bit = x.negative ? 2n : 5n;
  return exactly(1n << bit);
}

/** @returns the integer itself in `bits`, not its two's complement */
export function toInteger(format: Format, a: bigint, mode: number, smallest: bigint, largest: bigint): Outcome {
  const x = decode(format, a);
  if (x.kind === "nan") return { bits: largest, flags: NV };
  if (x.kind === "infinity") return { bits: x.negative ? smallest : largest, flags: NV };
  const magnitude = magnitudeOf(x.value);
  const units = roundToUnits(magnitude, x.negative, mode);
  const rounded = x.negative ? -units : units;
  if (rounded < smallest) return { bits: smallest, flags: NV };
  if (rounded > largest) return { bits: largest, flags: NV };
  return { bits: rounded, flags: magnitude.numerator === units * magnitude.denominator ? 0 : NX };
}

export function fromInteger(format: Format, value: bigint, mode: number): Outcome {
  return round(format, { numerator: value, denominator: 1n }, false, mode);
}

export function convert(from: Format, to: Format, a: bigint, mode: number): Outcome {
  const x = decode(from, a);
  if (x.kind === "nan") return { bits: canonicalNan(to), flags: x.signalling ? NV : 0 };
  return encode(to, x, mode);
}

export function canonicalNan(format: Format): bigint {
  return infinityOf(format, false) | (1n << (format.fractionBits - 1n));
}

function decode(format: Format, bits: bigint): Decoded {
  const fraction = bits & ((1n << format.fractionBits) - 1n);
  const field = (bits >> format.fractionBits) & ((1n << format.exponentBits) - 1n);
  const negative = bits >> (format.fractionBits + format.exponentBits) === 1n;
  if (field === (1n << format.exponentBits) - 1n) {
    if (fraction === 0n) return { kind: "infinity", negative };
    return { kind: "nan", signalling: fraction >> (format.fractionBits - 1n) === 0n };
  }
  const significand = field === 0n ? fraction : fraction + (1n << format.fractionBits);
  const exponent = (field === 0n ? 1n : field) - bias(format) - format.fractionBits;
  return {
    kind: "number",
    negative,
    value: times({ numerator: negative ? -significand : significand, denominator: 1n }, powerOfTwo(exponent)),
  };
}

/** Handles NaN operands: the result is canonical, and invalid if one of them signals. */
function withNumbers<const Bits extends readonly bigint[]>(
  format: Format,
  operands: Bits,
  compute: (numbers: { readonly [Index in keyof Bits]: Operand }) => Outcome,
): Outcome {
  const decoded = operands.map((bits) => decode(format, bits));
  if (decoded.some((x) => x.kind === "nan" && x.signalling)) return invalid(format);
  if (decoded.some((x) => x.kind === "nan")) return exactly(canonicalNan(format));
  return compute(decoded as unknown as { readonly [Index in keyof Bits]: Operand });
}

function sum(format: Format, x: Operand, y: Operand, mode: number): Outcome {
  if (x.kind === "infinity") {
    return y.kind === "infinity" && x.negative !== y.negative ? invalid(format) : exactly(infinityOf(format, x.negative));
  }
  if (y.kind === "infinity") return exactly(infinityOf(format, y.negative));
  const exact = {
    numerator: x.value.numerator * y.value.denominator + y.value.numerator * x.value.denominator,
    denominator: x.value.denominator * y.value.denominator,
  };
  // A zero sum of equal signs keeps the sign; of unlike signs it is +0, but -0 when rounding down.
  const zeroIsNegative = x.negative === y.negative ? x.negative : mode === RDN;
  return round(format, exact, zeroIsNegative, mode);
}

/** @returns undefined for infinity times zero */
function productOf(x: Operand, y: Operand): Operand | undefined {
  const negative = x.negative !== y.negative;
  const isZero = (z: Operand) => z.kind === "number" && z.value.numerator === 0n;
  if (x.kind === "number" && y.kind === "number") return { kind: "number", negative, value: times(x.value, y.value) };
  return isZero(x) || isZero(y) ? undefined : { kind: "infinity", negative };
}

function negated(x: Operand): Operand {
  const negative = !x.negative;
  if (x.kind === "infinity") return { kind: "infinity", negative };
  return { kind: "number", negative, value: { numerator: -x.value.numerator, denominator: x.value.denominator } };
}

function encode(format: Format, x: Operand, mode: number): Outcome {
  return x.kind === "infinity" ? exactly(infinityOf(format, x.negative)) : round(format, x.value, x.negative, mode);
}

function round(format: Format, value: Rational, zeroIsNegative: boolean, mode: number): Outcome {
  if (value.numerator === 0n) return exactly(zeroOf(format, zeroIsNegative));
  const negative = value.numerator < 0n;
  const magnitude = magnitudeOf(value);
  const lowest = lowestExponent(format);

  const leading = floorLog2(magnitude);

  // Tiny is what would stay below the smallest normal number if it were rounded with an exponent without lower end.
  const unbounded = roundAt(format, magnitude, leading, negative, mode);
  const tiny = !notBelow(unbounded, powerOfTwo(lowest));
  const rounded = leading < lowest ? roundAt(format, magnitude, lowest, negative, mode) : unbounded;

  if (notBelow(rounded, powerOfTwo(bias(format) + 1n))) {
    const toInfinity = mode === RNE || mode === RMM || mode === (negative ? RDN : RUP);
    return { bits: infinityOf(format, negative) - (toInfinity ? 0n : 1n), flags: OF | NX };
  }
  const inexact = rounded.numerator * magnitude.denominator !== magnitude.numerator * rounded.denominator;
  return { bits: pack(format, rounded, negative), flags: inexact ? NX | (tiny ? UF : 0) : 0 };
}

/** Rounds to a multiple of the last place that numbers with this exponent have. */
function roundAt(format: Format, magnitude: Rational, exponent: bigint, negative: boolean, mode: number): Rational {
  const lastPlace = exponent - format.fractionBits;
  const units = roundToUnits(times(magnitude, powerOfTwo(-lastPlace)), negative, mode);
  return times({ numerator: units, denominator: 1n }, powerOfTwo(lastPlace));
}

function roundToUnits(magnitude: Rational, negative: boolean, mode: number): bigint {
  const floor = magnitude.numerator / magnitude.denominator;
  const remainder = magnitude.numerator % magnitude.denominator;
  if (remainder === 0n) return floor;
  const twice = 2n * remainder;
  switch (mode) {
    case RNE:
      return twice > magnitude.denominator || (twice === magnitude.denominator && floor % 2n === 1n) ? floor + 1n : floor;
    case RTZ:
      return floor;
    case RDN:
      return negative ? floor + 1n : floor;
    case RUP:
      return negative ? floor : floor + 1n;
    case RMM:
      return twice >= magnitude.denominator ? floor + 1n : floor;
    default:
      throw new RangeError(`Cannot round: mode is ${mode}, wanted 0 to 4`);
  }
}

/** @param magnitude exactly a number of the format */
function pack(format: Format, magnitude: Rational, negative: boolean): bigint {
  const sign = zeroOf(format, negative);
  if (magnitude.numerator === 0n) return sign;
  const lowest = lowestExponent(format);
  let exponent = floorLog2(magnitude);
  if (exponent < lowest) exponent = lowest;
  const units = times(magnitude, powerOfTwo(format.fractionBits - exponent));
  if (units.numerator % units.denominator !== 0n) throw new RangeError("Cannot pack: the value is not a number of the format");
  const significand = units.numerator / units.denominator;
  const hidden = 1n << format.fractionBits;
  if (significand < hidden) return sign | significand;
  return sign | ((exponent + bias(format)) << format.fractionBits) | (significand - hidden);
}

function extremum(format: Format, a: bigint, b: bigint, better: (x: number, y: number) => boolean): Outcome {
  const [x, y] = [decode(format, a), decode(format, b)];
  const flags = (x.kind === "nan" && x.signalling) || (y.kind === "nan" && y.signalling) ? NV : 0;
  if (x.kind === "nan") return { bits: y.kind === "nan" ? canonicalNan(format) : b, flags };
  if (y.kind === "nan") return { bits: a, flags };
  let order = compare(x, y);
  if (order === 0 && x.negative !== y.negative) order = x.negative ? -1 : 1;
  return { bits: better(order, 0) ? a : b, flags };
}

function compared(format: Format, a: bigint, b: bigint, signalsQuiet: boolean, holds: (order: number) => boolean): Outcome {
  const [x, y] = [decode(format, a), decode(format, b)];
  if (x.kind === "nan" || y.kind === "nan") {
    const invalidOperand = signalsQuiet || (x.kind === "nan" && x.signalling) || (y.kind === "nan" && y.signalling);
    return { bits: 0n, flags: invalidOperand ? NV : 0 };
  }
  return exactly(holds(compare(x, y)) ? 1n : 0n);
}

/** @returns below 0, 0 or above 0; the zeros are equal */
function compare(x: Operand, y: Operand): number {
  if (x.kind === "infinity" && y.kind === "infinity") return Number(y.negative) - Number(x.negative);
  if (x.kind === "infinity") return x.negative ? -1 : 1;
  if (y.kind === "infinity") return y.negative ? 1 : -1;
  const difference = x.value.numerator * y.value.denominator - y.value.numerator * x.value.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function exactly(bits: bigint): Outcome {
  return { bits, flags: 0 };
}

function invalid(format: Format): Outcome {
  return { bits: canonicalNan(format), flags: NV };
}

function zeroOf(format: Format, negative: boolean): bigint {
  return negative ? 1n << (format.fractionBits + format.exponentBits) : 0n;
}

function infinityOf(format: Format, negative: boolean): bigint {
  return zeroOf(format, negative) | (((1n << format.exponentBits) - 1n) << format.fractionBits);
}

function bias(format: Format): bigint {
  return (1n << (format.exponentBits - 1n)) - 1n;
}

/** The exponent of the smallest normal number. */
function lowestExponent(format: Format): bigint {
  return 1n - bias(format);
}

function times(x: Rational, y: Rational): Rational {
  return { numerator: x.numerator * y.numerator, denominator: x.denominator * y.denominator };
}

function magnitudeOf(x: Rational): Rational {
  return { numerator: absolute(x.numerator), denominator: x.denominator };
}

function notBelow(x: Rational, y: Rational): boolean {
  return x.numerator * y.denominator >= y.numerator * x.denominator;
}

function powerOfTwo(exponent: bigint): Rational {
  return exponent >= 0n ? { numerator: 1n << exponent, denominator: 1n } : { numerator: 1n, denominator: 1n << -exponent };
}

/** @param magnitude above 0 */
function floorLog2(magnitude: Rational): bigint {
  const guess = bitLength(magnitude.numerator) - bitLength(magnitude.denominator);
  return notBelow(magnitude, powerOfTwo(guess)) ? guess : guess - 1n;
}

function bitLength(x: bigint): bigint {
  const digits = x.toString(16);
  return BigInt(4 * digits.length - Math.clz32(Number.parseInt(digits.slice(0, 1), 16)) + 28);
}

function absolute(x: bigint): bigint {
  return x < 0n ? -x : x;
}

/** floor(sqrt(x)) by Newton's method, from above. */
function integerRoot(x: bigint): bigint {
  if (x < 2n) return x;
  let root = 1n << ((bitLength(x) + 1n) / 2n);
  for (;;) {
    const next = (root + x / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
