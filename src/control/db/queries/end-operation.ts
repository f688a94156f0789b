/** Ends an operation, once; or gives it up, with what waited for it. */
import { sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import { problemOf } from "../../errors/problem.ts";
import type { Transaction } from "../database.ts";

export interface OperationEnd {
  readonly state: "succeeded" | "failed" | "cancelled";
  readonly result: Record<string, unknown> | null;
  readonly error: Record<string, unknown> | null;
}

export async function endOperation(tx: Transaction, id: string, end: OperationEnd, cause: string): Promise<void> {
  const { rows } = await tx.db.execute<{ kind: string; vm_id: string | null; worker_id: string | null }>(sql`
    UPDATE operations SET state = ${end.state}, result = ${JSON.stringify(end.result)}::jsonb, error = ${JSON.stringify(end.error)}::jsonb,
      updated_at = now(), completed_at = now()
    WHERE id = ${id} AND state IN ('pending', 'running')
    RETURNING kind, vm_id, worker_id`);
  const [row] = rows;
  if (row === undefined) return;
  await tx.db.execute(sql`UPDATE vms SET operation_id = NULL WHERE operation_id = ${id}`);
  const about = row.worker_id === null ? {} : { workerId: row.worker_id };
  tx.emit({ type: "operation.updated", vmId: row.vm_id, cause, operationId: id, data: { kind: row.kind, state: end.state, ...about } });
}

/** The operation's object is taken away by another call, or by what `cause` says. Its error says so, as every operation that did not succeed has one. */
export async function cancelOperation(tx: Transaction, id: string, cause: string = USER_ACTION): Promise<void> {
  // What was to be elsewhere may stay.
  await tx.db.execute(sql`UPDATE replicas SET wanted = 'here', target_worker = NULL WHERE operation_id = ${id} AND wanted = 'elsewhere'`);
  const error = new ApiError("invalid_state", "Cannot complete the operation: it was cancelled", {
    details: { currentState: "cancelled" },
  });
  await endOperation(tx, id, { state: "cancelled", result: null, error: problemOf(error, `/v1/operations/${id}`, null) }, cause);
}
