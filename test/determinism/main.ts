/**
 * `npm run determinism -- [--seed N] [--minutes M]`: random programs, and boots of a guest that then does its work, cut into random
 * pieces and moved between processes at random instants, interpreted and translated, under this Node and the others that npm's
 * registry gives. And in lockstep: interpreted and, with regions that come and go at random moments, translated, with their states
 * compared after each of many short pieces.
 *
 * Each must come to the states of the same guest, interpreted in one piece. One difference ends it, with status 1 and the seed that shows it.
 */
import { parseArgs } from "node:util";
import { Prng } from "../../src/base/prng.ts";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import { complaints, expectedResults, WORK_COMMAND, WORK_DONE, withWork, workReport } from "../support/guest-work.ts";
import { linuxFiles } from "../support/linux-guest.ts";
import { otherNodes } from "../support/node-versions.ts";
import { Difference, Lockstep } from "./lockstep.ts";
import { LocalMachine, type MachineHost } from "./machine-host.ts";
import { MachineProcesses } from "./machine-processes.ts";
import { LINUX_CODE, LINUX_MEMORY_MIB, linuxAtReset, PROGRAM_CODE, PROGRAM_MEMORY_MIB, tellLinux, tellProgram } from "./stories.ts";
import { type Itinerary, Traveller } from "./traveller.ts";

/** Between two boots; it takes about as long as one. */
const PROGRAMS_A_BOOT = 250;
/** Of machines in lockstep, instructions at most: a program's, and a boot's, of which one in so many may be a long one. */
const PROGRAM_PIECE = 10_000;
const BOOT_PIECES = [10_000, 2_000_000] as const;
const LONG_ONE_IN = 20;
const LOCKSTEP_EPOCH_INSTRUCTIONS = 10_000;

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" }, minutes: { type: "string", default: "10" } } });
const firstSeed = Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isSafeInteger(firstSeed) || !(minutes > 0)) {
  process.stderr.write("determinism: --seed is a whole number, --minutes a number above 0\n");
  process.exit(2);
}

const nodes = await otherNodes();
const processes = new MachineProcesses();
const here = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "interpreter" });
const programHosts = [here, ...processes.startOfEachKind(PROGRAM_MEMORY_MIB, "translates-all", nodes)];
const linuxHosts = processes.startOfEachKind(LINUX_MEMORY_MIB, "translates-often", nodes);
const linuxHere = new LocalMachine({ memoryMiB: LINUX_MEMORY_MIB, engine: "interpreter" });
const reference = processes.start({ memoryMiB: LINUX_MEMORY_MIB, engine: "interpreter" });
const reset = linuxAtReset(withWork(await linuxFiles()));
const results = expectedResults();

const done = { programs: 0, boots: 0, moves: 0, pieces: 0 };

function compare(what: string, told: readonly string[], other: readonly string[]): void {
  const at = told.findIndex((line, index) => other[index] !== line);
  if (at === -1 && told.length === other.length) return;
  const before = told[at - 1] ?? "the start";
  throw new Difference(`${what}: equal at ${before}, then ${told[at]} in one piece and ${other[at]} otherwise`);
}

async function judgeProgram(seed: number): Promise<void> {
  for (const flavour of ["mixed", "float"] as const) {
    const told = await tellProgram(here, seed, flavour);
    const ways: [how: string, hosts: readonly MachineHost[], itinerary: Itinerary][] = [
      ["in pieces", [here], { longestPiece: 60 }],
      ["hashed", [here], { longestPiece: 400, hashOneIn: 2 }],
      ["moved", programHosts, { longestPiece: 2000, moveOneIn: 2, hashOneIn: 4 }],
    ];
    for (const [how, hosts, itinerary] of ways) {
      const traveller = new Traveller(hosts, new Prng(seed), itinerary);
      compare(`seed ${seed}, ${flavour} program, ${how}`, told, await tellProgram(traveller, seed, flavour));
      done.moves += traveller.moves;
    }
    const translator = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "translates-erratically", seed });
    const longestPiece = (): number => PROGRAM_PIECE;
    const what = `seed ${seed}, ${flavour} program, in lockstep`;
    const lockstep = new Lockstep(here, translator, new Prng(seed), { what, longestPiece, code: PROGRAM_CODE });
    await tellProgram(lockstep, seed, flavour, LOCKSTEP_EPOCH_INSTRUCTIONS);
    done.pieces += lockstep.pieces;
    done.programs++;
  }
}

/** Each boot has a clock of its own, so no two are alike. */
async function judgeBoot(seed: number): Promise<void> {
  const prng = new Prng(seed);
  const environment = { typed: WORK_COMMAND, last: WORK_DONE, rate: prng.between(CLOCK_RATE_INSTRUCTIONS >> 5, CLOCK_RATE_INSTRUCTIONS) };
  const traveller = new Traveller(linuxHosts, prng, { longestPiece: 1_000_000, moveOneIn: 100, hashOneIn: 20 });
  const [told, other] = await Promise.all([tellLinux(reference, reset, environment), tellLinux(traveller, reset, environment)]);
  compare(`seed ${seed}, boot`, told.lines, other.lines);
  const report = workReport(told.transcript);
  compare(`seed ${seed}, what the guest answers`, results, report.results);
  compare(`seed ${seed}, the kernel's complaints`, [], complaints(report.kernelLog));
  const translator = new LocalMachine({ memoryMiB: LINUX_MEMORY_MIB, engine: "translates-erratically", seed });
  const mood = new Prng(seed);
  const longestPiece = (): number => BOOT_PIECES[mood.between(1, LONG_ONE_IN) === 1 ? 1 : 0];
  const what = `seed ${seed}, boot in lockstep`;
  const lockstep = new Lockstep(linuxHere, translator, prng, { what, longestPiece, code: LINUX_CODE });
  compare(what, told.lines, (await tellLinux(lockstep, reset, environment)).lines);
  done.pieces += lockstep.pieces;
  done.boots++;
  done.moves += traveller.moves;
}

function summary(): string {
  const versions = [process.versions.node, ...nodes.map(({ version }) => version)].join(" and ");
  return `${done.programs} programs and ${done.boots} boots, moved ${done.moves} times between processes of Node ${versions}; ${done.pieces} pieces in lockstep`;
}

const end = Date.now() + minutes * 60_000;
let status = 0;
process.stderr.write(`determinism: seed=${firstSeed} minutes=${minutes}\n`);
try {
  for (let seed = firstSeed; Date.now() < end; seed++) {
    if ((seed - firstSeed) % PROGRAMS_A_BOOT === 0) {
      await judgeBoot(seed);
      process.stderr.write(`determinism: seed ${seed}: ${summary()}\n`);
    }
    await judgeProgram(seed);
  }
  process.stdout.write(`equal: ${summary()}\n`);
} catch (error) {
  if (!(error instanceof Difference)) throw error;
  process.stdout.write(`DIFFERENT: ${error.message}\nnpm run determinism -- --seed ${/seed (\d+)/.exec(error.message)?.[1]} shows it\n`);
  status = 1;
} finally {
  await processes.end();
}
process.exitCode = status;
