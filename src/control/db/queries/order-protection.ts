/** Suspends a VM's protection, or resumes it: a change of its spec, and the operation that ends when it is so. */
import { eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { type OperationRow, type VmRow, vms } from "../schema.ts";
import { beginOperation, originOf } from "./begin-operation.ts";
import { lockVm } from "./plan-facts.ts";

export interface ProtectionOrder {
  readonly vmId: string;
  readonly verb: "suspend" | "resume";
}

/**
 * @param check called with the VM's row under its lock, before anything is written
 * @throws {ApiError} `vm_deleted`, `invalid_state`, `operation_in_progress`
 */
export async function orderProtection(tx: Transaction, order: ProtectionOrder, check: (vm: VmRow) => void): Promise<OperationRow> {
  const { vmId, verb } = order;
  const vm = (await lockVm(tx.db, vmId)) as VmRow;
  check(vm);
  if (vm.desiredState === "deleted")
    throw new ApiError("vm_deleted", `Cannot ${verb} the protection of the VM "${vmId}": it is ${vm.state}`);
  if (vm.spec.protection.backups === 0) {
    throw new ApiError("invalid_state", `Cannot ${verb} the protection of the VM: its mode is none. Change spec.protection`, {
      details: { currentState: vm.protectionState, retryable: false },
    });
  }
  if (vm.operationId !== null) {
    throw new ApiError("operation_in_progress", `Cannot ${verb} the protection of the VM: another operation changes it`, {
      details: { operationId: vm.operationId, retryAfterMs: 500 },
    });
  }
  const kind = `vm.protection.${verb}` as const;
  const suspended = verb === "suspend";
  const changes = (vm.spec.protection.suspended === true) !== suspended;
  const operation = await beginOperation(tx, { kind, vmId });
  const operationId = operation.id;
  const spec = { ...vm.spec, protection: { ...vm.spec.protection, suspended } };
  const generation = vm.generation + Number(changes);
  const repairOrigin = originOf(tx.call);
  await tx.db.update(vms).set({ spec, generation, operationId, repairOrigin, updatedAt: sql`now()` }).where(eq(vms.id, vmId));
  const common = { vmId, term: vm.term, cause: USER_ACTION, operationId } as const;
  if (changes) {
    const { name, labels } = vm;
    tx.emit({ ...common, type: "vm.spec.changed", data: { generation, changed: ["/spec/protection/suspended"], name, labels, spec } });
  }
  tx.emit({ ...common, type: "operation.updated", data: { kind, state: "running" } });
  return operation;
}
