/** The machine of this build: beside the bundle, or in dist/ where this file itself runs as a source. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { UnderstudyError } from "../base/errors.ts";
import { hasRelaxedSimd } from "../engine/host.ts";

/** @throws {UnderstudyError} `build_incomplete` */
export function machineModule(): WebAssembly.Module {
  // Translated code is compiled with branch hints, which V8 heeds by itself from Node 24 on.
  setFlagsFromString("--experimental-wasm-branch-hinting");
  // And it multiplies and adds in one instruction, which V8 does by itself from Node 22 on.
  if (!hasRelaxedSimd()) setFlagsFromString("--experimental-wasm-relaxed-simd");
  const folder = import.meta.url.endsWith(".ts") ? "../../dist/" : "./";
  const file = fileURLToPath(new URL(`${folder}machine.wasm`, import.meta.url));
  try {
    return new WebAssembly.Module(readFileSync(file));
  } catch (cause) {
    throw new UnderstudyError("build_incomplete", `Cannot load the machine from ${file}: build it first with npm run build`, { cause });
  }
}
