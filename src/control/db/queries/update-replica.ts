/** What a replica was found to be. */
import { sql } from "drizzle-orm";
import type { Database, Transaction } from "../database.ts";
import type { ReplicaRow } from "../schema.ts";

/** `joining`: it was a backup of a VM with a guest, and not synced. */
type Changed = { readonly vm: string; readonly term: string; readonly joining: boolean };

/** Never brings one back that was given up: a lost replica stays lost. */
export async function setReplicaState(database: Database, id: string, state: ReplicaRow["state"], reason: string | null): Promise<void> {
  await database.transaction(async (tx) => {
    const { rows } = await tx.db.execute<Changed>(sql`
      UPDATE replicas SET state = ${state}, state_reason = ${reason}, updated_at = now() FROM ${before(id)}
      WHERE replicas.id = before.id AND before.state <> 'lost' AND before.gone_at IS NULL
      RETURNING before.vm, before.term, before.joining`);
    if (ENDED.has(state)) tellFailure(tx, id, reason, rows[0]);
  });
}

/**
 * Its worker does not hold it any more: the memory is free.
 *
 * @param consoleEnd up to where it had let its guest's output go; null: its worker does not know
 */
export async function markReplicaGone(database: Database, id: string, consoleEnd: bigint | null): Promise<void> {
  await database.transaction(async (tx) => {
    if (consoleEnd !== null) {
      await tx.db.execute(sql`
        UPDATE vms SET console_end = greatest(console_end, ${consoleEnd}::bigint), console_settled = true WHERE primary_replica = ${id}`);
    }
    const { rows } = await tx.db.execute<Changed>(sql`
      UPDATE replicas SET gone_at = now(), updated_at = now(),
        state = CASE WHEN before.state IN ('fenced', 'stopped', 'lost') THEN before.state ELSE 'lost' END
      FROM ${before(id)}
      WHERE replicas.id = before.id AND before.gone_at IS NULL
      RETURNING before.vm, before.term, before.joining`);
    tellFailure(tx, id, "replica_gone", rows[0]);
  });
}

const ENDED: ReadonlySet<ReplicaRow["state"]> = new Set(["lost", "fenced", "stopped"]);

/** The row as it was, locked. */
function before(id: string) {
  return sql`(
    SELECT r.id, r.state, r.gone_at, v.id AS vm, v.term,
      r.role = 'backup' AND r.state IN ('placing', 'syncing') AND v.state IN ('running', 'pausing', 'paused', 'resuming') AS joining
    FROM replicas r JOIN vms v ON v.id = r.vm_id WHERE r.id = ${id} FOR UPDATE OF r
  ) AS before`;
}

function tellFailure(tx: Transaction, backup: string, reason: string | null, changed: Changed | undefined): void {
  if (changed?.joining !== true) return;
  tx.emit({
    type: "vm.repair.failed",
    vmId: changed.vm,
    term: BigInt(changed.term),
    cause: reason ?? "replica_gone",
    data: { backup, reason },
  });
}
