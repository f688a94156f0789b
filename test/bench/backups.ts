/**
 * `backups`: what the second and the third backup cost the primary: processor time of its worker process for each guest
 * instruction, over the same with one backup. The guest computes a third of the time, so that two cores hold all replicas.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median } from "./bench-line.ts";
import { threadTimesMs } from "./processor-time.ts";

const BACKUPS = [1, 2, 3] as const;
const ROUNDS = 5;
const SAMPLE_MS = 8_000;
const COST_OF_EACH = 0.02;
const COMPUTE = "mknod /tmp/f p; exec 3<>/tmp/f; while :; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; read -t 0.1 x <&3; done &\n";

/** Nanoseconds of processor time for a thousand guest instructions. */
interface Cost {
  /** The thread with the sockets and the protocol. */
  readonly main: number;
  /** The threads of the guest, of its compiler, and the pool's. */
  readonly others: number;
}

export async function* backups(): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 4 });
  try {
    const guest = await installation.boot({ memoryMiB: 96 });
    await guest.protectedNow();
    await guest.console.type(COMPUTE);
    const costs = new Map<number, Cost[]>(BACKUPS.map((count) => [count, []]));
    // In turn, so that all of them see the same host; the first round warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const count of BACKUPS) {
        await wanted(guest, count);
        const cost = await sample(guest);
        if (round > 0) costs.get(count)?.push(cost);
      }
    }
    const of = (count: number, what: (cost: Cost) => number) => median((costs.get(count) ?? []).map(what));
    const all = ({ main, others }: Cost) => main + others;
    for (const count of BACKUPS) {
      const detail = {
        is: "processor time of the primary's worker for each guest instruction, over that with one backup",
        nsPerKiloInstruction: Number(of(count, all).toFixed(2)),
        mainThreadNsPerKiloInstruction: Number(of(count, ({ main }) => main).toFixed(3)),
        mainThreadMore: Number(((of(count, ({ main }) => main) - of(1, ({ main }) => main)) / of(1, all)).toFixed(4)),
      };
      yield {
        bench: "backups",
        name: String(count),
        unit: "ratio",
        value: of(count, all) / of(1, all),
        n: ROUNDS,
        ...(count === 1 ? {} : { goal: 1 + COST_OF_EACH * (count - 1) }),
        better: "lower",
        detail,
      };
    }
    guest.console.close();
  } finally {
    await installation.stop();
  }
}

async function wanted(guest: Guest, count: number): Promise<void> {
  await guest.vm.update({ spec: { protection: { backups: count } } });
  await guest.vm.waitFor("fully_protected", { timeoutMs: 240_000 });
  while ((await guest.vm.refresh()).status.protection.syncedBackups !== count) await delay(100);
  // What a pairing leaves to do, compiling too, is done by then.
  await delay(2_000);
}

async function sample(guest: Guest): Promise<Cost> {
  const { pid, replicaId } = await guest.workerOf("primary");
  const from = await nextReport(guest, pid);
  await delay(SAMPLE_MS);
  const to = await nextReport(guest, pid);
  if ((await guest.workerOf("primary")).replicaId !== replicaId) throw new Error("the primary changed while it was measured");
  const kiloInstructions = Number(to.instant - from.instant) / 1000;
  const main = (to.mainMs - from.mainMs) * 1e6;
  const others = (to.allMs - from.allMs) * 1e6 - main;
  return { main: main / kiloInstructions, others: others / kiloInstructions };
}

/** What the process has used when the service has just heard how far the guest is, which it does once a second. */
async function nextReport(guest: Guest, pid: number): Promise<{ instant: bigint; mainMs: number; allMs: number }> {
  const instant = async () => BigInt((await guest.vm.refresh()).status.instant);
  const before = await instant();
  let now = before;
  while (now === before) {
    await delay(5);
    now = await instant();
  }
  const threads = threadTimesMs(pid);
  return { instant: now, mainMs: threads.get(pid) ?? 0, allMs: [...threads.values()].reduce((sum, ms) => sum + ms, 0) };
}
