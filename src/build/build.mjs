/**
 * Turns the sources into dist/: the machine's .wasm, and one bundle for each process and thread.
 *
 * `node src/build/build.mjs` rebuilds what is older than its sources; `--force` rebuilds all. Packages stay outside of the
 * bundles: they are installed beside.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const src = join(root, "src");
const dist = join(root, "dist");

const BUNDLES = {
  understudy: "src/cli/main.ts",
  "control-plane": "src/control/main.ts",
  worker: "src/worker/main.ts",
  "engine-thread": "src/worker/engine-thread.ts",
  "compile-thread": "src/worker/compile-thread.ts",
};

/** Time of the newest file in a folder, in milliseconds. */
function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) time = Math.max(time, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  }
  return time;
}

function isOlder(file, time) {
  return !existsSync(file) || statSync(file).mtimeMs < time;
}

/** Compiles the machine; written beside and renamed, so that a running process never reads half a file. */
export function buildMachine(force = false) {
  const out = join(dist, "machine.wasm");
  const sources = Math.max(newest(join(src, "machine")), newest(join(src, "isa")), statSync(join(root, "package.json")).mtimeMs);
  if (!force && !isOlder(out, sources)) return false;
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  const beside = join(dist, `machine.${process.pid}.wasm`);
  execFileSync(process.execPath, [asc, "--config", "src/machine/asconfig.json", "src/machine/index.ts", "-o", beside], {
    cwd: root,
    stdio: "inherit",
  });
  renameSync(beside, out);
  return true;
}

export async function buildBundles(force = false) {
  const sources = newest(src);
  const stale = Object.entries(BUNDLES).filter(
    ([name, entry]) => existsSync(join(root, entry)) && (force || isOlder(join(dist, `${name}.mjs`), sources)),
  );
  if (stale.length === 0) return false;
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(stale),
    outdir: dist,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    sourcemap: "linked",
    logLevel: "warning",
  });
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const force = process.argv.includes("--force");
  mkdirSync(dist, { recursive: true });
  const machine = buildMachine(force);
  const bundles = await buildBundles(force);
  process.stderr.write(machine || bundles ? "understudy: built dist/\n" : "understudy: dist/ is up to date\n");
}
