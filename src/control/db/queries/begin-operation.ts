/** Writes down what a call sets going. */
import { sql } from "drizzle-orm";
import type { ApiCall } from "../../domain/api-call.ts";
import type { OperationKind } from "../../domain/operations.ts";
import { newId, type Transaction } from "../database.ts";
import { type OperationRow, operations, type StoredOrigin } from "../schema.ts";

export interface NewOperation {
  readonly kind: OperationKind;
  readonly vmId?: string;
  readonly workerId?: string;
  /** There is nothing to wait for: it has succeeded. */
  readonly done?: boolean;
}

export async function beginOperation(tx: Transaction, { kind, vmId, workerId, done = false }: NewOperation): Promise<OperationRow> {
  const [row] = await tx.db
    .insert(operations)
    .values({
      id: newId("op"),
      project: "default",
      kind,
      vmId: vmId ?? null,
      workerId: workerId ?? null,
      requestId: tx.call?.requestId ?? null,
      traceparent: tx.call?.traceparent ?? null,
      ...(done ? { state: "succeeded", completedAt: sql`now()` } : {}),
    })
    .returning();
  return row as OperationRow;
}

/** What is done for a call belongs to its trace. */
export function originOf(call: ApiCall | null): StoredOrigin | null {
  return call === null ? null : { requestId: call.requestId, traceparent: call.traceparent };
}
