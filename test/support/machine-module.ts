/** The built machine, compiled: what engine tests make their virtual machines of. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { hasRelaxedSimd } from "../../src/engine/host.ts";

// As in a worker: what is translated is the same on every version of Node.
if (!hasRelaxedSimd()) setFlagsFromString("--experimental-wasm-relaxed-simd");

/** The one that guests run on; or the same with four entries in a TLB, which push each other out all the time. Their states are equal. */
export type MachineBuild = "machine" | "machine-tiny-tlb";

export function machineModule(build: MachineBuild = "machine"): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(fileURLToPath(new URL(`../../dist/${build}.wasm`, import.meta.url))));
}
