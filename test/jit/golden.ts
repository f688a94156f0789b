/** Golden translations: each test/fixtures/golden/NAME.s, assembled as NAME.bin, and the region that it becomes as NAME.wat. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type MachineAddresses, translateModule } from "../../src/jit/index.ts";
import { watText } from "./wat.ts";

const FOLDER = fileURLToPath(new URL("../fixtures/golden", import.meta.url));

/** In decimal, as text has offsets: easy to tell from each other. */
const MACHINE: MachineAddresses = {
  registers: 1000,
  programCounter: 2000,
  mstatus: 2100,
  fcsr: 2200,
  readTlb: 10_000,
  writeTlb: 20_000,
  execTlb: 30_000,
  execSet: 2400,
  heat: 40_000,
  jumps: 2500,
  tlbSlots: 4080,
  outcome: 2300,
};

const HOST = { fusesMultiplyAdd: true };

const PAGE_BYTES = 4096;

export function goldenNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".s"))
    .map((file) => file.slice(0, -2))
    .sort();
}

export function readGolden(name: string): string {
  return readFileSync(`${FOLDER}/${name}.wat`, "utf8");
}

export function writeGolden(name: string): void {
  writeFileSync(`${FOLDER}/${name}.wat`, goldenText(name));
}

/** What the program's second line may say: `entered at N, …`, `delta N`, or `for speed`. */
export function goldenText(name: string): string {
  const source = readFileSync(`${FOLDER}/${name}.s`, "utf8");
  const code = readFileSync(`${FOLDER}/${name}.bin`).subarray(0, PAGE_BYTES);
  const page = new Uint8Array(PAGE_BYTES);
  page.set(code);
  const executed = new Uint8Array(PAGE_BYTES / 2).fill(1, 0, Math.ceil(code.length / 2));
  const seeds = (/^# entered at (.*)$/m.exec(source)?.[1] ?? "0").split(", ").map(Number);
  const delta = /^# delta (.*)$/m.exec(source)?.[1];
  const { bytes, regions } = translateModule(
    [{ page, executed, seeds, delta: delta === undefined ? null : Number(delta) }],
    MACHINE,
    HOST,
    { counted: !/^# for speed$/m.test(source), names: true },
  );
  const [shape] = regions;
  if (shape === undefined) throw new Error(`${name}.s becomes no region`);
  const ranges = shape.covered.map(([start, end]) => `[${start}, ${end})`).join(", ");
  return `;; ${name}.s: ${shape.instructions} instructions, entries ${shape.entries.join(", ")}, made from ${ranges}\n${watText(bytes)}\n`;
}
