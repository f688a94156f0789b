/** The package as others install it: packed, unpacked into an empty TypeScript project, type-checked, bundled for a browser, and used. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ControlUnderTest, TOKEN } from "../control/support/control-under-test.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
/** What a user's `npm install` would bring for the SDK: the packages that its types or its console in Node name. */
const INSTALLED_BESIDE = ["ws", "openapi-fetch", "openapi-typescript-helpers"];

let folder: string;
let packed: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-package-"));
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { cwd: root });
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  packed = files.map(({ path }) => path);
  const installed = join(folder, "node_modules", "understudy");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", join(folder, filename), "--strip-components=1", "-C", installed]);
  for (const name of INSTALLED_BESIDE) await symlink(join(root, "node_modules", name), join(folder, "node_modules", name));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "empty", type: "module" }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("has the programs, the SDK and the contract, and nothing that only tests or builds want", () => {
  for (const wanted of [
    ...["README.md", "package.json", "openapi/control-plane.json", "migrations/0001_create_tables.sql"],
    ...["dist/understudy.mjs", "dist/control-plane.mjs", "dist/worker.mjs", "dist/machine.wasm"],
    ...["dist/sdk/index.mjs", "dist/sdk/testing.mjs", "dist/sdk/types/sdk/index.d.ts"],
    ...["dist/licenses.txt", "dist/sdk/licenses.txt"],
  ])
    expect(packed).toContain(wanted);
  expect(packed.filter((path) => /^(src|test|deploy|\.)|\.test\.|fixture|tiny-tlb|\.map$|(?<!\.d)\.ts$/.test(path))).toEqual([]);
});

const PROGRAMS = ["understudy", "control-plane", "worker", "engine-thread", "compile-thread"].map((name) => `dist/${name}.mjs`);
const packedFile = (path: string) => readFile(join(folder, "node_modules/understudy", path), "utf8");
const packagesOf = (text: string, pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, name]) => name as string));

test("has the licence of every package that is inside, each once, and declares every one that is not", async () => {
  const { dependencies } = JSON.parse(await packedFile("package.json")) as { dependencies: Record<string, string> };
  const sdk = packed.filter((path) => /^dist\/sdk\/[^/]*\.mjs$/.test(path));
  for (const [files, licences] of [
    [PROGRAMS, "dist/licenses.txt"],
    [sdk, "dist/sdk/licenses.txt"],
  ] as const) {
    const text = (await Promise.all(files.map(packedFile))).join("\n");
    const inside = packagesOf(text, /^ *\/\/ (?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//gm);
    expect(inside.size).toBeGreaterThan(0);
    const licensed = (await packedFile(licences)).split(`\n${"-".repeat(80)}\n`);
    expect(packagesOf(licensed.join("\n"), /^(\S+) \d+\.\d+\.\S+ \([^)]+\)$/gm)).toEqual(inside);
    for (const each of licensed) expect(each).toMatch(/licen[cs]e|permission/i);
    expect(new Set(licensed).size).toBe(licensed.length);
    const asked = packagesOf(
      text,
      /(?:^(?:import|export) .*from |^import |^\} from |\bimport\(|\b__require\()"((?:@[^/"]+\/)?[^/."][^/":]*)(?:\/[^"]*)?"/gm,
    );
    const outside = [...asked].filter((name) => !isBuiltin(name) && !inside.has(name));
    expect(outside.filter((name) => dependencies[name] === undefined)).toEqual([]);
  }
});

test("its control plane begins where only what is outside is installed", async () => {
  const outside = ["drizzle-orm", "pg", "pino", "smol-toml", "ws"];
  const beside = await mkdtemp(join(tmpdir(), "understudy-programs-"));
  try {
    await cp(join(folder, "node_modules/understudy"), join(beside, "node_modules/understudy"), { recursive: true });
    for (const name of outside) await symlink(join(root, "node_modules", name), join(beside, "node_modules", name));
    const program = join(beside, "node_modules/understudy/dist/control-plane.mjs");
    const env = { PATH: process.env["PATH"], UNDERSTUDY_DATA_DIR: beside, UNDERSTUDY_LISTEN: "nowhere" };
    const refused = await run(process.execPath, [program], { cwd: beside, env }).then(
      () => ({ code: 0, stdout: "", stderr: "" }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
    expect([refused.code, refused.stdout + refused.stderr]).toEqual([1, expect.stringContaining("bad_setting")]);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
});

const PROGRAM = `
import { ConflictError, NameTakenError, Understudy, UnderstudyError, type Vm } from "understudy/sdk";
import { FakeUnderstudy } from "understudy/sdk/testing";

async function story(url: string, token: string): Promise<unknown> {
  const client = new Understudy({ url, token });
  const vm: Vm = await client.vms.create({ name: "packed", image: "debian", protection: { mode: "none" } });
  const names: (string | null)[] = [];
  for await (const each of client.vms.list()) names.push(each.name);
  const taken = await client.vms.create({ name: "packed", image: "debian" }).catch((error: unknown) => error);
  const same = taken instanceof NameTakenError && taken instanceof ConflictError && taken instanceof UnderstudyError;
  const operation = await vm.delete();
  await operation.result();
  return { names, same, term: vm.status.term, offsets: typeof (0n satisfies NonNullable<Parameters<Vm["console"]["read"]>[0]>["from"]) };
}

const fake = await FakeUnderstudy.start();
console.log(JSON.stringify([await story(process.env.URL ?? "", process.env.TOKEN ?? ""), await story(fake.url, fake.token)]));
await fake.close();

// @ts-expect-error: an image is wanted
void (() => new Understudy().vms.create({ name: "no-image" }));
// @ts-expect-error: there is no such mode
void ((vm: Vm) => vm.failover({ mode: "sometimes" }));

declare const process: { readonly env: Readonly<Record<string, string | undefined>> };
`;

test("type-checks in an empty project, and works there against a real service and the fake one", async () => {
  await writeFile(join(folder, "program.ts"), PROGRAM);
  const options = { target: "es2022", module: "nodenext", lib: ["es2022", "dom"], types: [], strict: true, outDir: "out", rootDir: "." };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["program.ts"] }));
  const checked = await run(process.execPath, [join(root, "node_modules/ts7/bin/tsc"), "-p", folder]).catch(
    (error: { stdout: string }) => error,
  );
  expect(checked.stdout).toBe("");
  const control = await ControlUnderTest.ofTest();
  const env = { PATH: process.env["PATH"], URL: control.url, TOKEN };
  const { stdout } = await run(process.execPath, [join(folder, "out/program.js")], { cwd: folder, env });
  const story = { names: ["packed"], same: true, term: 1, offsets: "bigint" };
  expect(JSON.parse(stdout)).toEqual([story, story]);
});

test("needs no package in a browser", async () => {
  await writeFile(
    join(folder, "page.js"),
    'import { Understudy } from "understudy/sdk"; globalThis.client = new Understudy({ url: "https://here" });',
  );
  const { metafile, outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ["page.js"],
    bundle: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "esm",
    external: ["ws", "node:*"],
  });
  const [output] = Object.values(metafile.outputs);
  // What is imported when it is called for, in Node alone.
  const asked = output?.imports.map(({ path, kind }) => `${kind} ${path}`).sort();
  expect(asked).toEqual(["dynamic-import node:fs/promises", "dynamic-import ws"]);
  expect(outputFiles[0]?.text).not.toContain("node_modules/fastify");
  const entry = await readFile(join(folder, "node_modules/understudy/dist/sdk/index.mjs"), "utf8");
  expect([...entry.matchAll(/^(?:import|export) .*? from "([^"]+)"|^\} from "([^"]+)"/gm)].map(([, one, other]) => one ?? other)).toEqual([
    expect.stringMatching(/^\.\/shared-\w+\.mjs$/),
  ]);
});
