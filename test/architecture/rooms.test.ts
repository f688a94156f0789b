/** The house keeps its shape: imports follow the room map, pure rooms stay pure, and README draws what is there. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import { expect, test } from "vitest";
import { ROOMS } from "./room-map.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PURE = ["base", "isa", "jit", "engine", "hypervisor", "wire"];

test("every folder under src is a room of the map, and every room is there", () => {
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(ROOMS).sort());
});

test("imports follow the room map, and run in no circle", async () => {
  const result = await cruise(
    ["src"],
    {
      baseDir: root,
      tsPreCompilationDeps: true,
      doNotFollow: { path: "node_modules" },
      exclude: { path: "^src/machine" },
      tsConfig: { fileName: "tsconfig.json" },
    },
    { extensions: [".ts", ".mjs", ".js", ".json"] },
    { tsConfig: extractTSConfig(join(root, "tsconfig.json")) },
  );
  const { modules, summary } = result.output as ICruiseResult;
  // With a TypeScript that it does not know the cruiser sees nothing, and reports no violation.
  expect(summary.totalCruised).toBeGreaterThan(100);
  const wrong: string[] = [];
  for (const { source, dependencies } of modules) {
    const from = /^src\/([a-z]+)\//.exec(source)?.[1];
    if (from === undefined) continue;
    const room = ROOMS[from];
    for (const { resolved, dependencyTypes, circular, cycle } of dependencies) {
      const typeOnly = dependencyTypes.includes("type-only");
      if (circular && !typeOnly) wrong.push(`${source} is in a circle: ${cycle?.map(({ name }) => name).join(" > ")}`);
      const to = /^src\/([a-z]+)\//.exec(resolved)?.[1];
      if (to === undefined) {
        if (room?.packages === "none" && !resolved.startsWith("src/")) wrong.push(`${source} imports ${resolved}: ${from} is a pure room`);
      } else if (to !== from && !room?.imports.includes(to) && !(typeOnly && room?.types.includes(to))) {
        wrong.push(`${source} imports ${resolved}: ${from} may not import ${to}${room?.types.includes(to) ? " but for its types" : ""}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test("the machine imports nothing but itself and the numbers of the specification", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const file of sources("machine")) {
    for (const [, path = ""] of file.text.matchAll(/from "([^"]+)"/g)) {
      seen++;
      const target = join(file.name, "..", path);
      if (!target.startsWith("src/machine") && !target.startsWith("src/isa")) wrong.push(`${file.name} imports ${path}`);
    }
  }
  expect(seen).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
});

/** If the simulator needed more of the product than this, logic would have leaked into the shell. */
const SIMULATED = ["src/base/", "src/isa/", "src/engine/", "src/hypervisor/", "src/wire/", "src/control/domain/"];
/** Those that are no part of a simulated world: the command, the tests, and who loads a guest from disk. */
const AROUND_THE_SIMULATOR = ["main.ts", "guests.ts", "simulation.test.ts", "transfer-deaths.test.ts"];

test("the simulator imports pure rooms and the control plane's pure decisions, and asks for no date and no chance", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const { name, text } of filesUnder("test/simulation")) {
    if (AROUND_THE_SIMULATOR.some((around) => name === `test/simulation/${around}`)) continue;
    for (const [, path = ""] of text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)) {
      seen++;
      const target = path.startsWith(".") ? join(name, "..", path) : path;
      if (!target.startsWith("test/simulation/") && !SIMULATED.some((room) => target.startsWith(room)))
        wrong.push(`${name} imports ${path}`);
    }
    if (/\bDate\b|\bMath\.random\b|\bperformance\b|\bprocess\.(?:hrtime|env)\b|\bsetTimeout\b/.test(withoutComments(text)))
      wrong.push(`${name} asks for what is not simulated`);
  }
  expect(seen).toBeGreaterThan(40);
  expect(wrong).toEqual([]);
});

test("the pure rooms type-check without Node, timers or console, and ask for no date and no chance", async () => {
  const tsc = join(root, "node_modules/ts7/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", "src/tsconfig.pure.json"], { cwd: root });
  const wrong = PURE.flatMap(sources)
    .filter(({ text }) => /\bDate\b|\bMath\.random\b/.test(withoutComments(text)))
    .map(({ name }) => name);
  expect(wrong).toEqual([]);
});

test("the tree is formatted and free of what the linter knows", async () => {
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
  const result = await promisify(execFile)(
    process.execPath,
    [biome, "check", "--diagnostic-level=warn", "--error-on-warnings", "src", "test"],
    { cwd: root },
  ).catch((error: { stdout: string; stderr: string }) => error);
  expect("code" in result ? `${result.stdout}${result.stderr}` : "clean").toBe("clean");
});

test("README's room table is the room map", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const rows = [...readme.matchAll(/^\| `([a-z]+)` +\| [^|]* \| ([^|]*) \|$/gm)].map(([, room, may]) => [room, (may ?? "").trim()]);
  const names = (rooms: readonly string[]) => rooms.map((room) => `\`${room}\``).join(", ");
  const wanted = Object.entries(ROOMS).map(([room, { imports, types, packages }]) => {
    const parts = [
      ...(imports.length > 0 ? [names(imports)] : []),
      ...(types.length > 0 ? [`types of ${names(types)}`] : []),
      ...(packages === "any" ? ["packages"] : []),
    ];
    return [room, parts.length === 0 ? "nothing" : parts.join("; ")];
  });
  expect(rows).toEqual(wanted);
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
}

function sources(room: string): { name: string; text: string }[] {
  return filesUnder(join("src", room));
}

function filesUnder(folder: string): { name: string; text: string }[] {
  const found = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));
  expect(found.length).toBeGreaterThan(0);
  return found;
}
