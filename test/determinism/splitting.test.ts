/**
 * A guest that is cut into random pieces, and goes on in another process at random instants, comes to the states of one that ran
 * in one piece. The processes have the Node that runs the tests, and the others that npm's registry gives.
 *
 * `npm run determinism` goes on with other seeds.
 */
import { afterAll, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { linuxFiles } from "../support/linux-guest.ts";
import { otherNodes } from "../support/node-versions.ts";
import { LocalMachine } from "./machine-host.ts";
import { MachineProcess } from "./machine-process.ts";
import { LINUX_MEMORY_MIB, linuxAtReset, PROGRAM_MEMORY_MIB, tellLinux, tellProgram } from "./stories.ts";
import { Traveller } from "./traveller.ts";

const SEED = 20261127;
const PROGRAMS = 100;

const processes: MachineProcess[] = [];
function processOf(...options: ConstructorParameters<typeof MachineProcess>): MachineProcess {
  const host = new MachineProcess(...options);
  processes.push(host);
  return host;
}
afterAll(async () => {
  for (const host of processes) await host[Symbol.asyncDispose]();
});

const nodes = await otherNodes();

test(`${PROGRAMS} random programs are the same when they move between processes at random instants`, async () => {
  const here = new LocalMachine(PROGRAM_MEMORY_MIB);
  const elsewhere = [processOf(PROGRAM_MEMORY_MIB), ...nodes.map((node) => processOf(PROGRAM_MEMORY_MIB, node))];
  let moves = 0;
  for (let seed = SEED; seed < SEED + PROGRAMS; seed++) {
    const flavour = seed % 2 === 0 ? "mixed" : "float";
    const told = await tellProgram(here, seed, flavour);
    const traveller = new Traveller([here, ...elsewhere], new Prng(seed), { longestPiece: 2000, moveOneIn: 2, hashOneIn: 4 });
    expect(await tellProgram(traveller, seed, flavour), `seed ${seed}`).toEqual(told);
    moves += traveller.moves;
  }
  expect(moves).toBeGreaterThan(PROGRAMS);
});

test("a whole boot is the same when it moves between processes at random instants", async () => {
  const reset = linuxAtReset(await linuxFiles());
  const environment = { typed: "head -c 16 /dev/hwrng | sha256sum; echo $((6*7)) apples >/dev/hvc0\n", last: "42 apples" };
  const told = await tellLinux(processOf(LINUX_MEMORY_MIB), reset, environment);
  expect(told.lines.length).toBeGreaterThan(30);
  const hosts = [
    processOf(LINUX_MEMORY_MIB),
    ...nodes.map((node) => processOf(LINUX_MEMORY_MIB, node)),
    new LocalMachine(LINUX_MEMORY_MIB),
  ];
  const traveller = new Traveller(hosts, new Prng(SEED), { longestPiece: 1_000_000, moveOneIn: 120, hashOneIn: 20 });
  expect(await tellLinux(traveller, reset, environment), `seed ${SEED}`).toEqual(told);
  expect(traveller.moves).toBeGreaterThan(3);
});
