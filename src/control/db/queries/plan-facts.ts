/** Everything that the reconcile loop decides from, read in one go: VMs that are not deleted, their replicas, open failovers, workers. */
import { and, eq, inArray, isNull, ne, sql } from "drizzle-orm";
import type { CallOrigin } from "../../../wire/control-messages.ts";
import { type OperationKind, REDUNDANCY_KINDS } from "../../domain/operations.ts";
import type { Queryable } from "../database.ts";
import { type FailoverRow, failovers, operations, type ReplicaRow, replicas, type VmRow, vms } from "../schema.ts";
import { listWorkers, type WorkerUse } from "./list-workers.ts";

export interface PlanFacts {
  readonly vms: readonly VmRow[];
  /** Those that may still hold memory. */
  readonly replicas: readonly ReplicaRow[];
  readonly openFailovers: readonly FailoverRow[];
  readonly workers: readonly WorkerUse[];
  /** By operation, of those that run on VMs, on replicas and on workers: the calls that set them going. */
  readonly origins: ReadonlyMap<string, CallOrigin>;
  /** Operations on replicas and protection that run. `replicaGone`: the replica that it is about is there no more, or it is about none. */
  readonly openOperations: readonly {
    readonly id: string;
    readonly kind: OperationKind;
    readonly vmId: string | null;
    readonly replicaGone: boolean;
  }[];
}

export async function readPlanFacts(db: Queryable): Promise<PlanFacts> {
  const [vmRows, replicaRows, failoverRows, workerRows, openOperations] = await Promise.all([
    db.select().from(vms).where(ne(vms.state, "deleted")),
    readHeldReplicas(db),
    db
      .select()
      .from(failovers)
      .where(inArray(failovers.state, ["pending", "promoting"])),
    listWorkers(db),
    db
      .select({
        id: operations.id,
        kind: operations.kind,
        vmId: operations.vmId,
        replicaGone: sql<boolean>`${replicas.id} IS NULL OR ${replicas.goneAt} IS NOT NULL OR ${replicas.state} IN ('lost', 'fenced', 'stopped')`,
      })
      .from(operations)
      .leftJoin(replicas, eq(replicas.operationId, operations.id))
      .where(and(inArray(operations.state, ["pending", "running"]), inArray(operations.kind, [...REDUNDANCY_KINDS]))),
  ]);
  const held = [...vmRows, ...replicaRows, ...workerRows.map(({ worker }) => worker)];
  const running = new Set(held.flatMap(({ operationId }) => (operationId === null ? [] : [operationId])));
  const origins = await readOrigins(db, running);
  return { origins, vms: vmRows, replicas: replicaRows, openFailovers: failoverRows, workers: workerRows, openOperations };
}

async function readOrigins(db: Queryable, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, CallOrigin>> {
  if (ids.size === 0) return new Map();
  const { id, requestId, traceparent } = operations;
  const rows = await db
    .select({ id, requestId, traceparent })
    .from(operations)
    .where(inArray(id, [...ids]));
  return new Map(
    rows.flatMap((row) =>
      row.requestId === null || row.traceparent === null ? [] : [[row.id, { requestId: row.requestId, traceparent: row.traceparent }]],
    ),
  );
}

/** Those that may still hold memory. */
export async function readHeldReplicas(db: Queryable): Promise<readonly ReplicaRow[]> {
  return await db.select().from(replicas).where(isNull(replicas.goneAt));
}

/** One VM's row again, inside a transaction that is about to change it. */
export async function lockVm(db: Queryable, id: string): Promise<VmRow | null> {
  const [row] = await db.select().from(vms).where(eq(vms.id, id)).for("update");
  return row ?? null;
}
