/**
 * Promises a worker's memory and processors to a new replica: under the worker's row lock, so that they are never promised twice.
 * The VM's first replica becomes its primary, in the term that the VM was created with.
 */
import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { type Database, newId } from "../database.ts";
import { type ReplicaRow, replicas, type StoredOrigin, workers } from "../schema.ts";

export interface NewReplica {
  readonly vmId: string;
  readonly workerId: string;
  readonly role: "primary" | "backup";
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** Virtual processors that a worker may promise for each of its own. */
  readonly vcpusPerCore: number;
  /** The VM's synced backups when this one was found to be lacking. */
  readonly synced: readonly string[];
  readonly origin: StoredOrigin | null;
}

/** @returns null where the memory is taken, or the VM no longer wants this replica */
export function placeReplica(database: Database, request: NewReplica): Promise<ReplicaRow | null> {
  return database.transaction(async (tx) => {
    const { vmId, workerId, role, memoryMiB, vcpus, vcpusPerCore, synced, origin } = request;
    const [worker] = await tx.db.select().from(workers).where(eq(workers.id, workerId)).for("update");
    if (worker === undefined || worker.state !== "ready") return null;
    const { rows } = await tx.db.execute<{ memory: string; vcpus: string }>(sql`
      SELECT coalesce(sum(r.memory_mib), 0) AS memory, coalesce(sum((v.spec->'machine'->>'vcpus')::integer), 0) AS vcpus
      FROM replicas r JOIN vms v ON v.id = r.vm_id WHERE r.worker_id = ${workerId} AND r.gone_at IS NULL`);
    const [promised] = rows;
    if (worker.memoryMiB - Number(promised?.memory) < memoryMiB) return null;
    if (worker.cores * vcpusPerCore - Number(promised?.vcpus) < vcpus) return null;
    const id = newId("rep");
    const wanted =
      role === "primary"
        ? await tx.db.execute(sql`
            UPDATE vms SET primary_replica = ${id} WHERE id = ${vmId} AND primary_replica IS NULL AND term = guest_term AND state = 'provisioning'
              AND desired_state IN ('running', 'paused')`)
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
        origin,
        channelSecret: randomBytes(32).toString("base64url"),
      })
      .returning();
    if (role === "backup") tx.emit({ type: "vm.repair.started", vmId, cause: "backup_wanted", data: { backup: id, worker: worker.name } });
    return replica as ReplicaRow;
  });
}
