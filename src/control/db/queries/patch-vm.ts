/** Changes a VM's name, labels and spec: under the row's lock, and only where something changes. */
import { eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { type StoredVmSpec, type VmRow, vms } from "../schema.ts";
import { sqlState } from "../unavailable.ts";
import { originOf } from "./begin-operation.ts";
import { holdImage } from "./images.ts";
import { claimQuotas, type QuotaLimits } from "./quotas.ts";

export interface VmChange {
  readonly name: string | null;
  readonly labels: Record<string, string>;
  readonly imageId: string;
  readonly spec: StoredVmSpec;
  /** JSON pointers into the resource. */
  readonly changed: readonly string[];
}

/**
 * @param decide called with the row under its lock
 * @returns the row as it is afterwards; its generation counts changes of the spec, not of name and labels
 * @throws {ApiError} `name_taken`, `quota_exceeded`
 */
export async function patchVm(tx: Transaction, vmId: string, decide: (vm: VmRow) => VmChange, limits: QuotaLimits): Promise<VmRow> {
  const [locked] = await tx.db.select().from(vms).where(eq(vms.id, vmId)).for("update");
  const before = locked as VmRow;
  const { changed, ...change } = decide(before);
  if (changed.length === 0) return before;
  await claimQuotas(tx, limits, { vms: 0, memory_mib: change.spec.machine.memoryMiB - before.spec.machine.memoryMiB });
  if (change.imageId !== before.imageId) await holdImage(tx, change.imageId);
  const ofSpec = changed.some((pointer) => pointer.startsWith("/spec/"));
  const ofProtection = changed.some((pointer) => pointer.startsWith("/spec/protection"));
  const [row] = await tx.db
    .update(vms)
    .set({
      ...change,
      updatedAt: sql`now()`,
      ...(ofSpec ? { generation: sql`${vms.generation} + 1` } : {}),
      ...(ofProtection ? { repairOrigin: originOf(tx.call) } : {}),
    })
    .where(eq(vms.id, vmId))
    .returning()
    .catch((error: unknown) => {
      if (sqlState(error)?.constraint !== "vms_name") throw error;
      throw new ApiError("name_taken", `Cannot name the VM "${change.name}": another VM has that name. Choose another name`);
    });
  const after = row as VmRow;
  tx.emit({
    type: "vm.spec.changed",
    vmId,
    term: after.term,
    cause: USER_ACTION,
    data: { generation: after.generation, changed, name: after.name, labels: after.labels, spec: after.spec },
  });
  return after;
}
