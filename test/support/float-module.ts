/** The float files of the machine, compiled alone to WebAssembly, its functions callable on bits. */
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { assert } from "../../src/base/assert.ts";

/** Calls an exported function by its name: i64 and u64 travel as BigInt, i32 and u32 as a number that may come back negative. */
export type FloatModule = (name: string, ...operands: (bigint | number)[]) => bigint | number | undefined;

interface WebAssemblyHost {
  instantiate(binary: Uint8Array): Promise<{ instance: { exports: Record<string, unknown> } }>;
}

const HART = fileURLToPath(new URL("../../src/machine/hart/", import.meta.url));

export async function compileFloatModule(): Promise<FloatModule> {
  const sources = ["rounding.ts", "float32.ts", "float64.ts"].map((name) => HART + name);
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main([...sources, "-O3", "--runtime", "stub", "--outFile", "float.wasm"], {
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") binary = new Uint8Array(contents);
    },
  });
  if (error !== null) throw new Error(`Cannot compile the float files: ${stderr.toString()}`, { cause: error });
  assert(binary !== undefined, "the compiler wrote a binary");
  const { instance } = await (globalThis as unknown as { WebAssembly: WebAssemblyHost }).WebAssembly.instantiate(binary);
  return (name, ...operands) => {
    const exported = instance.exports[name];
    assert(typeof exported === "function", `the module exports "${name}"`);
    return exported(...operands);
  };
}
