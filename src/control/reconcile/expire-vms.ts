/** The loop's look at times to live: what is over is marked to be deleted, and goes the way of every VM that is. */
import { expireVm, readClockMs } from "../db/queries/expire-vm.ts";
import type { VmRow } from "../db/schema.ts";
import { expiresAt, isExpired } from "../domain/expiry.ts";
import type { ReconcilerOptions } from "./options.ts";

/** @returns how many were marked */
export async function expireVms({ database, log }: ReconcilerOptions, vms: readonly VmRow[]): Promise<number> {
  const expiring = vms.filter((vm) => vm.desiredState !== "deleted" && expiresAt(vm) !== null);
  if (expiring.length === 0) return 0;
  const nowMs = await readClockMs(database.db);
  let marked = 0;
  for (const vm of expiring.filter((each) => isExpired(each, nowMs))) {
    const operation = await database.transaction((tx) => expireVm(tx, vm.id, nowMs));
    if (operation === null) continue;
    marked += 1;
    log.info({ vmId: vm.id, operationId: operation.id, ttlSeconds: vm.spec.ttlSeconds }, "the VM's time to live is over: it is deleted");
  }
  return marked;
}
