/**
 * Runs a POST once for each idempotency key: the record is written in the transaction of the change itself, so there is
 * either both or neither. Refusals are not recorded: a request that was wrong may be sent again, corrected.
 */
import { createHash } from "node:crypto";
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { ApiCall } from "../../domain/api-call.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Database, Queryable, Transaction } from "../database.ts";
import { idempotencyRecords } from "../schema.ts";

export interface StoredAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

export interface IdempotentCall {
  readonly apiCall: ApiCall;
  readonly route: string;
  /** Null: the caller sent none. */
  readonly key: string | null;
  readonly body: unknown;
}

/**
 * The answer that such a call was given, for one that fails before its work, over something that has changed since.
 *
 * @throws {ApiError} `idempotency_key_reused`
 */
export function recordedAnswer({ db }: Database, call: IdempotentCall): Promise<StoredAnswer | null> {
  return call.key === null ? Promise.resolve(null) : find(db, call);
}

/** @throws {ApiError} `idempotency_in_progress`, `idempotency_key_reused` */
export function runIdempotently(
  database: Database,
  call: IdempotentCall,
  work: (tx: Transaction) => Promise<StoredAnswer>,
): Promise<StoredAnswer & { replayed: boolean }> {
  return database.transaction(async (tx) => {
    const { key, route } = call;
    if (key === null) return { ...(await work(tx)), replayed: false };
    const principal = principalOf(call);
    const { rows } = await tx.db.execute<{ locked: boolean }>(
      sql`SELECT pg_try_advisory_xact_lock(hashtextextended(${JSON.stringify([principal, route, key])}, 0)) AS locked`,
    );
    if (rows[0]?.locked !== true) {
      throw new ApiError("idempotency_in_progress", "Cannot answer yet: the first request with this idempotency key still runs", {
        details: { retryAfterMs: 200 },
      });
    }
    await tx.db.delete(idempotencyRecords).where(and(recordOf(call), sql`${idempotencyRecords.expiresAt} < now()`));
    const recorded = await find(tx.db, call);
    if (recorded !== null) return { ...recorded, replayed: true };
    const answer = await work(tx);
    await tx.db.insert(idempotencyRecords).values({
      project: "default",
      principal,
      route,
      key,
      fingerprint: fingerprintOf(call),
      status: answer.status,
      headers: answer.headers,
      body: answer.body,
      expiresAt: sql`now() + interval '24 hours'`,
    });
    return { ...answer, replayed: false };
  }, call.apiCall);
}

function principalOf({ apiCall }: IdempotentCall): string {
  return apiCall.token?.id ?? "";
}

function fingerprintOf({ body }: IdempotentCall): string {
  return createHash("sha256").update(canonical(body)).digest("hex");
}

function recordOf(call: IdempotentCall): SQL | undefined {
  return and(
    eq(idempotencyRecords.project, "default"),
    eq(idempotencyRecords.principal, principalOf(call)),
    eq(idempotencyRecords.route, call.route),
    eq(idempotencyRecords.key, call.key ?? ""),
  );
}

async function find(db: Queryable, call: IdempotentCall): Promise<StoredAnswer | null> {
  const [record] = await db
    .select()
    .from(idempotencyRecords)
    .where(and(recordOf(call), sql`${idempotencyRecords.expiresAt} >= now()`));
  if (record === undefined) return null;
  if (record.fingerprint !== fingerprintOf(call)) {
    throw new ApiError("idempotency_key_reused", "Cannot use this idempotency key: it was sent with another body. Make a new key");
  }
  return { status: record.status, headers: record.headers, body: record.body };
}

/** JSON with sorted keys: the same request, however its fields are ordered. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(",")}}`;
}
