/**
 * `lag`: how far the backup's execution is behind, from the receipt of an epoch's record to the end of its execution, for a guest
 * that computes and for one that writes its console as fast as it can. What the service's /metrics count in half a minute.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Guest, Installation } from "../support/installation.ts";
import type { Figure } from "./bench-line.ts";
import { between, scrape } from "./scraped-histogram.ts";

const SETTLE_MS = 5_000;
const MEASURE_MS = 30_000;
const LOADS = [
  ["cpu-bound", "while :; do :; done"],
  ["console-bound", "while :; do echo the quick brown fox; done"],
] as const;

export async function* lag(): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 2 });
  try {
    for (const [name, command] of LOADS) {
      const guest = await installation.boot({ name });
      await guest.protectedNow();
      const { term } = guest.vm.status;
      await guest.console.type(`${command}\n`);
      await delay(SETTLE_MS);
      const execution = await scrape(installation, "backup_execution_delay_seconds");
      const commit = await scrape(installation, "output_commit_delay_seconds");
      await delay(MEASURE_MS);
      const executed = between(execution, await scrape(installation, "backup_execution_delay_seconds"));
      const committed = name === "cpu-bound" ? null : between(commit, await scrape(installation, "output_commit_delay_seconds"));
      await heldPair(guest, term);
      yield {
        bench: "lag",
        name,
        unit: "ms",
        value: executed.quantileMs(0.5),
        p99: executed.quantileMs(0.99),
        n: executed.n,
        goalP99: 10,
        better: "lower",
        detail: { epochsPerSecond: Math.round((executed.n * 1000) / MEASURE_MS) },
      };
      if (committed !== null) {
        yield {
          bench: "lag",
          name: "output-commit",
          unit: "ms",
          value: committed.quantileMs(0.5),
          p99: committed.quantileMs(0.99),
          n: committed.n,
          better: "lower",
          detail: { guest: name },
        };
      }
      guest.console.close();
      await guest.vm.delete();
    }
  } finally {
    await installation.stop();
  }
}

/** @throws {Error} where it was another pair that was measured, or none */
async function heldPair(guest: Guest, term: number): Promise<void> {
  const { status } = await guest.vm.refresh();
  if (status.protection.state !== "protected" || status.term !== term) {
    throw new Error(`the VM is ${status.protection.state} in term ${status.term} while its lag is measured, it was protected in ${term}`);
  }
}
