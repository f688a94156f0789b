/** The built machine, compiled: what engine tests make their virtual machines of. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The one that guests run on; or the same with four entries in a TLB, which push each other out all the time. Their states are equal. */
export type MachineBuild = "machine" | "machine-tiny-tlb";

export function machineModule(build: MachineBuild = "machine"): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(fileURLToPath(new URL(`../../dist/${build}.wasm`, import.meta.url))));
}
