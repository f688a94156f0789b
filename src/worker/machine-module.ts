/** The machine that this build runs: compiled once per process, named by its digest. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { UnderstudyError } from "../base/errors.ts";

export interface MachineModule {
  readonly module: WebAssembly.Module;
  /** SHA-256 of the .wasm, hex: replicas of a pair must run the same. */
  readonly buildDigest: string;
}

/** @throws {UnderstudyError} `build_incomplete` */
export async function loadMachineModule(url: URL): Promise<MachineModule> {
  let bytes: Buffer;
  try {
    bytes = await readFile(url);
  } catch (cause) {
    throw new UnderstudyError("build_incomplete", `Cannot load the machine from ${url.pathname}: run the build first`, { cause });
  }
  return { module: new WebAssembly.Module(bytes), buildDigest: createHash("sha256").update(bytes).digest("hex") };
}
