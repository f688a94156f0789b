/** Writes down what a verb wants of one replica. What follows from it is the reconciler's. */
import { and, eq, isNull, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { decideReplicaVerb, type ReplicaVerb } from "../../domain/replica-verb.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { type OperationRow, type ReplicaRow, replicas, type VmRow, vms } from "../schema.ts";
import { beginOperation } from "./begin-operation.ts";
import { lockVm } from "./plan-facts.ts";
import { readOperation } from "./read-operation.ts";

export interface ReplicaOrder {
  readonly vmId: string;
  readonly replicaId: string;
  readonly verb: ReplicaVerb;
  /** Id of the worker; null: wherever there is room. */
  readonly targetWorker: string | null;
}

/**
 * @param check called with the VM's row under its lock, before anything is written
 * @throws {ApiError} `vm_deleted`, `replica_not_found`, `invalid_state`, `operation_in_progress`
 */
export async function orderReplica(tx: Transaction, order: ReplicaOrder, check: (vm: VmRow) => void): Promise<OperationRow> {
  const { vmId, replicaId, verb, targetWorker } = order;
  const vm = (await lockVm(tx.db, vmId)) as VmRow;
  check(vm);
  if (vm.desiredState === "deleted") throw new ApiError("vm_deleted", `Cannot ${verb} a replica of the VM "${vmId}": it is ${vm.state}`);
  const replica = await findReplica(tx, vmId, replicaId);
  const isPrimary = replica.id === vm.primaryReplica;
  const decision = decideReplicaVerb(verb, {
    vmState: vm.state,
    isPrimary,
    wanted: replica.wanted,
    hasTarget: targetWorker !== null,
  });
  if (decision.kind === "refuse") {
    throw new ApiError("invalid_state", `Cannot ${verb} the replica "${replicaId}": ${decision.why}`, {
      details: { currentState: vm.state, allowedStates: ["running", "pausing", "paused", "resuming"] },
    });
  }
  if (decision.kind === "join" && replica.operationId !== null) return readOperation(tx.db, replica.operationId);
  if (verb !== "kill" && vm.operationId !== null) {
    throw new ApiError("operation_in_progress", `Cannot ${verb} the replica "${replicaId}": another operation changes the VM`, {
      details: { operationId: vm.operationId, retryAfterMs: 500 },
    });
  }
  const kind = `replica.${verb}` as const;
  const operation = await beginOperation(tx, { kind, vmId });
  const operationId = operation.id;
  if (decision.kind === "change") {
    await tx.db.update(replicas).set({ wanted: decision.wanted, targetWorker, operationId }).where(eq(replicas.id, replica.id));
  }
  if (verb !== "kill") await tx.db.update(vms).set({ operationId }).where(eq(vms.id, vmId));
  tx.emit({
    type: "operation.updated",
    vmId,
    term: vm.term,
    cause: USER_ACTION,
    operationId,
    data: { kind, state: "running", replica: replica.id, role: isPrimary ? "primary" : "backup", targetWorker },
  });
  return operation;
}

async function findReplica(tx: Transaction, vmId: string, replicaId: string): Promise<ReplicaRow> {
  const [row] = await tx.db
    .select()
    .from(replicas)
    .where(and(eq(replicas.id, replicaId), eq(replicas.vmId, vmId), isNull(replicas.goneAt), sql`${replicas.state} <> 'lost'`));
  if (row === undefined) {
    throw new ApiError(
      "replica_not_found",
      `Cannot find the replica "${replicaId}": GET /v1/vms/${vmId}/replicas lists those that there are`,
    );
  }
  return row;
}
