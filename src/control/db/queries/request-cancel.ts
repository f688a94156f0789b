/**
 * Takes an operation back, where what it has set going can be: what was wanted before is wanted again.
 *
 *     vm.create, vm.start, vm.reset   while no worker is found: the VM is stopped
 *     vm.stop                         while its guest is waited for: it shall run on
 *     vm.pause, vm.resume             before it is done: the other
 *     vm.failover                     before it is decided: it is given up
 *     replica.migrate                 before it is done: the replica stays
 *     worker.drain                    what is there stays; the worker is cordoned
 */
import { and, eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { workerStateAfterOrder } from "../../domain/worker-state.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { failovers, type OperationRow, operations, type VmRow, vms, type WorkerRow, workers } from "../schema.ts";
import { tellFailed } from "./end-failover.ts";
import { cancelOperation } from "./end-operation.ts";
import { readOperation } from "./read-operation.ts";

/**
 * @returns the operation, cancelled
 * @throws {ApiError} `operation_not_found`; `invalid_state` for one that has ended, or cannot be taken back any more
 */
export async function requestCancel(tx: Transaction, operationId: string): Promise<OperationRow> {
  const { vmId, workerId } = await readOperation(tx.db, operationId);
  // The row that it changes first, as everywhere: then the operation as it is.
  const [vm] = vmId === null ? [] : await tx.db.select().from(vms).where(eq(vms.id, vmId)).for("update");
  const [worker] = workerId === null ? [] : await tx.db.select().from(workers).where(eq(workers.id, workerId)).for("update");
  const operation = await readOperation(tx.db, operationId);
  if (operation.state !== "pending" && operation.state !== "running") {
    throw new ApiError("invalid_state", `Cannot cancel the operation: it is ${operation.state}`, {
      details: { currentState: operation.state, allowedStates: ["pending", "running"] },
    });
  }
  const taken =
    vm !== undefined ? await takeBackFromVm(tx, vm, operation) : worker !== undefined && (await takeBackFromWorker(tx, worker, operation));
  if (!taken) {
    throw new ApiError("invalid_state", `Cannot cancel the operation: what ${operation.kind} has set going cannot be taken back any more`, {
      details: { currentState: vm?.state ?? worker?.state },
    });
  }
  await cancelOperation(tx, operationId);
  const [cancelled] = await tx.db.select().from(operations).where(eq(operations.id, operationId));
  return cancelled as OperationRow;
}

async function takeBackFromVm(tx: Transaction, vm: VmRow, { id, kind }: OperationRow): Promise<boolean> {
  switch (kind) {
    case "vm.create":
    case "vm.start":
    case "vm.reset":
      if (vm.state !== "provisioning" || vm.primaryReplica !== null) return false;
      await want(tx, vm, { desiredState: "stopped", state: "stopping", stopGraceMs: 0 });
      return true;
    case "vm.stop":
      if (vm.state !== "stopping" || vm.stopGraceMs === null || vm.stopGraceMs === 0) return false;
      await want(tx, vm, { desiredState: "running", state: "resuming", stopGraceMs: null });
      return true;
    case "vm.pause":
      if (vm.state !== "pausing") return false;
      await want(tx, vm, { desiredState: "running", state: "resuming", stopGraceMs: null });
      return true;
    case "vm.resume":
      if (vm.state !== "resuming") return false;
      await want(tx, vm, { desiredState: "paused", state: "pausing", stopGraceMs: null });
      return true;
    case "vm.failover": {
      const [failover] = await tx.db
        .update(failovers)
        .set({ state: "failed", completedAt: sql`now()` })
        .where(and(eq(failovers.operationId, id), eq(failovers.state, "pending")))
        .returning();
      if (failover === undefined) return false;
      await cancelOperation(tx, id);
      await tellFailed(tx, failover, USER_ACTION, "it was cancelled");
      return true;
    }
    // The replica stays: that is written with the operation's end.
    case "replica.migrate":
      return true;
    default:
      return false;
  }
}

async function want(tx: Transaction, vm: VmRow, wanted: Pick<VmRow, "desiredState" | "state" | "stopGraceMs">): Promise<void> {
  await tx.db
    .update(vms)
    .set({ ...wanted, stateReason: "cancelled", stateMessage: null, stateSince: sql`now()`, generation: sql`${vms.generation} + 1` })
    .where(eq(vms.id, vm.id));
  tx.emit({
    type: "vm.state.changed",
    vmId: vm.id,
    term: vm.term,
    cause: USER_ACTION,
    operationId: vm.operationId,
    data: { from: vm.state, state: wanted.state, reason: "cancelled", message: null },
  });
}

async function takeBackFromWorker(tx: Transaction, worker: WorkerRow, { id, kind }: OperationRow): Promise<boolean> {
  if (kind !== "worker.drain" || worker.operationId !== id) return false;
  const state = workerStateAfterOrder(worker.state, "cordoned", 1);
  await tx.db
    .update(workers)
    .set({ desiredState: "cordoned", state, drainForced: false, operationId: null, updatedAt: sql`now()` })
    .where(eq(workers.id, worker.id));
  const common = { operationId: id, cause: USER_ACTION } as const;
  const about = { workerId: worker.id, name: worker.name };
  tx.emit({ ...common, type: "worker.state.changed", data: { ...about, from: worker.state, state } });
  tx.emit({ ...common, type: "worker.drain.cancelled", data: about });
  return true;
}
