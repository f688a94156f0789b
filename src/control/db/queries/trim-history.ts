/** Forgets what has outlived its use: events, audit entries, idempotency records, console tickets and input sessions, operations that ended long ago, bytes of no image. */
import { type SQL, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";

/** A statement that takes more is in the way of others, and may run into its time-out. */
const ROWS_MAX = 5000;
/** Rows of a mebibyte each. */
const CHUNKS_MAX = 64;

export interface Retention {
  readonly eventDays: number;
  readonly auditDays: number;
}

export async function trimHistory(db: Queryable, { eventDays, auditDays }: Retention): Promise<void> {
  await forget(db, sql`idempotency_records`, sql`expires_at < now()`);
  await forget(db, sql`console_tickets`, sql`expires_at < now()`);
  await forget(db, sql`console_input_sessions`, sql`last_used_at < ${daysAgo(30)}`);
  await forget(db, sql`events`, sql`time < ${daysAgo(eventDays)}`);
  await forget(db, sql`audit_entries`, sql`completed_at < ${daysAgo(auditDays)}`);
  await forget(db, sql`operations`, sql`completed_at < ${daysAgo(30)}`);
  // Of images that were deleted, and of uploads that were broken off.
  await forget(
    db,
    sql`image_chunks`,
    sql`stored_at < ${daysAgo(1)} AND digest NOT IN (
      SELECT unnest(ARRAY[manifest -> 'kernel' ->> 'digest', manifest -> 'initramfs' ->> 'digest']) FROM images
      WHERE (uploaded OR shared) AND deleted_at IS NULL)`,
    CHUNKS_MAX,
  );
}

async function forget(db: Queryable, table: SQL, condition: SQL, rowsMax = ROWS_MAX): Promise<void> {
  for (;;) {
    const { rowCount } = await db.execute(
      sql`DELETE FROM ${table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${rowsMax}))`,
    );
    if ((rowCount ?? 0) < rowsMax) return;
  }
}

function daysAgo(days: number): SQL {
  return sql`now() - make_interval(days => ${days})`;
}
