/** Writes down that a backup takes over because the primary is to be elsewhere. The promotion itself is the arbiter's. */
import { sql } from "drizzle-orm";
import { newId, type Transaction } from "../database.ts";
import type { VmRow } from "../schema.ts";

/** @returns false where a failover is open already, or the backup may not take over any more */
export async function handOver(tx: Transaction, vm: VmRow, to: string, cause: "draining" | "user_action"): Promise<boolean> {
  await tx.db.execute(sql`SELECT FROM vms WHERE id = ${vm.id} FOR UPDATE`);
  const { rowCount } = await tx.db.execute(sql`
    INSERT INTO failovers (id, vm_id, mode, cause, state, from_replica, to_replica)
    SELECT ${newId("fo")}, id, 'planned', ${cause}, 'pending', primary_replica, ${to}::text
    FROM vms WHERE id = ${vm.id} AND term = ${vm.term} AND state IN ('running', 'pausing', 'paused', 'resuming') AND ${to} = ANY (synced)
    ON CONFLICT (vm_id) WHERE state IN ('pending', 'promoting') DO NOTHING`);
  return (rowCount ?? 0) > 0;
}
