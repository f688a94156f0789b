/** Forgets a worker that holds nothing and whose process is gone. One of its name that joins later is another worker. */
import { eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { replicas, type WorkerRow, workerIdentities, workers } from "../schema.ts";

/** @throws {ApiError} `worker_not_drained`, `invalid_state` */
export async function deleteWorker(tx: Transaction, workerId: string): Promise<WorkerRow> {
  const [locked] = await tx.db.select().from(workers).where(eq(workers.id, workerId)).for("update");
  const worker = locked as WorkerRow;
  const { rows } = await tx.db.execute<{ held: string }>(
    sql`SELECT count(*) AS held FROM replicas WHERE worker_id = ${workerId} AND gone_at IS NULL`,
  );
  const held = Number(rows[0]?.held);
  if (held > 0) {
    throw new ApiError(
      "worker_not_drained",
      `Cannot forget the worker "${worker.name}": it holds ${held} replicas; drain or fence it first`,
      {
        details: { currentState: worker.state, replicas: held },
      },
    );
  }
  if (worker.state !== "lost" && worker.state !== "fenced") {
    throw new ApiError(
      "invalid_state",
      `Cannot forget the worker "${worker.name}": it is ${worker.state} and would join again; stop its process first`,
      {
        details: { currentState: worker.state, allowedStates: ["lost", "fenced"] },
      },
    );
  }
  // What it held once is history of VMs in their events; here it would hold on to the worker.
  await tx.db.delete(replicas).where(eq(replicas.workerId, workerId));
  // Its certificates are good for nothing any more.
  await tx.db.delete(workerIdentities).where(eq(workerIdentities.workerId, workerId));
  await tx.db.delete(workers).where(eq(workers.id, workerId));
  tx.emit({ type: "worker.deleted", cause: USER_ACTION, data: { workerId, name: worker.name } });
  return worker;
}
