/** What a guest does is the same under every version of Node: the oldest supported one, and the newest there is. */
import { afterAll, expect, test } from "vitest";
import { complaints, expectedResults, WORK_COMMAND, WORK_DONE, withWork, workReport } from "../support/guest-work.ts";
import { linuxFiles } from "../support/linux-guest.ts";
import { otherNodes } from "../support/node-versions.ts";
import { MachineProcess } from "./machine-process.ts";
import { LINUX_MEMORY_MIB, linuxAtReset, PROGRAM_MEMORY_MIB, tellLinux, tellProgram } from "./stories.ts";

const PROGRAMS = 400;

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
const own = process.versions.node;

test.skipIf(nodes.length === 0)(`${PROGRAMS} random programs are the same under Node ${own} and ${versions()}`, async () => {
  const here = processOf(PROGRAM_MEMORY_MIB);
  for (const node of nodes) {
    const there = processOf(PROGRAM_MEMORY_MIB, node);
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const flavour = seed % 2 === 0 ? "mixed" : "float";
      const [told, other] = await Promise.all([tellProgram(here, seed, flavour), tellProgram(there, seed, flavour)]);
      expect(other, `seed ${seed}, Node ${node.version}`).toEqual(told);
    }
  }
});

test.skipIf(nodes.length === 0)(
  `a boot and a guest's work have equal hashes every 10 million instructions under Node ${own} and ${versions()}`,
  async () => {
    const reset = linuxAtReset(withWork(await linuxFiles()));
    const hosts = [processOf(LINUX_MEMORY_MIB), ...nodes.map((node) => processOf(LINUX_MEMORY_MIB, node))];
    const [told, ...others] = await Promise.all(hosts.map((host) => tellLinux(host, reset, { typed: WORK_COMMAND, last: WORK_DONE })));
    expect(told?.lines.length).toBeGreaterThan(60);
    for (const [index, other] of others.entries()) expect(other, hosts[index + 1]?.name).toEqual(told);
    const { results, kernelLog } = workReport(told?.transcript ?? "");
    expect(results).toEqual(expectedResults());
    expect(complaints(kernelLog)).toEqual([]);
  },
);

function versions(): string {
  return nodes.map(({ version }) => version).join(", ") || "no other";
}
