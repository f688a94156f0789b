/** One VM by id or name, or many by id, with the replicas that may still hold memory, and the newest failover. */
import { and, asc, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import { isId } from "../../domain/ids.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Queryable } from "../database.ts";
import { type FailoverRow, failovers, type ReplicaRow, replicas, type VmRow, vms, type WorkerRow, workers } from "../schema.ts";

export interface LoadedReplica {
  readonly replica: ReplicaRow;
  readonly worker: WorkerRow;
}

export interface LoadedVm {
  readonly vm: VmRow;
  readonly replicas: readonly LoadedReplica[];
  readonly lastFailover: FailoverRow | null;
}

/**
 * @param ref id, or the name of a VM that is not deleted
 * @throws {ApiError} `vm_not_found`
 */
export async function readVmRow(db: Queryable, ref: string): Promise<VmRow> {
  const row = await findVmRow(db, ref);
  if (row === null) throw new ApiError("vm_not_found", `Cannot find the VM "${ref}": GET /v1/vms lists those that there are`);
  return row;
}

/** @param ref id, of a deleted one too, or name */
export async function findVmRow(db: Queryable, ref: string): Promise<VmRow | null> {
  const wanted = isId("vm", ref) ? eq(vms.id, ref) : and(eq(vms.project, "default"), eq(vms.name, ref), isNull(vms.deletedAt));
  const [row] = await db.select().from(vms).where(wanted);
  return row ?? null;
}

/** @throws {ApiError} `vm_not_found`, `vm_deleted` */
export async function readLivingVm(db: Queryable, ref: string): Promise<LoadedVm> {
  const vm = await readVmRow(db, ref);
  if (vm.state === "deleted") {
    throw new ApiError("vm_deleted", `Cannot use the VM "${ref}": it was deleted at ${vm.deletedAt?.toISOString()}`, {
      details: { operationId: vm.deleteOperationId },
    });
  }
  return loadVm(db, vm);
}

export async function loadVm(db: Queryable, vm: VmRow): Promise<LoadedVm> {
  const [loaded] = await loadVms(db, [vm]);
  return loaded as LoadedVm;
}

export async function loadVms(db: Queryable, rows: readonly VmRow[]): Promise<LoadedVm[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const members = await db
    .select({ replica: replicas, worker: workers })
    .from(replicas)
    .innerJoin(workers, eq(workers.id, replicas.workerId))
    .where(and(inArray(replicas.vmId, ids), isNull(replicas.goneAt)))
    .orderBy(asc(replicas.createdAt), asc(replicas.id));
  const newest = await db
    .selectDistinctOn([failovers.vmId])
    .from(failovers)
    .where(and(inArray(failovers.vmId, ids), sql`${failovers.term} IS NOT NULL`))
    .orderBy(failovers.vmId, desc(failovers.startedAt), desc(failovers.id));
  return rows.map((vm) => ({
    vm,
    replicas: members.filter(({ replica }) => replica.vmId === vm.id),
    lastFailover: newest.find((failover) => failover.vmId === vm.id) ?? null,
  }));
}
