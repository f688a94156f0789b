/**
 * Guests that work round after round on one translated machine, and what must come of it:
 *
 *   linux      a Debian guest that does test/support/guest-work.ts again and again: its answers are what the host computes, and at
 *              a random moment of each round an interpreter that is given its state comes to the same states
 *   hostile    the programs that make translation worth nothing, in turn: they end as interpreted, at the same instant
 *   visitors   a few random programs, each several times, then the machine ends: their stories are the interpreter's
 *
 * The first two never end by themselves.
 */
import { Prng } from "../../src/base/prng.ts";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import type { RegionCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionStatistics } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { Difference } from "../determinism/lockstep.ts";
import { LocalMachine } from "../determinism/machine-host.ts";
import { PROGRAM_MEMORY_MIB, tellProgram } from "../determinism/stories.ts";
import { fixture, GuestRun } from "../machine/guest-run.ts";
import { complaints, expectedResults, WORK_COMMAND, WORK_DONE, withWork, workReport } from "../support/guest-work.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import { machineModule } from "../support/machine-module.ts";
import type { GuestKind } from "./guest-messages.ts";

type Rounds = AsyncIterable<RegionStatistics>;

export const GUESTS: Readonly<Record<GuestKind, (compiler: RegionCompiler, seed: number) => Rounds>> = { linux, hostile, visitors };

function mustEqual(what: string, found: readonly string[], wanted: readonly string[]): void {
  const at = wanted.findIndex((line, index) => found[index] !== line);
  if (at === -1 && found.length === wanted.length) return;
  const line = at === -1 ? wanted.length : at;
  throw new Difference(`${what}: line ${line} is ${found[line]}, and should be ${wanted[line]}`);
}

function figures(statistics: RegionStatistics | null): RegionStatistics {
  if (statistics === null) throw new Error("the machine translates");
  return statistics;
}

// --- linux --------------------------------------------------------------------------------------------------------------

const LINUX_MEMORY_MIB = 128;
const PROMPT = "# ";
/** The interpreter runs along for so long. */
const CHECKED_INSTRUCTIONS = 20_000_000n;
/** Epochs of a million instructions before it does; a round has some hundreds. */
const CHECK_WITHIN_EPOCHS = 300;
const CAPTURE_BYTES = 1 << 20;

async function* linux(compiler: RegionCompiler, seed: number): Rounds {
  const files = withWork(await linuxFiles());
  const results = expectedResults();
  const prng = new Prng(seed);
  const guest = new LinuxGuest(files, LINUX_MEMORY_MIB, null, { compiler });
  const interpreter = new VirtualMachine(machineModule(), { memoryMiB: LINUX_MEMORY_MIB });
  guest.runUntil(PROMPT);
  for (let round = 1; ; round++) {
    guest.transcript = "";
    guest.type(WORK_COMMAND);
    for (let epochs = prng.between(1, CHECK_WITHIN_EPOCHS); epochs > 0; epochs--) guest.epoch(1_000_000n);
    runAlong(guest.vm, interpreter, `seed ${seed}, round ${round}`);
    guest.runUntil(WORK_DONE);
    guest.runUntil(PROMPT, guest.transcript.indexOf(WORK_DONE));
    const report = workReport(guest.transcript);
    mustEqual(`seed ${seed}, round ${round}, the guest's answers`, report.results, results);
    mustEqual(`seed ${seed}, round ${round}, the kernel's complaints`, complaints(report.kernelLog), []);
    yield figures(guest.vm.regionStatistics());
  }
}

/** Both run the same epoch, from the same state to the same one. */
function runAlong(vm: VirtualMachine, interpreter: VirtualMachine, where: string): void {
  vm.beginCapture();
  for (;;) {
    const { pages, pagesLeft } = vm.captureState(CAPTURE_BYTES, false);
    interpreter.applyState(pages);
    if (pagesLeft === 0) break;
  }
  interpreter.applyState(vm.captureState(CAPTURE_BYTES, true).pages);
  vm.endCapture();
  interpreter.finishRestore();
  const state = (machine: VirtualMachine): string[] => [`${machine.instant} ${machine.hash().toString(16)}`];
  mustEqual(`${where}, the state that the interpreter was given`, state(interpreter), state(vm));
  const limit = vm.instant + CHECKED_INSTRUCTIONS;
  for (const machine of [vm, interpreter]) {
    machine.beginEpoch({ time: machine.time, rate: CLOCK_RATE_INSTRUCTIONS / 8 }, []);
    while (machine.run(limit, true) === "output");
  }
  mustEqual(`${where}, the state after ${CHECKED_INSTRUCTIONS} instructions`, state(vm), state(interpreter));
}

// --- hostile ------------------------------------------------------------------------------------------------------------

const HOSTILE_PROGRAMS = ["every-halfword", "rewrites-loop", "aliases", "scattered"];
/** Instructions between two looks for translated code. */
const HOSTILE_PIECE = 20_000n;

async function* hostile(compiler: RegionCompiler): Rounds {
  const programs = HOSTILE_PROGRAMS.map((name) => {
    const guest = new GuestRun({ image: fixture(`programs/${name}.bin`) });
    const atReset = guest.vm.snapshot();
    return { name, atReset, end: end(guest) };
  });
  const guest = new GuestRun({ image: new Uint8Array(4) }, undefined, { compiler, sampleInterval: 100, threshold: 2 });
  for (;;) {
    for (const { name, atReset, end: wanted } of programs) {
      guest.vm.restore(atReset);
      mustEqual(name, [end(guest)], [wanted]);
    }
    yield figures(guest.vm.regionStatistics());
  }
}

function end(guest: GuestRun): string {
  while (guest.to(guest.vm.instant + HOSTILE_PIECE));
  return `${guest.outcome} at ${guest.vm.instant}, ${guest.hash}`;
}

// --- visitors -----------------------------------------------------------------------------------------------------------

const VISITORS = 25;
/** What was asked for in the first is there in the later ones. */
const PASSES = 6;

async function* visitors(compiler: RegionCompiler, firstSeed: number): Rounds {
  const interpreter = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "interpreter" });
  const machine = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "translates-all" }, compiler);
  const seeds = Array.from({ length: VISITORS }, (_, index) => firstSeed + index);
  const stories: string[][] = [];
  for (const seed of seeds) stories.push(await tellProgram(interpreter, seed));
  for (let pass = 0; pass < PASSES; pass++) {
    for (const [index, seed] of seeds.entries()) mustEqual(`program ${seed}`, await tellProgram(machine, seed), stories[index] ?? []);
    yield figures(machine.statistics());
  }
}
