/**
 * Promises a worker's memory to a new replica: under the worker's row lock, so that it is never promised twice.
 * The VM's first replica becomes its primary, in the term that the VM was created with.
 */
import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { type Database, newId } from "../database.ts";
import { type ReplicaRow, replicas, workers } from "../schema.ts";

export interface NewReplica {
  readonly vmId: string;
  readonly workerId: string;
  readonly role: "primary" | "backup";
  readonly memoryMiB: number;
  /** The VM's synced backups when this one was found to be lacking. */
  readonly synced: readonly string[];
}

/** @returns null where the memory is taken, or the VM no longer wants this replica */
export function placeReplica(database: Database, request: NewReplica): Promise<ReplicaRow | null> {
  return database.transaction(async (tx) => {
    const { vmId, workerId, role, memoryMiB, synced } = request;
    const [worker] = await tx.db.select().from(workers).where(eq(workers.id, workerId)).for("update");
    if (worker === undefined || worker.state !== "ready") return null;
    const { rows } = await tx.db.execute<{ promised: string }>(
      sql`SELECT coalesce(sum(memory_mib), 0) AS promised FROM replicas WHERE worker_id = ${workerId} AND gone_at IS NULL`,
    );
    if (worker.memoryMiB - Number(rows[0]?.promised) < memoryMiB) return null;
    const id = newId("rep");
    const wanted =
      role === "primary"
        ? await tx.db.execute(sql`
            UPDATE vms SET primary_replica = ${id} WHERE id = ${vmId} AND primary_replica IS NULL AND term = guest_term AND state = 'provisioning' AND desired_state = 'running'`)
        : await tx.db.execute(sql`
            SELECT FROM vms WHERE id = ${vmId} AND state IN ('running', 'pausing', 'paused', 'resuming') AND desired_state IN ('running', 'paused')
              AND synced = ${sql.param([...synced])}::text[] FOR UPDATE`);
    if ((wanted.rowCount ?? 0) === 0) return null;
    const [replica] = await tx.db
      .insert(replicas)
      .values({
        id,
        vmId,
        workerId,
        incarnation: worker.incarnation,
        role,
        memoryMiB,
        channelSecret: randomBytes(32).toString("base64url"),
      })
      .returning();
    if (role === "backup") tx.emit({ type: "vm.repair.started", vmId, cause: "backup_wanted", data: { backup: id, worker: worker.name } });
    return replica as ReplicaRow;
  });
}
