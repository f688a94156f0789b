/** Writes a VM in `provisioning` with the operation that brings it up. */
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import { newId, type Transaction } from "../database.ts";
import { type StoredVmSpec, type VmRow, vms } from "../schema.ts";
import { sqlState } from "../unavailable.ts";
import { beginOperation, originOf } from "./begin-operation.ts";
import { holdImage } from "./images.ts";

export interface NewVm {
  readonly name: string | null;
  readonly labels: Record<string, string>;
  readonly imageId: string;
  readonly spec: StoredVmSpec;
}

/** @throws {ApiError} `name_taken` */
export async function createVm(tx: Transaction, request: NewVm): Promise<VmRow> {
  const id = newId("vm");
  await holdImage(tx, request.imageId);
  const { id: operationId } = await beginOperation(tx, { kind: "vm.create", vmId: id });
  const [row] = await tx.db
    .insert(vms)
    .values({
      id,
      project: "default",
      name: request.name,
      labels: request.labels,
      imageId: request.imageId,
      spec: request.spec,
      protectionState: request.spec.protection.mode === "none" ? "off" : "inactive",
      operationId,
      repairOrigin: originOf(tx.call),
    })
    .returning()
    .catch((error: unknown) => {
      if (sqlState(error)?.constraint !== "vms_name") throw error;
      throw new ApiError("name_taken", `Cannot name the VM "${request.name}": another VM has that name. Delete it, or choose another name`);
    });
  const vm = row as VmRow;
  tx.emit({
    type: "vm.created",
    vmId: id,
    term: vm.term,
    cause: USER_ACTION,
    operationId,
    data: { name: vm.name, spec: vm.spec },
  });
  return vm;
}
