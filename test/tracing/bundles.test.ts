/** What is built pays for OpenTelemetry's library only where an endpoint is configured, and what others install of the SDK has none of it. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
/** The package's description, which some bundles carry, only names it. */
const IMPORT = /(?:from |import |import\()"(@opentelemetry\/[^"]+)"/g;

test.each(["control-plane.mjs", "worker.mjs"])("%s loads the library when it is needed, and not when it is started", (bundle) => {
  const text = readFileSync(dist + bundle, "utf8");
  const imports = [...text.matchAll(IMPORT)].map(([all]) => all);
  expect(imports.length).toBeGreaterThanOrEqual(4);
  expect(imports.filter((each) => !each.startsWith("import("))).toEqual([]);
});

test.each(["engine-thread.mjs", "compile-thread.mjs", "understudy.mjs", "sdk"])("%s knows nothing of the library", (part) => {
  const files = part.endsWith(".mjs")
    ? [part]
    : readdirSync(dist + part, { recursive: true, encoding: "utf8" }).map((file) => `${part}/${file}`);
  const sources = files.filter((file) => /\.(mjs|d\.ts)$/.test(file));
  expect(sources.length).toBeGreaterThan(0);
  for (const file of sources) expect([...readFileSync(dist + file, "utf8").matchAll(IMPORT)], file).toEqual([]);
});
