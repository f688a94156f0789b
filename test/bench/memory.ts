/** `memory`: resident memory of a worker that hosts one 128 MiB replica at the shell's prompt, against what the guest touched. */
import { readFileSync } from "node:fs";
import { Installation } from "../support/installation.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import type { Figure } from "./bench-line.ts";

const GUEST_MIB = 128;
/** What the process may need beside the guest's own pages. */
const ALLOWANCE_MIB = 60;

export async function* memory(): AsyncGenerator<Figure> {
  const touched = await touchedMiB();
  const installation = await Installation.start({ workers: 2 });
  try {
    const guest = await installation.boot({ memoryMiB: GUEST_MIB });
    await guest.protectedNow();
    for (const role of ["primary", "backup"] as const) {
      const { pid } = await guest.workerOf(role);
      const goal = Math.round(touched + ALLOWANCE_MIB);
      yield {
        bench: "memory",
        name: role,
        unit: "MiB",
        value: residentMiB(pid),
        n: 1,
        goal,
        better: "lower",
        detail: { guestTouchedMiB: Math.round(touched), memoryMiB: GUEST_MIB },
      };
    }
    guest.console.close();
  } finally {
    await installation.stop();
  }
}

function residentMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (line === null) throw new Error(`process ${pid} shows no VmRSS`);
  return Number(line[1]) / 1024;
}

/** Pages that a guest at its prompt has written to, or was loaded with: what a transfer of it would have to look at. */
async function touchedMiB(): Promise<number> {
  const guest = new LinuxGuest(await linuxFiles(), GUEST_MIB);
  guest.runUntil("# ");
  guest.vm.beginCapture();
  return (guest.vm.captureState(1, false).pagesLeft + 1) / 256;
}
