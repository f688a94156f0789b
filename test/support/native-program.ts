/** Small C programs and libraries of the tests, compiled once for each text with Debian's gcc, which the test set-up installs. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { testCache } from "./test-cache.ts";

const SETUP = fileURLToPath(new URL("../../src/build/bootstrap.mjs", import.meta.url));
/** The compiler, and the headers of the C library: one without the other compiles nothing. */
const COMPILER_FILES = ["/usr/bin/gcc", "/usr/include/stdio.h"];

/** @returns what is missing, or null where all files are there, installed by the test set-up if need be */
export function missingFile(files: readonly string[]): string | null {
  const missing = () => files.find((file) => !existsSync(file)) ?? null;
  if (missing() !== null) spawnSync(process.execPath, [SETUP, "--tests"], { stdio: ["ignore", 2, 2] });
  return missing();
}

/** What is missing for compiling, or null. */
export function missingCompiler(): string | null {
  return missingFile(COMPILER_FILES);
}

/**
 * @param source a C file
 * @param options of gcc, on top of optimisation and warnings as errors
 * @returns path of what was compiled
 */
export function compileNative(source: URL, options: readonly string[] = []): string {
  const file = fileURLToPath(source);
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", ...options];
  const hash = createHash("sha256").update(flags.join(" ")).update(readFileSync(file)).digest("hex").slice(0, 12);
  mkdirSync(testCache(), { recursive: true });
  const compiled = join(testCache(), `${basename(file, ".c")}-${hash}`);
  if (existsSync(compiled)) return compiled;
  // Two test files may compile it at once: each makes its own, and either is good.
  const own = `${compiled}.${process.pid}`;
  execFileSync(
    "gcc",
    [...flags.filter((flag) => !flag.startsWith("-l")), "-o", own, file, ...flags.filter((flag) => flag.startsWith("-l"))],
    {
      stdio: ["ignore", 2, 2],
    },
  );
  renameSync(own, compiled);
  return compiled;
}
