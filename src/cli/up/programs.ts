/** Where the programs of this build are: beside the bundle, or in dist/ where this file itself runs as a source. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UnderstudyError } from "../../base/errors.ts";

export interface Program {
  readonly command: string;
  readonly arguments: readonly string[];
}

/** @throws {UnderstudyError} `build_incomplete` */
export function programOf(name: "control-plane" | "worker"): Program {
  const folder = import.meta.url.endsWith(".ts") ? "../../../dist/" : "./";
  const file = fileURLToPath(new URL(`${folder}${name}.mjs`, import.meta.url));
  if (!existsSync(file))
    throw new UnderstudyError("build_incomplete", `Cannot find the program ${file}: build it first with npm run build`);
  return { command: process.execPath, arguments: ["--enable-source-maps", file] };
}
