/** `boot` and `interpreter`: one machine alone in this process, from reset to the ready line; then the same through the service. */
import { READY_LINE } from "../../src/images/index.ts";
import { Installation } from "../support/installation.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import { type Figure, median } from "./bench-line.ts";

const RUNS = 5;
const SERVICE_RUNS = 3;

export async function* boot(): AsyncGenerator<Figure> {
  const files = await linuxFiles();
  const seconds: number[] = [];
  const instants = new Set<bigint>();
  for (let run = 0; run < RUNS; run++) {
    const guest = new LinuxGuest(files, 256);
    const start = performance.now();
    guest.runUntil(READY_LINE);
    seconds.push((performance.now() - start) / 1000);
    instants.add(guest.vm.instant);
  }
  const [instructions] = instants;
  if (instants.size !== 1 || instructions === undefined) throw new Error(`boots differ: ${[...instants].join(", ")} instructions`);
  const detail = { memoryMiB: 256, cmdline: files.cmdline };
  yield { bench: "boot", name: "ready-line", unit: "s", value: median(seconds), n: RUNS, goal: 6, better: "lower", detail };
  yield { bench: "boot", name: "instructions", unit: "M", value: Number(instructions) / 1e6, n: RUNS, better: "lower", detail };
  const rates = seconds.map((time) => Number(instructions) / 1e6 / time);
  yield { bench: "interpreter", name: "boot", unit: "Minstr/s", value: median(rates), n: RUNS, goal: 200, better: "higher" };

  const installation = await Installation.start();
  try {
    const created: number[] = [];
    for (let run = 0; run < SERVICE_RUNS; run++) {
      const start = performance.now();
      const guest = await installation.boot();
      created.push((performance.now() - start) / 1000);
      guest.console.close();
      await (await guest.vm.delete()).result();
    }
    yield {
      bench: "boot",
      name: "service",
      unit: "s",
      value: median(created),
      n: SERVICE_RUNS,
      better: "lower",
      detail: { from: "POST /v1/vms to the shell's prompt, being paired meanwhile" },
    };
  } finally {
    await installation.stop();
  }
}
