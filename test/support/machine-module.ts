/** The built machine, compiled: what engine tests make their virtual machines of. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function machineModule(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(fileURLToPath(new URL("../../dist/machine.wasm", import.meta.url))));
}
