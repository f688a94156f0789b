/** The failovers of a VM, newest first, or one of them. Those that never got the arbiter's grant are not history. */
import { and, desc, eq, isNotNull, lt, or, type SQL, sql } from "drizzle-orm";
import { ApiError } from "../../errors/api-error.ts";
import type { Queryable } from "../database.ts";
import { type FailoverRow, failovers } from "../schema.ts";

export async function listFailovers(
  db: Queryable,
  vmId: string,
  after: { readonly createdAt: string; readonly id: string } | null,
  pageSize: number,
): Promise<{ items: FailoverRow[]; next: { createdAt: string; id: string } | null }> {
  const conditions: SQL[] = [eq(failovers.vmId, vmId), isNotNull(failovers.term)];
  if (after !== null) {
    const startedAt = sql`${after.createdAt}::timestamptz`;
    conditions.push(
      or(lt(failovers.startedAt, startedAt), and(sql`${failovers.startedAt} = ${startedAt}`, lt(failovers.id, after.id))) as SQL,
    );
  }
  const rows = await db
    .select({ failover: failovers, cursor: sql<string>`${failovers.startedAt}::text` })
    .from(failovers)
    .where(and(...conditions))
    .orderBy(desc(failovers.startedAt), desc(failovers.id))
    .limit(pageSize + 1);
  const page = rows.slice(0, pageSize);
  const last = page.at(-1);
  return {
    items: page.map(({ failover }) => failover),
    next: rows.length > pageSize && last !== undefined ? { createdAt: last.cursor, id: last.failover.id } : null,
  };
}

/** @throws {ApiError} `failover_not_found` */
export async function readFailover(db: Queryable, vmId: string, id: string): Promise<FailoverRow> {
  const [row] = await db
    .select()
    .from(failovers)
    .where(and(eq(failovers.vmId, vmId), eq(failovers.id, id)));
  if (row === undefined)
    throw new ApiError("failover_not_found", `Cannot find the failover "${id}": GET /v1/vms/${vmId}/failovers lists those that there were`);
  return row;
}
