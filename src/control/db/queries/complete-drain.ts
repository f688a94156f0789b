/** A worker that was to be drained holds nothing any more: says so, and ends the operation that waited for it. */
import { sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import type { WorkerRow } from "../schema.ts";
import { endOperation } from "./end-operation.ts";

const DRAINED = "drained";

export function completeDrain(database: Database, worker: WorkerRow, operationId: string): Promise<void> {
  return database.transaction(async (tx) => {
    const { rowCount } = await tx.db.execute(sql`
      UPDATE workers SET operation_id = NULL, updated_at = now()
      WHERE id = ${worker.id} AND operation_id = ${operationId} AND desired_state = 'drained'
        AND NOT EXISTS (SELECT FROM replicas WHERE worker_id = ${worker.id} AND gone_at IS NULL)`);
    if ((rowCount ?? 0) === 0) return;
    tx.emit({ type: "worker.drain.completed", cause: DRAINED, operationId, data: { workerId: worker.id, name: worker.name } });
    await endOperation(tx, operationId, { state: "succeeded", result: null, error: null }, DRAINED);
  });
}
