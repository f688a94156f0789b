/** Starts a VM again as its restart policy says: another guest, from its image. */
import { eq, sql } from "drizzle-orm";
import type { Transaction } from "../database.ts";
import { type VmRow, vms } from "../schema.ts";
import { beginGuest } from "./begin-guest.ts";
import { lockVm } from "./plan-facts.ts";

/**
 * @param restarts how often it was started again before, as far as that counts
 * @returns false where the row is not as it was when this was decided
 */
export async function restartVm(tx: Transaction, vm: VmRow, restarts: number): Promise<boolean> {
  const locked = await lockVm(tx.db, vm.id);
  if (locked?.state !== vm.state || locked.desiredState !== vm.desiredState || locked.term !== vm.term) return false;
  const { term } = await beginGuest(tx, locked);
  const reason = "restart_policy";
  const message = `Started again after ${vm.stateReason ?? vm.state}, as spec.restartPolicy says`;
  await tx.db
    .update(vms)
    .set({ state: "provisioning", stateReason: reason, stateMessage: message, stateSince: sql`now()`, restarts: restarts + 1 })
    .where(eq(vms.id, vm.id));
  tx.emit({
    type: "vm.state.changed",
    vmId: vm.id,
    term,
    cause: reason,
    data: { from: vm.state, state: "provisioning", reason, message, after: vm.stateReason, restarts: restarts + 1 },
  });
  return true;
}
