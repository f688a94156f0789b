/** A failover is over: the new primary is live, or the replica that was to take over cannot. */
import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import { ApiError } from "../../errors/api-error.ts";
import { problemOf } from "../../errors/problem.ts";
import { presentFailover } from "../../presenters/failover.ts";
import type { Queryable, Transaction } from "../database.ts";
import { type FailoverRow, failovers, replicas, type StoredGapMs, type StoredOrigin } from "../schema.ts";
import { endOperation } from "./end-operation.ts";

export interface FailoverFigures {
  readonly gapMs: StoredGapMs;
  readonly instant: bigint;
  readonly consoleEnd: bigint;
  readonly firstOutputMs: number | null;
  readonly verified: { readonly instant: bigint; readonly stateHash: string } | null;
  readonly cause: FailoverRow["cause"];
  /** Of its span; null: it is not traced. */
  readonly traceparent: string | null;
}

/** @returns false where it is over already */
export async function completeFailover(tx: Transaction, failover: FailoverRow, figures: FailoverFigures): Promise<boolean> {
  const repairOrigin = originOfRepair(failover, figures.traceparent);
  // The VM's row first: every transaction takes its locks in that order, with the event clock last.
  await tx.db.execute(sql`
    UPDATE vms SET instant = greatest(instant, ${figures.instant}), console_end = greatest(console_end, ${figures.consoleEnd}),
      repair_origin = ${repairOrigin === null ? null : JSON.stringify(repairOrigin)}::jsonb
    WHERE id = ${failover.vmId}`);
  const [row] = await tx.db
    .update(failovers)
    .set({
      state: "completed",
      cause: figures.cause,
      gapMs: figures.gapMs,
      instant: figures.instant,
      consoleEnd: figures.consoleEnd,
      firstOutputMs: figures.firstOutputMs,
      verifiedInstant: figures.verified?.instant ?? null,
      stateHash: figures.verified?.stateHash ?? null,
      traceparent: figures.traceparent,
      completedAt: sql`now()`,
    })
    .where(and(eq(failovers.id, failover.id), eq(failovers.state, "promoting")))
    .returning();
  if (row === undefined) return false;
  await tx.db
    .update(replicas)
    .set({ state: "live", updatedAt: sql`now()` })
    .where(and(eq(replicas.id, row.toReplica), eq(replicas.state, "promoting")));
  tx.emit({
    type: "vm.failover.completed",
    vmId: row.vmId,
    term: row.term,
    cause: row.cause,
    operationId: row.operationId,
    data: {
      failoverId: row.id,
      mode: row.mode,
      from: row.fromReplica,
      to: row.toReplica,
      gapMs: figures.gapMs,
      instant: figures.instant.toString(),
    },
  });
  if (row.operationId !== null) {
    await endOperation(tx, row.operationId, { state: "succeeded", result: presentFailover(row), error: null }, row.cause);
  }
  return true;
}

/** @param traceparent of the failover's span; null: it is not traced. @returns what the next backups are placed for */
export function originOfRepair({ origin }: FailoverRow, traceparent: string | null): StoredOrigin | null {
  return traceparent === null ? origin : { requestId: origin?.requestId ?? null, traceparent };
}

/** The guest of a promoted replica has written for the first time. @returns null where that is written down already */
export async function recordFirstOutput(db: Queryable, toReplica: string, firstOutputMs: number): Promise<FailoverRow | null> {
  const [row] = await db
    .update(failovers)
    .set({ firstOutputMs })
    .where(and(eq(failovers.toReplica, toReplica), isNotNull(failovers.term), isNull(failovers.firstOutputMs)))
    .returning();
  return row ?? null;
}

/** Somebody who is attached had no output for so long over the promotion of this replica. */
export async function recordClientGap(db: Queryable, toReplica: string, clientMs: number): Promise<void> {
  const longest = sql`greatest(${failovers.clientMs}, ${clientMs}::double precision)`;
  await db
    .update(failovers)
    .set({ clientMs: longest })
    .where(and(eq(failovers.toReplica, toReplica), isNotNull(failovers.term)));
}

/** @param cause code, `why` in words */
export async function abandonFailover(tx: Transaction, failover: FailoverRow, cause: string, why: string): Promise<void> {
  await tx.db.execute(sql`SELECT FROM vms WHERE id = ${failover.vmId} FOR UPDATE`);
  const [row] = await tx.db
    .update(failovers)
    .set({ state: "failed", completedAt: sql`now()` })
    .where(and(eq(failovers.id, failover.id), eq(failovers.state, failover.state)))
    .returning();
  if (row !== undefined) await tellFailed(tx, row, cause, why);
}

/** Says that a failover has failed, and ends its operation. */
export async function tellFailed(
  tx: Transaction,
  row: Pick<FailoverRow, "id" | "vmId" | "mode" | "fromReplica" | "toReplica" | "operationId">,
  cause: string,
  why: string,
): Promise<void> {
  tx.emit({
    type: "vm.failover.failed",
    vmId: row.vmId,
    cause,
    operationId: row.operationId,
    data: { failoverId: row.id, mode: row.mode, from: row.fromReplica, to: row.toReplica },
  });
  if (row.operationId === null) return;
  const error = new ApiError("not_protected", `Cannot fail over: ${why}`);
  await endOperation(tx, row.operationId, { state: "failed", result: null, error: problemOf(error, `/v1/vms/${row.vmId}`, null) }, cause);
}
