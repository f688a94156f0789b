/**
 * The audit log: one entry for each call. A call that writes begins its entry in its own transaction; every call completes it.
 *
 * Completion times come from one clock, in the order of commits: its row is locked from the time that is taken until the commit.
 * A reader moves the clock too, and reads up to where it has moved it: whatever is completed later is later. So what was read of a
 * past range is final.
 */
import { and, asc, gt, gte, lt, lte, type SQL, sql } from "drizzle-orm";
import type { ApiCall, CallOutcome } from "../../domain/api-call.ts";
import type { Database, Queryable } from "../database.ts";
import { type AuditEntryRow, auditEntries, tokens } from "../schema.ts";
import type { CreatedCursor } from "./list-operations.ts";

export interface CompletedCall {
  readonly call: ApiCall;
  readonly outcome: CallOutcome;
}

export interface AuditRange {
  /** Inclusive. */
  readonly startTime: string | null;
  /** Exclusive. */
  readonly endTime: string | null;
}

export interface AuditedCall {
  readonly entry: AuditEntryRow;
  /** Null for a call without a token that was good. */
  readonly tokenName: string | null;
}

export interface AuditPage {
  readonly items: readonly AuditedCall[];
  /** The last entry of this page; null on the last page. */
  readonly next: CreatedCursor | null;
}

/** Begins the entry of a call that writes. A second transaction of the call finds it there. */
export async function beginAuditEntry(db: Queryable, call: ApiCall, controlPlane: number): Promise<void> {
  const { id, requestId, method, route, operation, resource, sourceAddress, token } = call;
  await db
    .insert(auditEntries)
    .values({ id, requestId, tokenId: token?.id ?? null, method, route, operation, resource, sourceAddress, controlPlane })
    .onConflictDoNothing();
}

/** Completes calls, in this order; those that have begun no entry get theirs. One that was given up for lost stays so. */
export async function completeAuditEntries(db: Queryable, calls: readonly CompletedCall[], controlPlane: number): Promise<void> {
  const rows = calls.map(({ call, outcome }, index) => ({
    n: index + 1,
    id: call.id,
    request_id: call.requestId,
    token_id: call.token?.id ?? null,
    method: call.method,
    route: call.route,
    operation: call.operation,
    resource: call.resource,
    source_address: call.sourceAddress,
    status: outcome.status,
    code: outcome.code,
    duration_ms: outcome.durationMs,
  }));
  await db.execute(sql`
    WITH clock AS (${moveClock(rows.length)})
    INSERT INTO audit_entries (id, request_id, token_id, method, route, operation, resource, source_address, control_plane,
      started_at, completed_at, status, code, duration_ms)
    SELECT id, request_id, token_id, method, route, operation, resource, source_address, ${controlPlane},
      clock.base + n * interval '1 microsecond' - duration_ms * interval '1 millisecond', clock.base + n * interval '1 microsecond',
      status, code, duration_ms
    FROM clock, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS completed (n bigint, id text, request_id text, token_id text, method text,
      route text, operation text, resource text, source_address text, status integer, code text, duration_ms double precision)
    ON CONFLICT (id) DO UPDATE SET completed_at = excluded.completed_at, status = excluded.status, code = excluded.code,
      duration_ms = excluded.duration_ms
    WHERE audit_entries.completed_at IS NULL`);
}

/** Ends the entries of control planes that are gone: what came of their calls nobody knows. @returns how many */
export async function giveUpAuditEntries(database: Database, present: ReadonlySet<number>, olderThanMs: number): Promise<number> {
  return database.transaction(async ({ db }) => {
    const { rows } = await db.execute<{ id: string }>(sql`
      SELECT id FROM audit_entries
      WHERE completed_at IS NULL AND started_at < now() - ${olderThanMs} * interval '1 millisecond'
        AND control_plane <> ALL (${sql.param([...present])}::integer[])
      ORDER BY started_at, id LIMIT 1000 FOR UPDATE`);
    if (rows.length === 0) return 0;
    await db.execute(sql`
      WITH clock AS (${moveClock(rows.length)})
      UPDATE audit_entries SET completed_at = clock.base + lost.n * interval '1 microsecond'
      FROM clock, unnest(${sql.param(rows.map(({ id }) => id))}::text[]) WITH ORDINALITY AS lost (id, n)
      WHERE audit_entries.id = lost.id`);
    return rows.length;
  });
}

/** In the order of completion. */
export async function listAuditEntries(
  db: Queryable,
  range: AuditRange,
  after: CreatedCursor | null,
  pageSize: number,
): Promise<AuditPage> {
  const { rows: moved } = await db.execute<{ upto: string }>(sql`WITH clock AS (${moveClock(0)}) SELECT base::text AS upto FROM clock`);
  const conditions: SQL[] = [lte(auditEntries.completedAt, sql`${moved[0]?.upto}::timestamptz`)];
  if (range.startTime !== null) conditions.push(gte(auditEntries.completedAt, sql`${range.startTime}::timestamptz`));
  if (range.endTime !== null) conditions.push(lt(auditEntries.completedAt, sql`${range.endTime}::timestamptz`));
  if (after !== null) conditions.push(gt(auditEntries.completedAt, sql`${after.createdAt}::timestamptz`));
  const rows = await db
    .select({ entry: auditEntries, tokenName: tokens.name, cursor: sql<string>`${auditEntries.completedAt}::text` })
    .from(auditEntries)
    .leftJoin(tokens, sql`${tokens.id} = ${auditEntries.tokenId}`)
    .where(and(...conditions))
    .orderBy(asc(auditEntries.completedAt))
    .limit(pageSize + 1);
  const page = rows.slice(0, pageSize);
  const last = page.at(-1);
  return { items: page, next: rows.length > pageSize && last !== undefined ? { createdAt: last.cursor, id: last.entry.id } : null };
}

/** Later than every entry, and not before the server's own clock. Between `base` and it is room for this many entries. */
function moveClock(entries: number): SQL {
  return sql`
    UPDATE audit_clock
    SET completed_at = greatest(completed_at + interval '1 microsecond', clock_timestamp()) + ${entries} * interval '1 microsecond' WHERE id = 1
    RETURNING completed_at - ${entries} * interval '1 microsecond' AS base`;
}
