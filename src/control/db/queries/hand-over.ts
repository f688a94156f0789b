/** Writes down that a backup takes over because the primary is to be elsewhere. The promotion itself is the arbiter's. */
import { sql } from "drizzle-orm";
import { newId, type Transaction } from "../database.ts";
import type { StoredOrigin, VmRow } from "../schema.ts";

export interface HandOver {
  readonly to: string;
  readonly cause: "draining" | "user_action";
  /** The drain that it is for; null: none, or one that is not traced. */
  readonly origin: StoredOrigin | null;
}

/** @returns false where a failover is open already, or the backup may not take over any more */
export async function handOver(tx: Transaction, vm: VmRow, { to, cause, origin }: HandOver): Promise<boolean> {
  await tx.db.execute(sql`SELECT FROM vms WHERE id = ${vm.id} FOR UPDATE`);
  const { rowCount } = await tx.db.execute(sql`
    INSERT INTO failovers (id, vm_id, mode, cause, state, from_replica, to_replica, origin)
    SELECT ${newId("fo")}, id, 'planned', ${cause}, 'pending', primary_replica, ${to}::text,
      ${origin === null ? null : JSON.stringify(origin)}::jsonb
    FROM vms WHERE id = ${vm.id} AND term = ${vm.term} AND state IN ('running', 'pausing', 'paused', 'resuming') AND ${to} = ANY (synced)
    ON CONFLICT (vm_id) WHERE state IN ('pending', 'promoting') DO NOTHING`);
  return (rowCount ?? 0) > 0;
}
