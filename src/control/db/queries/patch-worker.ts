/** Changes a worker's labels. */
import { eq, sql } from "drizzle-orm";
import type { Transaction } from "../database.ts";
import { type WorkerRow, workers } from "../schema.ts";

/** @param decide called with the row under its lock */
export async function patchWorker(tx: Transaction, workerId: string, decide: (worker: WorkerRow) => Record<string, string>): Promise<void> {
  const [worker] = await tx.db.select().from(workers).where(eq(workers.id, workerId)).for("update");
  if (worker === undefined) return;
  await tx.db
    .update(workers)
    .set({ labels: decide(worker), updatedAt: sql`now()` })
    .where(eq(workers.id, workerId));
}
