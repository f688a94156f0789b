/** Writes down what a lifecycle verb wants of a VM. What follows from it for its replicas is the reconciler's. */
import { eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { decideVmVerb, type VmVerb } from "../../domain/vm-verb.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { type OperationRow, type VmRow, vms } from "../schema.ts";
import { beginGuest } from "./begin-guest.ts";
import { beginOperation } from "./begin-operation.ts";
import { cancelOperation } from "./end-operation.ts";
import { readOperation } from "./read-operation.ts";

export interface VmOrder {
  readonly vmId: string;
  readonly verb: VmVerb;
  /** Of `stop`: how long the guest is waited for. */
  readonly graceMs: number;
}

const PAST: Readonly<Record<VmVerb, string>> = {
  start: "started",
  stop: "stopped",
  kill: "killed",
  pause: "paused",
  resume: "resumed",
  reset: "reset",
};

/** Why a VM is stopping; the guest's own end is another reason. */
const REASONS: Partial<Record<VmVerb, string>> = { stop: "stop_requested", kill: "killed", reset: "reset" };

/**
 * @param check called with the row under its lock, before anything is written
 * @throws {ApiError} `vm_deleted`, `invalid_state`, `operation_in_progress`
 */
export async function orderVm(tx: Transaction, order: VmOrder, check: (vm: VmRow) => void): Promise<OperationRow> {
  const { vmId, verb } = order;
  const [locked] = await tx.db.select().from(vms).where(eq(vms.id, vmId)).for("update");
  const vm = locked as VmRow;
  check(vm);
  if (vm.desiredState === "deleted") throw new ApiError("vm_deleted", `Cannot ${verb} the VM "${vmId}": it is ${vm.state}`);
  const decision = decideVmVerb(verb, vm, order.graceMs);
  if (decision.kind === "refuse") {
    const wanted = decision.allowedStates.join(", ");
    throw new ApiError(
      "invalid_state",
      `Cannot ${verb} the VM "${vm.name ?? vmId}": it is ${vm.state}, and can be ${PAST[verb]} only in ${wanted}`,
      {
        details: { currentState: vm.state, allowedStates: decision.allowedStates },
      },
    );
  }
  if (decision.kind === "join" && vm.operationId !== null) return readOperation(tx.db, vm.operationId);
  const kind = `vm.${verb}` as const;
  const changes = decision.kind === "change";
  if (changes && vm.operationId !== null) await makeWay(tx, verb, vm.operationId);
  const operation = await beginOperation(tx, { kind, vmId, done: !changes });
  const operationId = operation.id;
  const common = { vmId, cause: USER_ACTION, operationId } as const;
  if (changes) {
    const { desiredState, state, stopGraceMs } = decision;
    const reason = REASONS[verb] ?? null;
    const { term } = state === "provisioning" ? await beginGuest(tx, vm) : vm;
    await tx.db
      .update(vms)
      .set({
        desiredState,
        state,
        stateReason: reason,
        stateMessage: null,
        stateSince: sql`now()`,
        stopGraceMs,
        operationId,
        restarts: 0,
        ...(desiredState === vm.desiredState ? {} : { generation: sql`${vms.generation} + 1` }),
      })
      .where(eq(vms.id, vmId));
    tx.emit({ ...common, type: "vm.state.changed", term, data: { from: vm.state, state, reason, message: null } });
  }
  tx.emit({ ...common, type: "operation.updated", data: { kind, state: changes ? "running" : "succeeded" } });
  return operation;
}

/** Another operation on the VM is overtaken, unless it is a failover that the guest will outlive: that one comes first. */
async function makeWay(tx: Transaction, verb: VmVerb, operationId: string): Promise<void> {
  const { kind } = await readOperation(tx.db, operationId);
  if (kind === "vm.failover" && (verb === "pause" || verb === "resume")) {
    throw new ApiError("operation_in_progress", `Cannot ${verb} the VM: a failover of it runs`, {
      details: { operationId, retryAfterMs: 500 },
    });
  }
  await cancelOperation(tx, operationId);
}

/** The guest has not powered itself off within its grace: it is ended now. */
export async function endGrace(tx: Transaction, vm: VmRow): Promise<boolean> {
  const { rowCount } = await tx.db.execute(sql`
    UPDATE vms SET stop_grace_ms = 0, state_reason = 'stop_timeout', state_message = ${`The guest did not power itself off within ${vm.stopGraceMs} ms`}
    WHERE id = ${vm.id} AND state = 'stopping' AND stop_grace_ms = ${vm.stopGraceMs}`);
  return (rowCount ?? 0) > 0;
}
