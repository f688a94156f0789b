/**
 * Spans of work that outlives the call that asked for it: operations, and failovers that failed. They are told from their rows, at the
 * control plane that has committed their end; a failover that is complete is told with its figures (`reconcile/failover-spans.ts`).
 */
import { eq } from "drizzle-orm";
import type { Tracer } from "../tracing/tracer.ts";
import type { Database } from "./db/database.ts";
import { failovers, operations } from "./db/schema.ts";
import type { EventDraft } from "./domain/events.ts";

export function traceEndedWork(database: Database, tracer: Tracer): void {
  database.onCommitted((events) => {
    for (const event of events) {
      // Where the row cannot be read, there is no span: what was done is done.
      if (isEndOfOperation(event)) traceOperation(database, tracer, event.operationId as string).catch(() => {});
      if (event.type === "vm.failover.failed") traceFailure(database, tracer, event).catch(() => {});
    }
  });
}

function isEndOfOperation({ type, operationId, data }: EventDraft): boolean {
  return type === "operation.updated" && operationId != null && data?.["state"] !== "running" && data?.["state"] !== "pending";
}

async function traceOperation(database: Database, tracer: Tracer, id: string): Promise<void> {
  const [row] = await database.db.select().from(operations).where(eq(operations.id, id));
  if (row === undefined || row.completedAt === null) return;
  const span = tracer.start(`operation ${row.kind}`, {
    parent: row.traceparent,
    startMs: row.createdAt.getTime(),
    attributes: {
      "understudy.operation.id": row.id,
      "understudy.operation.kind": row.kind,
      "understudy.operation.state": row.state,
      "understudy.vm.id": row.vmId ?? undefined,
      "understudy.worker.id": row.workerId ?? undefined,
      "understudy.request.id": row.requestId ?? undefined,
    },
  });
  const code = row.error?.["code"];
  span.end({
    error: row.state === "succeeded" ? undefined : typeof code === "string" ? code : row.state,
    endMs: row.completedAt.getTime(),
  });
}

async function traceFailure(database: Database, tracer: Tracer, event: EventDraft): Promise<void> {
  const [row] = await database.db
    .select()
    .from(failovers)
    .where(eq(failovers.id, String(event.data?.["failoverId"])));
  if (row === undefined || row.completedAt === null) return;
  const attributes = { "understudy.failover.id": row.id, "understudy.vm.id": row.vmId, "understudy.failover.cause": row.cause };
  const span = tracer.start("failover", { parent: row.origin?.traceparent ?? null, startMs: row.startedAt.getTime(), attributes });
  span.end({ error: event.cause, endMs: row.completedAt.getTime() });
}
