/**
 * Multiply-add with one rounding, by relaxed SIMD, on hosts that have an instruction for it. WebAssembly lets the others round twice; a
 * host does the same everywhere. So the host is asked once, by a product whose low half is lost where it is rounded by itself.
 */
import { F32, F64, FunctionBody, type FunctionType, moduleBytes } from "./wasm-builder.ts";

/** What the host of translated code can do. */
export interface Host {
  /** It has relaxed SIMD, whose multiply-add rounds once. */
  readonly fusesMultiplyAdd: boolean;
}

type Format = typeof F32 | typeof F64;

const OPCODES = {
  [F64]: { splat: 0x14, extract: 0x21, multiplyAdd: 0x107, negatedMultiplyAdd: 0x108 },
  [F32]: { splat: 0x13, extract: 0x1f, multiplyAdd: 0x105, negatedMultiplyAdd: 0x106 },
} as const;

/**
 * Leaves `a * b + c`, or with `negated` `-(a * b) + c`, on the stack.
 *
 * @param operands each leaves one of a, b and c
 */
export function emitMultiplyAdd(body: FunctionBody, format: Format, negated: boolean, operands: readonly (() => void)[]): void {
  const { splat, extract, multiplyAdd, negatedMultiplyAdd } = OPCODES[format];
  for (const operand of operands) {
    operand();
    body.simd(splat);
  }
  body.simd(negated ? negatedMultiplyAdd : multiplyAdd).simd(extract, 0);
}

const PROBE_TYPE: FunctionType = { parameters: [F64, F64, F64], results: [F64] };

/** A module with the multiply-add of doubles as its function `f0`. Hosts without relaxed SIMD do not take it. */
export function multiplyAddProbe(): Uint8Array {
  const body = new FunctionBody(PROBE_TYPE.parameters.length);
  emitMultiplyAdd(
    body,
    F64,
    false,
    [0, 1, 2].map((local) => () => body.get(local)),
  );
  return moduleBytes({ imports: [], type: PROBE_TYPE, bodies: [body] });
}

/** @param multiplyAdd the probe's function */
export function roundsOnce(multiplyAdd: (a: number, b: number, c: number) => number): boolean {
  const factor = 1 + 2 ** -30;
  return multiplyAdd(factor, factor, -(factor * factor)) === 2 ** -60;
}
