/** Marks a VM to be deleted. A second call finds the operation of the first. */
import { eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { type OperationRow, operations, type VmRow, vms } from "../schema.ts";
import { beginOperation } from "./begin-operation.ts";
import { cancelOperation } from "./end-operation.ts";

export interface DeleteAnswer {
  readonly operation: OperationRow;
  readonly first: boolean;
}

/**
 * @param cause of its events: a call, or why the service itself does it
 * @param check called with the row under its lock, before anything is written
 * @throws {ApiError} `deletion_protected`
 */
export async function deleteVm(tx: Transaction, vmId: string, cause: string, check: (vm: VmRow) => void): Promise<DeleteAnswer> {
  const [vm] = await tx.db.select().from(vms).where(eq(vms.id, vmId)).for("update");
  const row = vm as VmRow;
  if (row.deleteOperationId !== null) {
    const [operation] = await tx.db.select().from(operations).where(eq(operations.id, row.deleteOperationId));
    return { operation: operation as OperationRow, first: false };
  }
  check(row);
  if (row.spec.deletionProtection === true) {
    throw new ApiError(
      "deletion_protected",
      `Cannot delete the VM "${row.name ?? vmId}": its deletion protection is on. Set spec.deletionProtection to false first`,
    );
  }
  const operation = await beginOperation(tx, { kind: "vm.delete", vmId });
  const operationId = operation.id;
  const { rows: others } = await tx.db.execute<{ id: string }>(
    sql`SELECT id FROM operations WHERE vm_id = ${vmId} AND id <> ${operationId} AND state IN ('pending', 'running') ORDER BY id`,
  );
  for (const { id } of others) await cancelOperation(tx, id, cause);
  await tx.db
    .update(vms)
    .set({
      desiredState: "deleted",
      generation: sql`${vms.generation} + 1`,
      deleteOperationId: operationId,
      operationId,
      ...(cause === USER_ACTION ? {} : { stateReason: cause }),
    })
    .where(eq(vms.id, vmId));
  tx.emit({
    type: "operation.updated",
    vmId,
    cause,
    operationId,
    data: { kind: "vm.delete", state: "running" },
  });
  return { operation, first: true };
}
