/**
 * The arbiter's grants to go on without a backup: what is written of the VMs and of the replicas that are lost. All of them are one
 * statement: nothing that their guests write leaves before.
 */
import { eq, inArray, sql } from "drizzle-orm";
import { assert } from "../../../base/assert.ts";
import { backupsWanted, type Protection, type ProtectionReason, reasonOfSolo } from "../../domain/protection.ts";
import type { Queryable, Transaction } from "../database.ts";
import { operations, replicas, type StoredOrigin, type VmRow, workers } from "../schema.ts";

export interface Loss {
  /** Before it. */
  readonly vm: VmRow;
  /** The primary that goes on. */
  readonly primary: string;
  readonly lost: string;
  /** What the primary said of it. */
  readonly reason: string;
  /** After it. */
  readonly synced: readonly string[];
  readonly term: bigint;
  /** Begins to trace it. @returns the trace context; null: it is not traced */
  readonly trace: () => string | null;
}

/** @param losses of a VM each, whose rows are locked */
export async function goSolo(tx: Transaction, losses: readonly Loss[]): Promise<void> {
  const ordered = await readOrders(
    tx.db,
    losses.map(({ lost }) => lost),
  );
  const drafts = losses.map((loss) => {
    const { vm, primary, lost, synced, term } = loss;
    // One that was too many was dropped by us: nothing has happened to it.
    const isSurplus = synced.length >= backupsWanted(vm.spec.protection);
    const reason = isSurplus ? "user_action" : reasonOfSolo(loss.reason);
    const protection = protectionAfter(loss, reason);
    const origin = isSurplus ? null : (ordered.get(lost) ?? tracedOrigin(loss));
    return { vm_id: vm.id, was: vm.term.toString(), term: term.toString(), primary_id: primary, lost, synced, reason, origin, protection };
  });
  const { rowCount } = await tx.db.execute(sql`
    WITH loss AS (
      SELECT draft.*, protection ->> 'state' AS state, protection ->> 'reason' AS state_reason
      FROM jsonb_to_recordset(${JSON.stringify(drafts)}::jsonb) AS draft
        (vm_id text, was bigint, term bigint, primary_id text, lost text, synced text[], reason text, origin jsonb, protection jsonb)
    ), dropped AS (
      UPDATE replicas SET state = 'lost', state_reason = loss.reason, updated_at = now() FROM loss WHERE replicas.id = loss.lost
    )
    UPDATE vms SET term = loss.term, synced = loss.synced, repair_origin = loss.origin,
      transition_kind = 'goSolo', transition_by = loss.primary_id, transition_replica = loss.lost,
      protection_state = loss.state, protection_reason = loss.state_reason,
      protection_since = CASE WHEN vms.protection_state = loss.state THEN vms.protection_since ELSE now() END
    FROM loss WHERE vms.id = loss.vm_id AND vms.term = loss.was`);
  assert(rowCount === losses.length, "the rows are locked, so their terms are what was read");
  for (const [index, { reason, protection }] of drafts.entries()) {
    const { vm, lost, synced, term } = losses[index] as Loss;
    const counts = { syncedBackups: synced.length, wantedBackups: backupsWanted(vm.spec.protection) };
    tx.emit({ type: "vm.protection.changed", vmId: vm.id, term, cause: reason, data: { ...protection, lost, ...counts } });
  }
}

function protectionAfter({ vm, synced }: Loss, reason: ProtectionReason): Protection {
  if (synced.length > 0) return { state: "protected", reason: null };
  if (vm.spec.protection.suspended === true) return { state: "suspended", reason: "user_action" };
  return backupsWanted(vm.spec.protection) === 0 ? { state: "off", reason: null } : { state: "unprotected", reason };
}

/** Of a loss that nobody has ordered: the backup after it is there for the loss itself. */
function tracedOrigin({ trace }: Loss): StoredOrigin | null {
  const traceparent = trace();
  return traceparent === null ? null : { requestId: null, traceparent };
}

/** @returns of replicas that an operation on them, or a drain of their worker, has sent away: that operation, where it is traced */
async function readOrders(db: Queryable, lost: readonly string[]): Promise<ReadonlyMap<string, StoredOrigin>> {
  const rows = await db
    .select({ replica: replicas.id, requestId: operations.requestId, traceparent: operations.traceparent })
    .from(replicas)
    .innerJoin(workers, eq(workers.id, replicas.workerId))
    .innerJoin(operations, sql`${operations.id} = coalesce(${replicas.operationId}, ${workers.operationId})`)
    .where(inArray(replicas.id, [...lost]));
  return new Map(
    rows.flatMap(({ replica, requestId, traceparent }) => (traceparent === null ? [] : [[replica, { requestId, traceparent }] as const])),
  );
}
