/** Deletes a VM whose time to live is over, as a call of DELETE does. */
import { sql } from "drizzle-orm";
import { isExpired, TTL_EXPIRED } from "../../domain/expiry.ts";
import type { Queryable, Transaction } from "../database.ts";
import type { OperationRow } from "../schema.ts";
import { deleteVm } from "./delete-vm.ts";
import { lockVm } from "./plan-facts.ts";

/** The clock that dates what is created, ms since 1970: that of the database, whoever asks. */
export async function readClockMs(db: Queryable): Promise<number> {
  const { rows } = await db.execute<{ ms: number }>(sql`SELECT (extract(epoch FROM now()) * 1000)::float8 AS ms`);
  return (rows[0] as { ms: number }).ms;
}

/** @returns null where it is being deleted already, or is to be kept (longer) by now */
export async function expireVm(tx: Transaction, vmId: string, nowMs: number): Promise<OperationRow | null> {
  const vm = await lockVm(tx.db, vmId);
  if (vm === null || vm.deleteOperationId !== null || !isExpired(vm, nowMs)) return null;
  const { operation } = await deleteVm(tx, vmId, TTL_EXPIRED, () => undefined);
  return operation;
}
