/** An operation as the public contract shows it. */
import type { OperationRow } from "../db/schema.ts";
import type { Operation } from "../schemas/operation.ts";

export function presentOperation(row: OperationRow): Operation {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    vmId: row.vmId,
    workerId: row.workerId,
    result: row.result,
    error: row.error as Operation["error"],
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    completedAt: row.completedAt?.toISOString() ?? null,
  };
}
