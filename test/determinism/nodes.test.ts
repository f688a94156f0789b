/** What a guest does is the same under every version of Node, the oldest supported one and the newest there is, interpreted or translated. */
import { afterAll, expect, test } from "vitest";
import { complaints, expectedResults, WORK_COMMAND, WORK_DONE, withWork, workReport } from "../support/guest-work.ts";
import { linuxFiles } from "../support/linux-guest.ts";
import { otherNodes } from "../support/node-versions.ts";
import { LocalMachine } from "./machine-host.ts";
import { MachineProcesses } from "./machine-processes.ts";
import { LINUX_MEMORY_MIB, linuxAtReset, PROGRAM_MEMORY_MIB, tellLinux, tellProgram } from "./stories.ts";

const PROGRAMS = 200;

const processes = new MachineProcesses();
afterAll(() => processes.end());

const nodes = await otherNodes();
const names = [process.versions.node, ...nodes.map(({ version }) => version)].join(" and ");

test(`${PROGRAMS} random programs are the same, interpreted and translated, under Node ${names}`, async () => {
  const here = new LocalMachine({ memoryMiB: PROGRAM_MEMORY_MIB, engine: "interpreter" });
  const hosts = processes.startOfEachKind(PROGRAM_MEMORY_MIB, "translates-all", nodes);
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const flavour = seed % 2 === 0 ? "mixed" : "float";
    const told = await tellProgram(here, seed, flavour);
    const others = await Promise.all(hosts.map((host) => tellProgram(host, seed, flavour)));
    for (const [index, other] of others.entries()) expect(other, `seed ${seed}, ${hosts[index]?.name}`).toEqual(told);
  }
});

test(`a boot and a guest's work have equal hashes every 10 million instructions, interpreted and translated, under Node ${names}`, async () => {
  const reset = linuxAtReset(withWork(await linuxFiles()));
  const environment = { typed: WORK_COMMAND, last: WORK_DONE };
  const interpreted = { memoryMiB: LINUX_MEMORY_MIB, engine: "interpreter" } as const;
  const translated = { memoryMiB: LINUX_MEMORY_MIB, engine: "translates-often" } as const;
  const others = nodes.flatMap((node) => [processes.start(interpreted, node), processes.start(translated, node)]);
  const hosts = [processes.start(interpreted), ...(others.length > 0 ? others : [processes.start(translated)])];
  const [told, ...stories] = await Promise.all(hosts.map((host) => tellLinux(host, reset, environment)));
  expect(told?.lines.length).toBeGreaterThan(60);
  for (const [index, story] of stories.entries()) expect(story, hosts[index + 1]?.name).toEqual(told);
  const { results, kernelLog } = workReport(told?.transcript ?? "");
  expect(results).toEqual(expectedResults());
  expect(complaints(kernelLog)).toEqual([]);
}, 900_000);
