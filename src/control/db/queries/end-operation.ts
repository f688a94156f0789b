/** Ends an operation, once. */
import { sql } from "drizzle-orm";
import type { Transaction } from "../database.ts";

export interface OperationEnd {
  readonly state: "succeeded" | "failed";
  readonly result: Record<string, unknown> | null;
  readonly error: Record<string, unknown> | null;
}

export async function endOperation(tx: Transaction, id: string, end: OperationEnd): Promise<void> {
  const { rows } = await tx.db.execute<{ kind: string; vm_id: string | null }>(sql`
    UPDATE operations SET state = ${end.state}, result = ${JSON.stringify(end.result)}::jsonb, error = ${JSON.stringify(end.error)}::jsonb,
      updated_at = now(), completed_at = now()
    WHERE id = ${id} AND state IN ('pending', 'running')
    RETURNING kind, vm_id`);
  const [row] = rows;
  if (row === undefined) return;
  await tx.db.execute(sql`UPDATE vms SET operation_id = NULL WHERE operation_id = ${id}`);
  tx.emit({ type: "operation.updated", vmId: row.vm_id, operationId: id, data: { kind: row.kind, state: end.state } });
}
