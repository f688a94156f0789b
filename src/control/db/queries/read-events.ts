/** Events behind a cursor, in the order of their numbers. */
import { and, asc, eq, gt, type SQL, sql } from "drizzle-orm";
import type { LabelRequirement } from "../../domain/label-selector.ts";
import type { Queryable } from "../database.ts";
import { type EventRow, events, vms } from "../schema.ts";
import { labelConditions } from "./label-conditions.ts";

export interface EventFilter {
  readonly vmId: string | null;
  /** `vm.created`, or `vm.failover.*` for all that begin so; empty: all. */
  readonly types: readonly string[];
  /** Only of VMs that have such labels now; empty: all. */
  readonly labels: readonly LabelRequirement[];
}

export async function readEvents(db: Queryable, filter: EventFilter, after: bigint, limit: number): Promise<EventRow[]> {
  const conditions: SQL[] = [gt(events.seq, after)];
  if (filter.vmId !== null) conditions.push(eq(events.vmId, filter.vmId));
  if (filter.labels.length > 0) {
    const labelled = sql.join(labelConditions(vms.labels, filter.labels), sql` AND `);
    conditions.push(sql`EXISTS (SELECT FROM ${vms} WHERE ${vms.id} = ${events.vmId} AND ${labelled})`);
  }
  if (filter.types.length > 0) {
    const patterns = filter.types.map((type) => type.replaceAll(/[\\%_]/g, "\\$&").replace(/\*$/, "%"));
    conditions.push(sql`${events.type} LIKE ANY (${sql.param(patterns)}::text[])`);
  }
  return db
    .select()
    .from(events)
    .where(and(...conditions))
    .orderBy(asc(events.seq))
    .limit(limit);
}

/** The number of the newest event, and of the oldest that is kept. */
export async function readEventBounds(db: Queryable): Promise<{ newest: bigint; oldest: bigint }> {
  const { rows } = await db.execute<{ newest: string; oldest: string }>(
    sql`SELECT seq AS newest, coalesce((SELECT min(seq) FROM events), seq + 1) AS oldest FROM event_clock WHERE id = 1`,
  );
  return { newest: BigInt(rows[0]?.newest ?? 0), oldest: BigInt(rows[0]?.oldest ?? 1) };
}
