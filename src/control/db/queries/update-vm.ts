/** Writes a VM's state and protection with their events, and ends the operations that waited for them. */
import { and, eq, sql } from "drizzle-orm";
import type { Protection } from "../../domain/protection.ts";
import type { VmStateChange } from "../../domain/vm-state.ts";
import { ApiError } from "../../errors/api-error.ts";
import { problemOf } from "../../errors/problem.ts";
import type { Transaction } from "../database.ts";
import { type VmRow, vms } from "../schema.ts";
import { endOperation } from "./end-operation.ts";

export interface LastKnown {
  readonly instant: bigint;
  readonly consoleEnd: bigint;
}

/** @returns false where the row is not in the state that the change was computed from */
export async function setVmState(tx: Transaction, vm: VmRow, change: VmStateChange, known: LastKnown): Promise<boolean> {
  const updated = await tx.db
    .update(vms)
    .set({
      state: change.state,
      stateReason: change.reason,
      stateMessage: change.message,
      stateSince: sql`now()`,
      instant: sql`greatest(${vms.instant}, ${known.instant})`,
      consoleEnd: sql`greatest(${vms.consoleEnd}, ${known.consoleEnd})`,
      ...(change.state === "deleted" ? { deletedAt: sql`now()` } : {}),
    })
    .where(and(eq(vms.id, vm.id), eq(vms.state, vm.state), eq(vms.desiredState, vm.desiredState), eq(vms.term, vm.term)))
    .returning({ id: vms.id });
  if (updated.length === 0) return false;
  tx.emit({
    type: change.state === "deleted" ? "vm.deleted" : "vm.state.changed",
    vmId: vm.id,
    term: vm.term,
    cause: change.reason,
    operationId: vm.operationId,
    data: { from: vm.state, state: change.state, reason: change.reason, message: change.message },
  });
  if (vm.operationId === null) return true;
  switch (change.state) {
    case "running":
      if (vm.desiredState === "running") await endOperation(tx, vm.operationId, { state: "succeeded", result: null, error: null });
      break;
    case "deleted":
      await endOperation(tx, vm.operationId, { state: "succeeded", result: null, error: null });
      break;
    case "failed":
    case "stopped": {
      const error = new ApiError("invalid_state", change.message ?? `The VM is ${change.state}`, {
        details: { currentState: change.state },
      });
      await endOperation(tx, vm.operationId, { state: "failed", result: null, error: problemOf(error, `/v1/vms/${vm.id}`, null) });
      break;
    }
    default:
      break;
  }
  return true;
}

/** A VM whose guest ends the processes of workers must not go through all of them. */
const PLACES_MAX = 3;

/**
 * The VM has no primary again, as when it was created; for a guest that never ran, on a process that is gone.
 *
 * @returns false where it is another primary by now, or has been placed too often
 */
export async function giveUpPlace(tx: Transaction, vm: VmRow): Promise<boolean> {
  const { rowCount } = await tx.db.execute(sql`
    UPDATE vms SET primary_replica = NULL
    WHERE id = ${vm.id} AND primary_replica = ${vm.primaryReplica} AND term = 1 AND state IN ('provisioning', 'starting')
      AND (SELECT count(*) FROM replicas WHERE vm_id = ${vm.id}) < ${PLACES_MAX}`);
  return (rowCount ?? 0) > 0;
}

/** @returns false where the term has changed since the facts were read */
export async function setProtection(tx: Transaction, vm: VmRow, protection: Protection): Promise<boolean> {
  const updated = await tx.db
    .update(vms)
    .set({ protectionState: protection.state, protectionReason: protection.reason, protectionSince: sql`now()` })
    .where(and(eq(vms.id, vm.id), eq(vms.term, vm.term), eq(vms.state, vm.state)))
    .returning({ id: vms.id });
  if (updated.length === 0) return false;
  tx.emit({ type: "vm.protection.changed", vmId: vm.id, term: vm.term, cause: protection.reason, data: { ...protection } });
  return true;
}
