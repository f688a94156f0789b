/** Writes a VM in `provisioning` with the operation that brings it up; or in `stopped`, where there is nothing to bring up. */
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
  readonly desiredState: "running" | "paused" | "stopped";
}

/** @throws {ApiError} `name_taken` */
export async function createVm(tx: Transaction, request: NewVm): Promise<{ readonly vm: VmRow; readonly operationId: string }> {
  const id = newId("vm");
  await holdImage(tx, request.imageId);
  const { desiredState } = request;
  const starts = desiredState !== "stopped";
  const { id: operationId } = await beginOperation(tx, { kind: "vm.create", vmId: id, done: !starts });
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
      desiredState,
      ...(starts ? { operationId } : { state: "stopped" as const, stateReason: "stop_requested" }),
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
  if (!starts)
    tx.emit({ type: "operation.updated", vmId: id, cause: USER_ACTION, operationId, data: { kind: "vm.create", state: "succeeded" } });
  return { vm, operationId };
}
