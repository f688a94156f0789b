/**
 * Turns the sources into dist/: the machine's .wasm, and one bundle for each process and thread.
 *
 * `node src/build/build.mjs` rebuilds what is older than its sources; `--force` rebuilds all; `--tests` makes what only tests run,
 * too: the machine with tiny TLBs. Packages stay outside of the bundles: they are installed beside. But for those that the control plane
 * would load module by module at its start, and for what the SDK needs: these are inside, and their licences beside (`licenses.txt`).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
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

/**
 * Packages whose loading, some hundred files, was half of the control plane's start. Outside stay those that have no licence of their own to
 * be copied (drizzle-orm, and pg, which it loads), that look for others while they run (pino, ws), or that are seldom needed (x509,
 * OpenTelemetry).
 */
const BUNDLED = { "control-plane": ["typebox", "fastify", "@fastify/cors", "@fastify/websocket"] };

/** CommonJS packages in a module ask for Node's own modules by this. */
const REQUIRE = 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';

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

/**
 * Compiles the machine; written beside and renamed, so that a running process never reads half a file.
 *
 * @param target of asconfig.json; null: the machine that guests run on
 */
async function buildMachine(name, target, force) {
  const out = join(dist, `${name}.wasm`);
  const sources = Math.max(newest(join(src, "machine")), newest(join(src, "isa")), statSync(join(root, "package.json")).mtimeMs);
  if (!force && !isOlder(out, sources)) return false;
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  const beside = join(dist, `${name}.${process.pid}.wasm`);
  const variant = target === null ? [] : ["--target", target];
  const compiler = spawn(
    process.execPath,
    [asc, "--config", "src/machine/asconfig.json", ...variant, "src/machine/index.ts", "-o", beside],
    { cwd: root, stdio: "inherit" },
  );
  const [status, signal] = await once(compiler, "close");
  if (status !== 0) throw new Error(`Cannot build ${name}.wasm: the compiler ended with ${signal ?? `status ${status}`}`);
  renameSync(beside, out);
  return true;
}

/** Packages are in bundles in the versions of the lock file. */
function newestSource() {
  return Math.max(newest(src), statSync(join(root, "package-lock.json")).mtimeMs);
}

/** What a package's author wants to be copied with it: a file of its own, or what its description says. */
function licenceOf(folder) {
  const files = readdirSync(join(root, folder));
  const file = files.find((name) => /^licen[cs]e/i.test(name));
  if (file !== undefined) return readFileSync(join(root, folder, file), "utf8").trim();
  const readme = files.find((name) => /^readme/i.test(name));
  const [, said] = /^#+ licen[cs]e\s+(.*)/ims.exec(readme === undefined ? "" : readFileSync(join(root, folder, readme), "utf8")) ?? [];
  if (said === undefined) throw new Error(`Cannot bundle ${folder}: it has no licence`);
  return said.trim();
}

/** @returns the text of `licenses.txt`: every package that the built files have something of */
function licencesOf({ outputs }) {
  const inputs = Object.values(outputs).flatMap(({ inputs: parts }) => Object.entries(parts));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) => {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
    return folder === undefined || bytesInOutput === 0 ? [] : [folder];
  });
  const texts = [...new Set(folders)].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    return `${name} ${version} (${license})\n\n${licenceOf(folder)}\n`;
  });
  return `Packages that are part of the files here, with their licences.\n\n${[...new Set(texts)].sort().join(`\n${"-".repeat(80)}\n\n`)}`;
}

async function buildBundles(force) {
  const sources = newestSource();
  const stale = Object.entries(BUNDLES).filter(
    ([name, entry]) => existsSync(join(root, entry)) && (force || isOlder(join(dist, `${name}.mjs`), sources)),
  );
  if (stale.length === 0) return false;
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const options = {
    absWorkingDir: root,
    outdir: dist,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: "linked",
    // Node reads the map at the start of a process: names and lines are what it is for.
    sourcesContent: false,
    logLevel: "warning",
  };
  const plain = stale.filter(([name]) => BUNDLED[name] === undefined);
  const full = stale.filter(([name]) => BUNDLED[name] !== undefined);
  const built = await Promise.all([
    build({ ...options, entryPoints: Object.fromEntries(plain), packages: "external" }),
    ...full.map(([name, entry]) =>
      build({
        ...options,
        entryPoints: { [name]: entry },
        external: Object.keys(dependencies).filter((each) => !BUNDLED[name].includes(each)),
        banner: { js: REQUIRE },
        metafile: true,
      }),
    ),
  ]);
  for (const { metafile } of built) if (metafile !== undefined) writeFileSync(join(dist, "licenses.txt"), licencesOf(metafile));
  return true;
}

/**
 * The SDK as others install it: two entries that share their classes, and their types. `ws` and Node's own modules stay outside, and are
 * asked for in Node alone; what else it needs is inside.
 */
async function buildSdk(force) {
  const folder = join(dist, "sdk");
  if (!force && !isOlder(join(folder, "index.mjs"), newestSource())) return false;
  const beside = join(dist, `sdk.${process.pid}`);
  const compiler = spawn(
    process.execPath,
    [join(root, "node_modules", "ts7", "bin", "tsc"), "-p", "src/sdk/tsconfig.json", "--outDir", join(beside, "types")],
    { cwd: root, stdio: ["ignore", 2, "inherit"] },
  );
  const ended = once(compiler, "close");
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { index: "src/sdk/index.ts", testing: "src/sdk/testing/index.ts" },
    outdir: beside,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    chunkNames: "shared-[hash]",
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["ws", "node:*"],
    target: "es2022",
    format: "esm",
    metafile: true,
    logLevel: "warning",
  });
  writeFileSync(join(beside, "licenses.txt"), licencesOf(metafile));
  const [status] = await ended;
  if (status !== 0) throw new Error(`Cannot write the types of the SDK: the compiler ended with status ${status}`);
  // Declarations name their neighbours as sources do; who installs them has no sources.
  for (const entry of readdirSync(join(beside, "types"), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(/((?:from|import\()\s*"\.[^"]*)\.ts"/g, '$1.js"'));
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(beside, folder);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const force = process.argv.includes("--force");
  mkdirSync(dist, { recursive: true });
  const built = await Promise.all([
    buildMachine("machine", null, force),
    ...(process.argv.includes("--tests") ? [buildMachine("machine-tiny-tlb", "tinyTlb", force)] : []),
    buildBundles(force),
    buildSdk(force),
  ]);
  process.stderr.write(built.includes(true) ? "understudy: built dist/\n" : "understudy: dist/ is up to date\n");
}
