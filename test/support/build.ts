/** Builds dist/ before the first test: tests of processes run the bundles that users run. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export default function build(): void {
  const script = fileURLToPath(new URL("../../src/build/build.mjs", import.meta.url));
  execFileSync(process.execPath, [script, "--tests"], { stdio: "inherit" });
}
