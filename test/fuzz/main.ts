/**
 * `npm run fuzz -- [--seed N] [--minutes M]`: random programs on our machine and on QEMU until the time is over or one differs.
 * `npm run fuzz -- --engine translator …`: with translated code instead of the interpreter; each program runs three times.
 * `npm run fuzz -- --float [--seed N] [--minutes M]`: every instruction that computes with floats, on random operands, the same way.
 * `npm run fuzz -- --program N`: that program, instruction by instruction, to the first that differs.
 * `npm run fuzz -- --exceptions`: what may differ, and why.
 *
 * Exit status 1: something differs; then the command that shows it again has been printed.
 */
import { parseArgs } from "node:util";
import { QEMU, requireTools } from "../support/debian-tools.ts";
import { compareBatch, programNumbers } from "./differential.ts";
import { CSR_EXCEPTIONS, EXCEPTIONS, NOT_DRAWN } from "./exceptions.ts";
import { compareFloats, floatImage } from "./float-cases.ts";
import { MachineEngine, type MachineEngineName } from "./machine-engine.ts";
import { randomProgram } from "./program.ts";
import { QemuEngine } from "./qemu-engine.ts";
import { findDifference } from "./stepwise.ts";

const BATCH = 1000;
/** How often a program runs: what has run is translated. */
const RUNS = { interpreter: 1, translator: 3 };
/** Of the programs of a batch that differ, so many are looked into. */
const SHOWN = 3;
/** Random rows for each shape of operands, and of what differs on them so many. */
const FLOAT_ROWS = 8000;
const DIFFERENCES_SHOWN = 20;

const { values } = parseArgs({
  options: {
    engine: { type: "string" },
    float: { type: "boolean" },
    seed: { type: "string" },
    minutes: { type: "string" },
    program: { type: "string" },
    exceptions: { type: "boolean" },
  },
});

const engine = engineNamed(values.engine ?? "interpreter");

if (values.exceptions) printExceptions();
else {
  requireTools(QEMU);
  process.exitCode = values.program !== undefined ? await show(number("--program", values.program)) : await fuzz();
}

function engineNamed(name: string): MachineEngineName {
  if (name === "interpreter" || name === "translator") return name;
  process.stderr.write(`Cannot fuzz with --engine ${name}: the engines are interpreter and translator\n`);
  process.exit(2);
}

function number(option: string, text: string): bigint {
  if (/^\d+$/.test(text)) return BigInt(text);
  process.stderr.write(`Cannot fuzz with ${option} ${text}: it is a number\n`);
  process.exit(2);
}

async function fuzz(): Promise<number> {
  const seed = values.seed === undefined ? BigInt(Math.floor(Math.random() * 2 ** 31)) : number("--seed", values.seed);
  const minutes = Number(number("--minutes", values.minutes ?? "1"));
  print(`seed=${seed} minutes=${minutes} engine=${engine}${values.float ? " float" : ""}`);
  const end = performance.now() + minutes * 60_000;
  return values.float ? await fuzzFloats(seed, end) : await fuzzPrograms(seed, end);
}

async function fuzzPrograms(seed: bigint, end: number): Promise<number> {
  const [ours, theirs] = [new MachineEngine(engine), new QemuEngine()];
  const excused = new Map<string, number>();
  let [programs, traps, parted] = [0, 0, 0];
  while (performance.now() < end) {
    const report = await compareBatch(programNumbers(seed, programs, BATCH), ours, theirs, RUNS[engine]);
    programs += report.programs;
    traps += report.traps;
    parted += report.parted;
    for (const [name, count] of report.excused) excused.set(name, (excused.get(name) ?? 0) + count);
    if (report.mismatches.length === 0) continue;
    for (const { number, differences } of report.mismatches.slice(0, SHOWN)) {
      print(`program ${number} differs:\n  ${differences.slice(0, 8).join("\n  ")}`);
      await show(number);
      print(`again: npm run fuzz -- --program ${number}`);
    }
    if (engine === "translator") print("That was the interpreter: where it agrees, it is translated code that differs");
    print(`${report.mismatches.length} of ${report.programs} programs differ`);
    return 1;
  }
  const whole = `${traps} traps, ${ours.instructions} instructions with those of the frame`;
  const translated = engine === "translator" ? `, ${ours.translated} of them translated` : "";
  print(`${programs} programs agree: ${whole}${translated}; ${parted} compared in part`);
  for (const [name, count] of excused) print(`  excused ${name}: ${count}`);
  return 0;
}

/** The first batch of a seed has the special values, too. */
async function fuzzFloats(seed: bigint, end: number): Promise<number> {
  const [ours, theirs] = [new MachineEngine(engine), new QemuEngine()];
  let cases = 0;
  for (let batch = 0n; performance.now() < end; batch++) {
    const image = floatImage((seed << 32n) + batch, FLOAT_ROWS, batch === 0n);
    const [others, own] = await Promise.all([theirs.run(image), ours.run(image)]);
    cases += image.cases;
    const differences = compareFloats(image, own, others, DIFFERENCES_SHOWN);
    if (differences.length === 0) continue;
    print(`${differences.join("\n")}\nagain: npm run fuzz -- --float --seed ${seed}`);
    return 1;
  }
  print(`${cases} cases agree`);
  return 0;
}

async function show(program: bigint): Promise<number> {
  const story = await findDifference(randomProgram(program));
  print(story === null ? `program ${program}: no instruction makes a difference` : story.join("\n"));
  return story === null ? 0 : 1;
}

function printExceptions(): void {
  print("May differ:");
  for (const { name, reason } of EXCEPTIONS) print(`  ${name}: ${reason}`);
  print("CSRs:");
  for (const { numbers, reason } of CSR_EXCEPTIONS) print(`  ${numbers.map((csr) => csr.toString(16)).join(" ")}: ${reason}`);
  print("Not drawn:");
  for (const { what, reason } of NOT_DRAWN) print(`  ${what}: ${reason}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
