/** Writes a VM's state and protection with their events, and ends the operations that waited for them. */
import { and, eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { endOfOperation } from "../../domain/operations.ts";
import type { Protection } from "../../domain/protection.ts";
import { PROVISION_TIMEOUT, type VmStateChange } from "../../domain/vm-state.ts";
import { ApiError } from "../../errors/api-error.ts";
import { problemOf } from "../../errors/problem.ts";
import type { Transaction } from "../database.ts";
import { type VmRow, vms } from "../schema.ts";
import { beginGuest } from "./begin-guest.ts";
import { endOperation } from "./end-operation.ts";
import { readOperation } from "./read-operation.ts";

export interface LastKnown {
  readonly instant: bigint;
  readonly consoleEnd: bigint;
}

/**
 * A VM that is provisioned again after its guest was ended gets ready for another one.
 *
 * @returns false where the row is not in the state that the change was computed from
 */
export async function setVmState(tx: Transaction, vm: VmRow, change: VmStateChange, known: LastKnown): Promise<boolean> {
  const updated = await tx.db
    .update(vms)
    .set({
      state: change.state,
      stateReason: change.reason,
      stateMessage: change.message,
      stateSince: sql`now()`,
      ...(change.desiredState === undefined ? {} : { desiredState: change.desiredState, generation: sql`${vms.generation} + 1` }),
      instant: sql`greatest(${vms.instant}, ${known.instant})`,
      consoleEnd: sql`greatest(${vms.consoleEnd}, ${known.consoleEnd})`,
      // A guest that ended itself is reported when all that it wrote is out.
      ...(change.reason?.startsWith("guest_") ? { consoleSettled: true } : {}),
      ...(change.state === "deleted" ? { deletedAt: sql`now()` } : {}),
    })
    .where(and(eq(vms.id, vm.id), eq(vms.state, vm.state), eq(vms.desiredState, vm.desiredState), eq(vms.term, vm.term)))
    .returning({ id: vms.id });
  if (updated.length === 0) return false;
  const { term } = vm.state === "stopping" && change.state === "provisioning" ? await beginGuest(tx, vm) : vm;
  // What is on its way goes on because somebody asked for it, or because the primary's worker says so.
  const cause = change.reason ?? (vm.operationId === null ? "reported" : USER_ACTION);
  tx.emit({
    type: change.state === "deleted" ? "vm.deleted" : "vm.state.changed",
    vmId: vm.id,
    term,
    cause,
    operationId: vm.operationId,
    data: { from: vm.state, state: change.state, reason: change.reason, message: change.message },
  });
  if (vm.operationId !== null) await endOperationOf(tx, vm, vm.operationId, change, cause);
  return true;
}

/** The operation that changes the VM has come to its aim, or cannot any more. */
async function endOperationOf(tx: Transaction, vm: VmRow, operationId: string, change: VmStateChange, cause: string): Promise<void> {
  if (change.desiredState !== undefined) {
    const error = new ApiError("worker_timeout", change.message ?? `The VM is ${change.state}`);
    await endOperation(tx, operationId, { state: "failed", result: null, error: problemOf(error, `/v1/vms/${vm.id}`, null) }, cause);
    return;
  }
  const { kind } = await readOperation(tx.db, operationId);
  switch (endOfOperation(kind, change.state, vm.desiredState)) {
    case "succeeded":
      await endOperation(tx, operationId, { state: "succeeded", result: null, error: null }, cause);
      return;
    case "failed": {
      const code = change.reason === PROVISION_TIMEOUT ? "no_capacity" : "invalid_state";
      const error = new ApiError(code, change.message ?? `The VM is ${change.state}`, {
        details: { currentState: change.state },
      });
      await endOperation(tx, operationId, { state: "failed", result: null, error: problemOf(error, `/v1/vms/${vm.id}`, null) }, cause);
      return;
    }
    case null:
      return;
  }
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
    WHERE id = ${vm.id} AND primary_replica = ${vm.primaryReplica} AND term = guest_term AND state IN ('provisioning', 'starting')
      AND (SELECT count(*) FROM replicas WHERE vm_id = ${vm.id} AND created_at >= vms.guest_began_at) < ${PLACES_MAX}`);
  return (rowCount ?? 0) > 0;
}

/** Of protection that is as it shall be, and so has no reason. */
const CAUSES: Partial<Record<Protection["state"], string>> = {
  off: USER_ACTION,
  inactive: "not_running",
  protected: "backup_synced",
};

/** @returns false where the term has changed since the facts were read */
export async function setProtection(tx: Transaction, vm: VmRow, protection: Protection): Promise<boolean> {
  const updated = await tx.db
    .update(vms)
    .set({ protectionState: protection.state, protectionReason: protection.reason, protectionSince: sql`now()` })
    .where(and(eq(vms.id, vm.id), eq(vms.term, vm.term), eq(vms.state, vm.state)))
    .returning({ id: vms.id });
  if (updated.length === 0) return false;
  tx.emit({
    type: "vm.protection.changed",
    vmId: vm.id,
    term: vm.term,
    cause: protection.reason ?? CAUSES[protection.state] ?? "reported",
    data: { ...protection },
  });
  return true;
}
