/** The machine's floating point against exact rational arithmetic, in every rounding mode, and against the host's own. */
import { beforeAll, describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import * as exact from "../support/exact-float.ts";
import { compileFloatModule, type FloatModule } from "../support/float-module.ts";
import { fewSpecialValues, integerBoundaries, randomPair, randomValue, specialValues } from "../support/float-operands.ts";

const MODES = [exact.RNE, exact.RTZ, exact.RDN, exact.RUP, exact.RMM];
const MODE_NAMES = ["RNE", "RTZ", "RDN", "RUP", "RMM"];

const FORMATS = [
  { prefix: "f32", format: exact.SINGLE, width: 32 },
  { prefix: "f64", format: exact.DOUBLE, width: 64 },
];

let machine: FloatModule;

beforeAll(async () => {
  machine = await compileFloatModule();
}, 120_000);

type Judge = (operands: readonly bigint[], mode: number) => exact.Outcome;

interface Call {
  readonly name: string;
  /** bits of each operand, and of the result */
  readonly from: number;
  readonly to: number;
  readonly judge: Judge;
  /** false for operations without a rounding mode */
  readonly rounds: boolean;
}

/** Runs one operation of the machine on raw bits. */
function run(call: Call, operands: readonly bigint[], mode: number): exact.Outcome {
  const passed: (bigint | number)[] = operands.map((bits) =>
    call.from === 64 ? BigInt.asIntN(64, bits) : Number(BigInt.asIntN(32, bits)),
  );
  if (call.rounds) passed.push(mode);
  const bits = BigInt.asUintN(call.to, BigInt(machine(call.name, ...passed) ?? Number.NaN));
  return { bits, flags: Number(machine("takeFlags")) };
}

/** Every case in every mode, and once more as when the guest has NX set already: then only that flag may be missing. */
function check(call: Call, cases: Iterable<readonly bigint[]>) {
  const wrong: string[] = [];
  for (const operands of cases) {
    for (const mode of call.rounds ? MODES : [exact.RNE]) {
      const wanted = call.judge(operands, mode);
      for (const already of [0, 1]) {
        machine("setInexactAlreadySet", already);
        const got = run(call, operands, mode);
        const hidden = already ? exact.NX : 0;
        if (got.bits !== BigInt.asUintN(call.to, wanted.bits) || (got.flags | hidden) !== (wanted.flags | hidden)) {
          wrong.push(`${call.name} ${operands.map(hex).join(" ")} ${MODE_NAMES[mode]}: ${show(got)}, wanted ${show(wanted)}`);
        }
      }
    }
    if (wrong.length > 20) break;
  }
  machine("setInexactAlreadySet", 0);
  expect(wrong).toEqual([]);
}

function hex(bits: bigint): string {
  return `0x${BigInt.asUintN(64, bits).toString(16)}`;
}

function show({ bits, flags }: exact.Outcome): string {
  return `${hex(bits)} flags ${flags}`;
}

function pairsOf(values: readonly bigint[]): bigint[][] {
  return values.flatMap((a) => values.map((b) => [a, b]));
}

function generate<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

describe.each(FORMATS)("$prefix", ({ prefix, format, width }) => {
  const specials = specialValues(format);

  const binary: [string, Judge][] = [
    ["Add", ([a, b], mode) => exact.add(format, a as bigint, b as bigint, mode)],
    ["Sub", ([a, b], mode) => exact.subtract(format, a as bigint, b as bigint, mode)],
    ["Mul", ([a, b], mode) => exact.multiply(format, a as bigint, b as bigint, mode)],
    ["Div", ([a, b], mode) => exact.divide(format, a as bigint, b as bigint, mode)],
  ];

  describe.each(binary)("%s agrees with exact arithmetic", (name, judge) => {
    const call: Call = { name: prefix + name, from: width, to: width, judge, rounds: true };

    test("on special values", () => check(call, pairsOf(specials)));

    test("on random operands", () => {
      const prng = new Prng(0xadd5);
      check(
        call,
        generate(4_000, () => randomPair(format, prng)),
      );
    });

    test("on operands with exact and nearly exact results", () => {
      const prng = new Prng(0xe8ac);
      check(
        call,
        generate(2_000, () => nearExact(name, prng)),
      );
    });

    /** The result of the inverse operation and an operand: quotients without remainder, sums that cancel, and their neighbours. */
    function nearExact(operation: string, prng: Prng): bigint[] {
      const [x, y] = randomPair(format, prng);
      const half = BigInt(prng.between(0, Number(format.fractionBits)));
      const short = (x >> half) << half;
      const nudge = BigInt(prng.between(-1, 1));
      const top = 1n << (format.fractionBits + format.exponentBits + 1n);
      const inverse = operation === "Div" ? exact.multiply : operation === "Mul" ? exact.divide : exact.subtract;
      return [(inverse(format, short, y, exact.RNE).bits + nudge + top) % top, y];
    }
  });

  test("Sqrt agrees with exact arithmetic", () => {
    const call: Call = {
      name: `${prefix}Sqrt`,
      from: width,
      to: width,
      judge: ([a], mode) => exact.squareRoot(format, a as bigint, mode),
      rounds: true,
    };
    const prng = new Prng(0x5947);
    const sign = 1n << (format.fractionBits + format.exponentBits);
    const squares = generate(1_000, () => {
      const root = randomValue(format, prng) & ~sign;
      const half = BigInt(prng.between(0, Number(format.fractionBits)));
      const square = exact.multiply(format, (root >> half) << half, (root >> half) << half, exact.RTZ).bits;
      return [square === 0n ? 0n : square + BigInt(prng.between(-1, 1))];
    });
    const randoms = generate(1_000, () => [randomValue(format, prng) & ~(prng.between(0, 9) === 0 ? 0n : sign)]);
    check(call, [...specials.map((a) => [a]), ...squares, ...randoms]);
  });

  describe("MulAdd agrees with exact arithmetic", () => {
    const call: Call = {
      name: `${prefix}MulAdd`,
      from: width,
      to: width,
      judge: ([a, b, c], mode) => exact.multiplyAdd(format, a as bigint, b as bigint, c as bigint, mode),
      rounds: true,
    };

    test("on special values", () => {
      const few = fewSpecialValues(format);
      check(
        call,
        pairsOf(few).flatMap((pair) => few.map((c) => [...pair, c])),
      );
    });

    test("on random operands", () => {
      const prng = new Prng(0xf3a);
      check(
        call,
        generate(4_000, () => {
          const [a, b] = randomPair(format, prng);
          return [a, b, prng.between(0, 1) ? randomPair(format, prng)[1] : randomValue(format, prng)];
        }),
      );
    });

    test("on addends near the product", () => {
      const prng = new Prng(0xcace1);
      const sign = 1n << (format.fractionBits + format.exponentBits);
      const infinity = ((1n << format.exponentBits) - 1n) << format.fractionBits;
      check(
        call,
        generate(6_000, () => {
          const [a, b] = randomPair(format, prng);
          const product = exact.multiply(format, a, b, prng.between(0, 4)).bits;
          const shift = BigInt(prng.between(-2 * Number(format.fractionBits) - 4, 2 * Number(format.fractionBits) + 4));
          const field = prng.between(0, 1) ? 0n : shift << format.fractionBits;
          const moved = (product & ~sign) + BigInt(prng.between(-2, 2)) + field;
          const magnitude = moved < 0n ? 0n : moved >= infinity ? infinity - 1n : moved;
          return [a, b, magnitude | (prng.between(0, 3) === 0 ? product & sign : ~product & sign)];
        }),
      );
    });
  });

  const unrounded: [string, number, Judge][] = [
    ["Min", width, ([a, b]) => exact.minimum(format, a as bigint, b as bigint)],
    ["Max", width, ([a, b]) => exact.maximum(format, a as bigint, b as bigint)],
    ["Eq", 32, ([a, b]) => exact.equal(format, a as bigint, b as bigint)],
    ["Lt", 32, ([a, b]) => exact.less(format, a as bigint, b as bigint)],
    ["Le", 32, ([a, b]) => exact.lessOrEqual(format, a as bigint, b as bigint)],
  ];

  test.each(unrounded)("%s follows the specification", (name, to, judge) => {
    const prng = new Prng(0xc03);
    const randoms = generate(3_000, () => randomPair(format, prng));
    check({ name: prefix + name, from: width, to, judge, rounds: false }, [...pairsOf(specials), ...randoms]);
  });

  test("Classify follows the specification", () => {
    const prng = new Prng(0xc1a55);
    const judge: Judge = ([a]) => exact.classify(format, a as bigint);
    const randoms = generate(1_000, () => [randomValue(format, prng)]);
    check({ name: `${prefix}Classify`, from: width, to: 32, judge, rounds: false }, [...specials.map((a) => [a]), ...randoms]);
  });

  const integers: [string, number, bigint, bigint][] = [
    ["I32", 32, -(2n ** 31n), 2n ** 31n - 1n],
    ["U32", 32, 0n, 2n ** 32n - 1n],
    ["I64", 64, -(2n ** 63n), 2n ** 63n - 1n],
    ["U64", 64, 0n, 2n ** 64n - 1n],
  ];

  test.each(integers)("To%s rounds and saturates", (name, integerWidth, smallest, largest) => {
    const prng = new Prng(0x70);
    const judge: Judge = ([a], mode) => {
      const { bits, flags } = exact.toInteger(format, a as bigint, mode, smallest, largest);
      return { bits: BigInt.asIntN(integerWidth, bits), flags };
    };
    const sign = 1n << (format.fractionBits + format.exponentBits);
    const bias = (1n << (format.exponentBits - 1n)) - 1n;
    const randoms = generate(3_000, () => {
      const field = bias + BigInt(prng.between(-3, 66));
      return [(prng.u64() & sign) | (field << format.fractionBits) | (prng.u64() & ((1n << format.fractionBits) - 1n))];
    });
    const cases = [...specials, ...integerBoundaries(format)].map((a) => [a]);
    check({ name: `${prefix}To${name}`, from: width, to: 64, judge, rounds: true }, [...cases, ...randoms]);
  });

  test.each(integers)("From%s rounds once", (name, integerWidth, smallest, largest) => {
    const prng = new Prng(0xf0);
    const judge: Judge = ([value], mode) => exact.fromInteger(format, value as bigint, mode);
    const edges = generate(65, () => 0n).flatMap((_zero, n) =>
      [-2n, -1n, 0n, 1n, 2n, 1n << BigInt(n >> 1)].map((d) => (1n << BigInt(n)) + d),
    );
    const randoms = generate(3_000, () => prng.u64() >> BigInt(prng.between(0, 63)));
    const values = [...edges, ...randoms].flatMap((value) => [value, -value]).filter((value) => value >= smallest && value <= largest);
    check(
      { name: `${prefix}From${name}`, from: integerWidth, to: width, judge, rounds: true },
      [smallest, largest, ...values].map((value) => [value]),
    );
  });

  const native: [string, (a: number, b: number) => number][] = [
    ["Add", (a, b) => a + b],
    ["Sub", (a, b) => a - b],
    ["Mul", (a, b) => a * b],
    ["Div", (a, b) => a / b],
    ["Sqrt", (a) => Math.sqrt(a)],
  ];

  test.each(native)("%s agrees with the host when rounding to nearest even", (name, operation) => {
    const prng = new Prng(0x40);
    const call: Call = { name: prefix + name, from: width, to: width, judge: hostOutcome, rounds: true };
    const wrong: string[] = [];
    for (const pair of [...pairsOf(specials), ...generate(50_000, () => randomPair(format, prng))]) {
      const operands = name === "Sqrt" ? pair.slice(0, 1) : pair;
      const got = run(call, operands, exact.RNE).bits;
      const wanted = hostOutcome(operands).bits;
      if (got !== wanted) wrong.push(`${call.name} ${operands.map(hex).join(" ")}: ${hex(got)}, wanted ${hex(wanted)}`);
    }
    expect(wrong.slice(0, 20)).toEqual([]);

    // A double holds the exact product of singles and more than twice their bits plus two, so rounding it again is harmless.
    function hostOutcome([a, b]: readonly bigint[]): exact.Outcome {
      const result = operation(numberOf(a as bigint), numberOf(b ?? 0n));
      return { bits: Number.isNaN(result) ? exact.canonicalNan(format) : bitsOf(result), flags: 0 };
    }
  });

  function numberOf(bits: bigint): number {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, bits << BigInt(64 - width));
    return width === 64 ? view.getFloat64(0) : view.getFloat32(0);
  }

  function bitsOf(value: number): bigint {
    const view = new DataView(new ArrayBuffer(8));
    if (width === 64) view.setFloat64(0, value);
    else view.setFloat32(0, value);
    return view.getBigUint64(0) >> BigInt(64 - width);
  }
});

test("a double becomes the nearest single in every mode", () => {
  const prng = new Prng(0x6432);
  const judge: Judge = ([a], mode) => exact.convert(exact.DOUBLE, exact.SINGLE, a as bigint, mode);
  const singles = specialValues(exact.SINGLE).map((a) => exact.convert(exact.SINGLE, exact.DOUBLE, a, exact.RNE).bits);
  const boundaries = singles.flatMap((a) => [-(1n << 28n), -1n, 0n, 1n, 1n << 28n, (1n << 28n) + 1n].map((d) => BigInt.asUintN(64, a + d)));
  const randoms = generate(4_000, () => {
    const field = BigInt(1023 + prng.between(-155, 130));
    const fraction = prng.between(0, 1) ? prng.u64() : prng.u64() & ~0xfff_ffffn;
    return (prng.u64() & (1n << 63n)) | (field << 52n) | (fraction & ((1n << 52n) - 1n));
  });
  const cases = [...specialValues(exact.DOUBLE), ...boundaries, ...randoms].map((a) => [a]);
  check({ name: "f64ToF32", from: 64, to: 32, judge, rounds: true }, cases);
});

test("a single becomes the same double", () => {
  const prng = new Prng(0x3264);
  const judge: Judge = ([a]) => exact.convert(exact.SINGLE, exact.DOUBLE, a as bigint, exact.RNE);
  const cases = [...specialValues(exact.SINGLE), ...generate(4_000, () => randomValue(exact.SINGLE, prng))].map((a) => [a]);
  check({ name: "f32ToF64", from: 32, to: 64, judge, rounds: false }, cases);
});

test("flags accrue until they are taken or cleared", () => {
  const [one, minusOne, three] = [0x3f80_0000, 0xbf80_0000, 0x4040_0000];
  machine("f32Div", one, 0, exact.RNE);
  machine("f32Div", one, three, exact.RNE);
  expect(machine("takeFlags")).toBe(exact.DZ | exact.NX);
  expect(machine("takeFlags")).toBe(0);
  machine("f32Sqrt", minusOne, exact.RNE);
  machine("clearFlags");
  expect(machine("takeFlags")).toBe(0);
});
