/**
 * `memory`: resident memory of a worker that hosts one 128 MiB replica at the shell's prompt, as soon as it is protected and once it has
 * idled there, against what the guest touched.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type Guest, Installation } from "../support/installation.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import type { Figure } from "./bench-line.ts";

const GUEST_MIB = 128;
/** What the process may need beside the guest's own pages. */
const ALLOWANCE_MIB = 60;
/** Long enough for machines to be moved into fresh memory. */
const IDLE_MS = 20_000;

export async function* memory(): AsyncGenerator<Figure> {
  const touched = await touchedMiB();
  const installation = await Installation.start({ workers: 2 });
  try {
    const guest = await installation.boot({ memoryMiB: GUEST_MIB });
    await guest.protectedNow();
    yield* await figures(guest, touched, "");
    await delay(IDLE_MS);
    yield* await figures(guest, touched, "-idle");
    guest.console.close();
  } finally {
    await installation.stop();
  }
}

async function figures(guest: Guest, touchedMiB: number, suffix: string): Promise<Figure[]> {
  const roles = await Promise.all((["primary", "backup"] as const).map(async (role) => ({ role, ...(await guest.workerOf(role)) })));
  return roles.map(({ role, pid }) => ({
    bench: "memory",
    name: `${role}${suffix}`,
    unit: "MiB",
    value: residentMiB(pid),
    n: 1,
    goal: Math.round(touchedMiB + ALLOWANCE_MIB),
    better: "lower",
    detail: { guestTouchedMiB: Math.round(touchedMiB), memoryMiB: GUEST_MIB },
  }));
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
