/** What a replica was found to be. */
import { and, eq, isNull, ne, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { type ReplicaRow, replicas } from "../schema.ts";

/** Never brings one back that was given up: a lost replica stays lost. */
export async function setReplicaState(db: Queryable, id: string, state: ReplicaRow["state"], reason: string | null): Promise<void> {
  await db
    .update(replicas)
    .set({ state, stateReason: reason, updatedAt: sql`now()` })
    .where(and(eq(replicas.id, id), ne(replicas.state, "lost"), isNull(replicas.goneAt)));
}

/** Its worker does not hold it any more: the memory is free. */
export async function markReplicaGone(db: Queryable, id: string): Promise<void> {
  await db.execute(sql`
    UPDATE replicas SET gone_at = now(), updated_at = now(), state = CASE WHEN state IN ('fenced', 'stopped', 'lost') THEN state ELSE 'lost' END
    WHERE id = ${id} AND gone_at IS NULL`);
}
