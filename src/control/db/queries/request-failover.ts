/** Writes down that a user wants a backup to take over, and in which way. The promotion itself is the arbiter's. */
import { and, eq, isNull } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { hasGuest } from "../../domain/vm-state.ts";
import { ApiError } from "../../errors/api-error.ts";
import { newId, type Transaction } from "../database.ts";
import { failovers, type OperationRow, replicas, type VmRow, vms } from "../schema.ts";
import { sqlState } from "../unavailable.ts";
import { beginOperation } from "./begin-operation.ts";

export interface FailoverOrder {
  readonly vmId: string;
  readonly mode: "planned" | "test" | "forced";
  readonly expectedTerm: number | null;
  /** Synced backup that shall take over; null: any. */
  readonly targetReplica: string | null;
  /** Replicas whose worker can be told. */
  readonly reachable: (replicaId: string) => boolean;
}

/**
 * @param check throws unless the row is as the caller expects
 * @throws {ApiError} `vm_deleted`, `term_mismatch`, `not_protected`, `replica_not_found`, `no_backup_available`, `worker_timeout`, `operation_in_progress`;
 *   `validation_failed` for a test that names who takes over
 */
export async function requestFailover(tx: Transaction, order: FailoverOrder, check: (vm: VmRow) => void): Promise<OperationRow> {
  const [row] = await tx.db.select().from(vms).where(eq(vms.id, order.vmId)).for("update");
  const vm = row as VmRow;
  check(vm);
  if (vm.desiredState === "deleted") throw new ApiError("vm_deleted", `Cannot fail over the VM "${vm.id}": it is ${vm.state}`);
  if (order.expectedTerm !== null && BigInt(order.expectedTerm) !== vm.term) {
    throw new ApiError("term_mismatch", `Cannot fail over: the VM is in term ${vm.term}, ${order.expectedTerm} was expected`, {
      details: { currentTerm: Number(vm.term) },
    });
  }
  if (order.mode === "test" && order.targetReplica !== null) {
    const message = "a failure does not choose who takes over: any synced backup may";
    throw new ApiError("validation_failed", `Cannot fail over: targetReplica is for planned and forced failovers, ${message}`, {
      details: { errors: [{ pointer: "/targetReplica", code: "not_allowed", message }] },
    });
  }
  const runs = hasGuest(vm.state);
  const able = order.targetReplica === null ? vm.synced : vm.synced.filter((replica) => replica === order.targetReplica);
  if (runs && vm.synced.length > 0 && able.length === 0) await refuseTarget(tx, vm, order.targetReplica);
  const target = able.find((replica) => order.reachable(replica));
  if (runs && able.length > 0 && target === undefined) {
    throw new ApiError("no_backup_available", "Cannot fail over: the worker of the backup cannot be reached", {
      details: { currentState: vm.protectionState, retryAfterMs: 1000 },
    });
  }
  if (!runs || target === undefined) {
    const current = runs ? vm.protectionState : vm.state;
    const what = runs ? `its protection is "${current}"` : `the VM is ${current}`;
    // Without a backup to come there is nothing to wait for.
    const never = vm.protectionState === "off";
    const advice = never ? 'only a VM with protection mode "lockstep" can' : "wait with /wait?for=protected";
    throw new ApiError("not_protected", `Cannot fail over: it needs protection "protected", ${what}; ${advice}`, {
      details: { currentState: current, allowedStates: ["protected"], ...(never ? { retryable: false } : { retryAfterMs: 1000 }) },
    });
  }
  if (order.mode === "test" && (vm.primaryReplica === null || !order.reachable(vm.primaryReplica))) {
    throw new ApiError("worker_timeout", "Cannot fail over: the primary's worker cannot be told to fail; mode forced does not need it", {
      details: { retryAfterMs: 1000 },
    });
  }
  const operation = await beginOperation(tx, { kind: "vm.failover", vmId: vm.id });
  const operationId = operation.id;
  await tx.db
    .insert(failovers)
    .values({
      id: newId("fo"),
      vmId: vm.id,
      mode: order.mode,
      cause: USER_ACTION,
      state: "pending",
      fromReplica: vm.primaryReplica,
      toReplica: target,
      operationId,
    })
    .catch((error: unknown) => {
      if (sqlState(error)?.constraint !== "failovers_open") throw error;
      throw new ApiError("operation_in_progress", "Cannot fail over: a failover of this VM runs", { details: { retryAfterMs: 500 } });
    });
  await tx.db.update(vms).set({ operationId }).where(eq(vms.id, vm.id));
  tx.emit({
    type: "operation.updated",
    vmId: vm.id,
    term: vm.term,
    cause: USER_ACTION,
    operationId,
    data: { kind: "vm.failover", state: "running", to: target },
  });
  return operation;
}

/** @throws {ApiError} `replica_not_found`; `no_backup_available` for a replica that is no synced backup */
async function refuseTarget(tx: Transaction, vm: VmRow, targetReplica: string | null): Promise<never> {
  const [row] = await tx.db
    .select()
    .from(replicas)
    .where(and(eq(replicas.vmId, vm.id), eq(replicas.id, targetReplica ?? ""), isNull(replicas.goneAt)));
  if (row === undefined)
    throw new ApiError("replica_not_found", `Cannot fail over to "${targetReplica}": the VM has no such replica, see its status.replicas`);
  throw new ApiError(
    "no_backup_available",
    `Cannot fail over to "${targetReplica}": it is no synced backup, those are ${vm.synced.join(", ")}`,
    {
      details: { retryable: row.id !== vm.primaryReplica },
    },
  );
}
