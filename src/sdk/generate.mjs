/**
 * Writes `generated.ts`: the types of the public contract, from `openapi/control-plane.json`.
 *
 *     node src/sdk/generate.mjs           writes the file
 *     node src/sdk/generate.mjs --check   exits 1 where the file is not what the document says
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const DOCUMENT = new URL("../../openapi/control-plane.json", import.meta.url);
const TARGET = new URL("./generated.ts", import.meta.url);
const HEADER = "/** The types of the public contract. Made by `generate.mjs` from `openapi/control-plane.json`; do not edit. */\n\n";

export async function generate() {
  return HEADER + astToString(await openapiTS(DOCUMENT, { alphabetize: true }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await generate();
  if (!process.argv.includes("--check")) {
    await writeFile(TARGET, text);
  } else if ((await readFile(TARGET, "utf8").catch(() => "")) !== text) {
    process.stderr.write("Cannot use src/sdk/generated.ts: it is older than openapi/control-plane.json; run node src/sdk/generate.mjs\n");
    process.exitCode = 1;
  }
}
