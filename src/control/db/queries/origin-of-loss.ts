/** What a VM's next backups are placed for after one of its backups was lost. */
import { eq, sql } from "drizzle-orm";
import { backupsWanted } from "../../domain/protection.ts";
import type { Queryable } from "../database.ts";
import { operations, replicas, type StoredOrigin, type VmRow, workers } from "../schema.ts";

/**
 * @param vm its row before the loss, locked
 * @param traceLoss called where nobody has ordered that it goes
 * @returns the operation on the replica, or the drain of its worker; else the loss itself; null: it was too many, or nothing is traced
 */
export async function originOfLoss(
  db: Queryable,
  vm: VmRow,
  lost: string,
  traceLoss: (vm: VmRow) => string | null,
): Promise<StoredOrigin | null> {
  const left = vm.synced.filter((id) => id !== lost).length;
  if (left >= backupsWanted(vm.spec.protection)) return null;
  const [ordered] = await db
    .select({ requestId: operations.requestId, traceparent: operations.traceparent })
    .from(replicas)
    .innerJoin(workers, eq(workers.id, replicas.workerId))
    .innerJoin(operations, sql`${operations.id} = coalesce(${replicas.operationId}, ${workers.operationId})`)
    .where(eq(replicas.id, lost));
  if (ordered?.traceparent != null) return { requestId: ordered.requestId, traceparent: ordered.traceparent };
  const traceparent = traceLoss(vm);
  return traceparent === null ? null : { requestId: null, traceparent };
}
