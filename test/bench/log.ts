/** `log`: what the logging channel carries, primary to backup, for a guest that idles, computes, and writes its console. */
import { setTimeout as delay } from "node:timers/promises";
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median } from "./bench-line.ts";

const SAMPLES = 15;

export async function* log(): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 2 });
  try {
    const guest = await installation.boot();
    await guest.protectedNow();
    await delay(5_000);
    yield {
      bench: "log",
      name: "idle",
      unit: "bytes/s",
      value: await rate(guest),
      n: SAMPLES,
      goal: 125,
      better: "lower",
      detail: { goalIs: "1 kbit/s" },
    };
    await guest.console.type("while :; do :; done &\n");
    await delay(5_000);
    yield {
      bench: "log",
      name: "cpu-bound",
      unit: "bytes/s",
      value: await rate(guest),
      n: SAMPLES,
      goal: 6250,
      better: "lower",
      detail: { goalIs: "50 kbit/s" },
    };
    await guest.console.type("kill $!\n");
    await guest.console.type("while :; do echo the quick brown fox; done\n");
    await delay(5_000);
    yield { bench: "log", name: "console-bound", unit: "bytes/s", value: await rate(guest), n: SAMPLES, better: "lower" };
    guest.console.close();
  } finally {
    await installation.stop();
  }
}

/** Median over one sample a second, as the service reports it. */
async function rate(guest: Guest): Promise<number> {
  const samples: number[] = [];
  while (samples.length < SAMPLES) {
    await delay(1_000);
    const { status } = await guest.vm.refresh();
    if (status.protection.state !== "protected") throw new Error(`the VM is ${status.protection.state} while its log is measured`);
    samples.push(status.protection.logBytesPerSecond);
  }
  return median(samples);
}
