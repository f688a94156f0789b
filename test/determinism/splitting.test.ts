/**
 * A guest that is cut into random pieces, and goes on in another process at random instants, comes to the states of one that was
 * interpreted in one piece. The processes interpret or translate, under the Node that runs the tests and the others that npm's
 * registry gives.
 *
 * `npm run determinism` goes on with other seeds.
 */
import { afterAll, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { linuxFiles } from "../support/linux-guest.ts";
import { otherNodes } from "../support/node-versions.ts";
import { LocalMachine, type MachineHost } from "./machine-host.ts";
import { MachineProcesses } from "./machine-processes.ts";
import { LINUX_MEMORY_MIB, linuxAtReset, PROGRAM_MEMORY_MIB, tellLinux, tellProgram } from "./stories.ts";
import { Traveller } from "./traveller.ts";

const SEED = 20261127;
const PROGRAMS = 60;

const processes = new MachineProcesses();
afterAll(() => processes.end());

const nodes = await otherNodes();

test(`${PROGRAMS} random programs are the same when they move between processes at random instants`, async () => {
  const here = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "interpreter" });
  const elsewhere = processes.startOfEachKind(PROGRAM_MEMORY_MIB, "translates-all", nodes);
  let moves = 0;
  for (let seed = SEED; seed < SEED + PROGRAMS; seed++) {
    const flavour = seed % 2 === 0 ? "mixed" : "float";
    const told = await tellProgram(here, seed, flavour);
    const traveller = new Traveller([here, ...elsewhere], new Prng(seed), { longestPiece: 2000, moveOneIn: 2, hashOneIn: 4 });
    expect(await tellProgram(traveller, seed, flavour), `seed ${seed}`).toEqual(told);
    moves += traveller.moves;
  }
  expect(moves).toBeGreaterThan(PROGRAMS);
  await expectTranslated(elsewhere, 1000);
});

test("a whole boot is the same when it moves between processes at random instants", async () => {
  const reset = linuxAtReset(await linuxFiles());
  const environment = { typed: "head -c 16 /dev/hwrng | sha256sum; echo $((6*7)) apples >/dev/hvc0\n", last: "42 apples" };
  const told = await tellLinux(processes.start({ memoryMiB: LINUX_MEMORY_MIB, engine: "interpreter" }), reset, environment);
  expect(told.lines.length).toBeGreaterThan(30);
  const hosts = processes.startOfEachKind(LINUX_MEMORY_MIB, "translates-often", nodes);
  const traveller = new Traveller(hosts, new Prng(SEED), { longestPiece: 1_000_000, moveOneIn: 200, hashOneIn: 20 });
  expect(await tellLinux(traveller, reset, environment), `seed ${SEED}`).toEqual(told);
  expect(traveller.moves).toBeGreaterThan(3);
  await expectTranslated(hosts, 1_000_000);
});

/** They would prove little if nothing was translated. */
async function expectTranslated(hosts: readonly MachineHost[], instructions: number): Promise<void> {
  for (const host of hosts) if (host.name.includes("translates")) expect(await host.translated(), host.name).toBeGreaterThan(instructions);
}
