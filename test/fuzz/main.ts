/**
 * `npm run fuzz -- [--seed N] [--minutes M]`: random programs on our machine and on QEMU until the time is over or one differs.
 * `npm run fuzz -- --program N`: that program, instruction by instruction, to the first that differs.
 * `npm run fuzz -- --exceptions`: what may differ, and why.
 *
 * Exit status 1: something differs; then the command that shows it again has been printed.
 */
import { parseArgs } from "node:util";
import { QEMU, requireTools } from "../support/debian-tools.ts";
import { compareBatch, programNumbers } from "./differential.ts";
import { EXCEPTIONS, NOT_DRAWN } from "./exceptions.ts";
import { MachineEngine } from "./machine-engine.ts";
import { randomProgram } from "./program.ts";
import { QemuEngine } from "./qemu-engine.ts";
import { findDifference } from "./stepwise.ts";

const BATCH = 1000;
/** Of the programs of a batch that differ, so many are looked into. */
const SHOWN = 3;

const { values } = parseArgs({
  options: { seed: { type: "string" }, minutes: { type: "string" }, program: { type: "string" }, exceptions: { type: "boolean" } },
});

if (values.exceptions) printExceptions();
else {
  requireTools(QEMU);
  process.exitCode = values.program === undefined ? await fuzz() : await show(number("--program", values.program));
}

function number(option: string, text: string): bigint {
  if (/^\d+$/.test(text)) return BigInt(text);
  process.stderr.write(`Cannot fuzz with ${option} ${text}: it is a number\n`);
  process.exit(2);
}

async function fuzz(): Promise<number> {
  const seed = values.seed === undefined ? BigInt(Math.floor(Math.random() * 2 ** 31)) : number("--seed", values.seed);
  const minutes = Number(number("--minutes", values.minutes ?? "1"));
  print(`seed=${seed} minutes=${minutes}`);
  const end = performance.now() + minutes * 60_000;
  const [ours, theirs] = [new MachineEngine(), new QemuEngine()];
  const excused = new Map<string, number>();
  let [programs, traps, parted] = [0, 0, 0];
  while (performance.now() < end) {
    const report = await compareBatch(programNumbers(seed, programs, BATCH), ours, theirs);
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
    print(`${report.mismatches.length} of ${report.programs} programs differ`);
    return 1;
  }
  print(
    `${programs} programs agree: ${traps} traps, ${ours.instructions} instructions with those of the frame, ${parted} compared in part`,
  );
  for (const [name, count] of excused) print(`  excused ${name}: ${count}`);
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
  print("Not drawn:");
  for (const { what, reason } of NOT_DRAWN) print(`  ${what}: ${reason}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
