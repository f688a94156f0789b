/** OpenSBI's firmware from Debian's package, which the test set-up installs. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = "/usr/lib/riscv64-linux-gnu/opensbi/generic";
const SETUP = fileURLToPath(new URL("../../src/build/bootstrap.mjs", import.meta.url));

export interface OpenSbi {
  readonly flat: Uint8Array;
  readonly elf: Uint8Array;
}

/** Path of one of the package's files, such as `fw_jump.elf`. */
export function openSbiFile(name: string): string {
  return `${FOLDER}/${name}`;
}

/** Null, and a word on stderr, where the package is not there and cannot be installed. */
export function openSbi(): OpenSbi | null {
  if (!existsSync(`${FOLDER}/fw_dynamic.bin`)) spawnSync(process.execPath, [SETUP, "--tests"], { stdio: ["ignore", 2, 2] });
  if (!existsSync(`${FOLDER}/fw_dynamic.bin`)) {
    process.stderr.write("\nSKIPPED: firmware tests, for Debian's package opensbi is not installed and apt cannot install it\n\n");
    return null;
  }
  return { flat: readFileSync(`${FOLDER}/fw_dynamic.bin`), elf: readFileSync(`${FOLDER}/fw_dynamic.elf`) };
}
