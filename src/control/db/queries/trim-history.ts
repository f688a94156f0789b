/** Forgets what has outlived its use: events, idempotency records, operations that ended long ago. */
import { sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";

export async function trimHistory(db: Queryable, eventDays: number): Promise<void> {
  await db.execute(sql`DELETE FROM idempotency_records WHERE expires_at < now()`);
  await db.execute(sql`DELETE FROM events WHERE time < now() - make_interval(days => ${eventDays})`);
  await db.execute(sql`DELETE FROM operations WHERE completed_at < now() - interval '30 days'`);
}
