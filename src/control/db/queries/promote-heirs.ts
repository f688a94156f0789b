/**
 * The arbiter's grants of promotions: what is written of the VMs, their replicas and their failovers. All of them are one statement:
 * their guests stand still.
 */
import { sql } from "drizzle-orm";
import { assert } from "../../../base/assert.ts";
import type { ProtectionReason } from "../../domain/protection.ts";
import { newId, type Transaction } from "../database.ts";
import type { FailoverRow, VmRow } from "../schema.ts";
import { tellFailed } from "./end-failover.ts";

export interface Promotion {
  /** Before it. */
  readonly vm: VmRow;
  readonly heir: string;
  /** After it. */
  readonly synced: readonly string[];
  readonly term: bigint;
  /** Why the primary is thought to be lost, where nobody asked for it. */
  readonly cause: "worker_lost" | "connection_lost";
}

/** What the statement tells of each VM: that its row is changed, and a failover that the promotion is or that it leaves without an object. */
type PromotionRow = {
  readonly is: "granted" | "failover" | "pointless";
  readonly vm_id: string;
  readonly id: string | null;
  readonly cause: FailoverRow["cause"] | null;
  readonly operation_id: string | null;
  readonly mode: FailoverRow["mode"];
  readonly from_replica: string | null;
  readonly to_replica: string | null;
};

/** @param promotions of a VM each, whose rows are locked */
export async function promoteHeirs(tx: Transaction, promotions: readonly Promotion[]): Promise<void> {
  const drafts = promotions.map(({ vm, heir, synced, term, cause }) => {
    return {
      vm_id: vm.id,
      was: vm.term.toString(),
      term: term.toString(),
      heir,
      former: vm.primaryReplica,
      synced,
      cause,
      failover_id: newId("fo"),
    };
  });
  // Whoever is no member holds a state of an older term: of no use to the new primary. A failover that a user asked for
  // waits here; one that was meant for another replica has lost its object, but for a test: there whoever is first takes over.
  const { rows } = await tx.db.execute<PromotionRow>(sql`
    WITH promotion AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(drafts)}::jsonb)
        AS draft (vm_id text, was bigint, term bigint, heir text, former text, synced text[], cause text, failover_id text)
    ), superseded AS (
      UPDATE replicas SET role = 'backup', state = 'lost', state_reason = 'superseded', updated_at = now() FROM promotion
      WHERE replicas.vm_id = promotion.vm_id AND replicas.id <> ALL (promotion.heir || promotion.synced)
        AND replicas.gone_at IS NULL AND replicas.state <> 'lost'
    ), heir AS (
      UPDATE replicas SET role = 'primary', state = 'promoting', state_reason = NULL, updated_at = now() FROM promotion
      WHERE replicas.id = promotion.heir
    ), planned AS (
      UPDATE failovers SET state = 'promoting', granted_at = now(), term = promotion.term, from_replica = former, to_replica = heir FROM promotion
      WHERE failovers.vm_id = promotion.vm_id AND state = 'pending' AND (to_replica = heir OR mode = 'test')
      RETURNING failovers.vm_id, failovers.id, failovers.cause, operation_id
    ), pointless AS (
      UPDATE failovers SET state = 'failed', completed_at = now() FROM promotion
      WHERE failovers.vm_id = promotion.vm_id AND state IN ('pending', 'promoting')
        AND NOT (state = 'pending' AND (to_replica = heir OR mode IS NOT DISTINCT FROM 'test'))
      RETURNING failovers.vm_id, failovers.id, operation_id, mode, from_replica, to_replica
    ), unasked AS (
      -- Looks at the pointless ones, so that they are ended before these begin.
      INSERT INTO failovers (id, vm_id, cause, state, from_replica, to_replica, term, granted_at)
      SELECT failover_id, vm_id, cause, 'promoting', former, heir, term, now()
      FROM (SELECT count(*) FROM pointless) AS ended, promotion
      WHERE NOT EXISTS (SELECT FROM planned WHERE planned.vm_id = promotion.vm_id)
      RETURNING vm_id, id
    ), granted AS (
      UPDATE vms SET term = promotion.term, primary_replica = heir, primary_since_term = promotion.term, console_settled = false,
        synced = promotion.synced, transition_kind = 'promote', transition_by = heir, transition_replica = heir,
        protection_state = 'failing_over', protection_since = now(),
        protection_reason = coalesce((SELECT planned.cause FROM planned WHERE planned.vm_id = promotion.vm_id), promotion.cause)
      FROM promotion WHERE vms.id = promotion.vm_id AND vms.term = promotion.was
      RETURNING vms.id
    )
    SELECT 'granted' AS is, id AS vm_id, NULL AS id, NULL AS cause, NULL AS operation_id, NULL AS mode, NULL AS from_replica, NULL AS to_replica FROM granted
    UNION ALL SELECT 'failover', vm_id, id, cause, operation_id, NULL, NULL, NULL FROM planned
    UNION ALL SELECT 'failover', vm_id, id, NULL, NULL, NULL, NULL, NULL FROM unasked
    UNION ALL SELECT 'pointless', vm_id, id, NULL, operation_id, mode, from_replica, to_replica FROM pointless`);
  for (const promotion of promotions) {
    await tellPromoted(
      tx,
      promotion,
      rows.filter(({ vm_id }) => vm_id === promotion.vm.id),
    );
  }
}

async function tellPromoted(tx: Transaction, { vm, heir, term, cause }: Promotion, rows: readonly PromotionRow[]): Promise<void> {
  assert(
    rows.some(({ is }) => is === "granted"),
    "the row is locked, so its term is what was read",
  );
  const failover = rows.find(({ is }) => is === "failover");
  assert(failover !== undefined, "a promotion is a failover");
  for (const { is, id, mode, from_replica, to_replica, operation_id } of rows) {
    if (is !== "pointless") continue;
    const lost = { id: id ?? "", vmId: vm.id, mode, fromReplica: from_replica, toReplica: to_replica ?? "", operationId: operation_id };
    await tellFailed(tx, lost, "superseded", "another replica took over");
  }
  const reason: ProtectionReason = failover.cause ?? cause;
  tx.emit({
    type: "vm.failover.started",
    vmId: vm.id,
    term,
    cause: reason,
    operationId: failover.operation_id,
    data: { failoverId: failover.id, from: vm.primaryReplica, to: heir },
  });
  tx.emit({ type: "vm.protection.changed", vmId: vm.id, term, cause: reason, data: { state: "failing_over", reason } });
}
