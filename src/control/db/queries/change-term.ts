/**
 * The arbiter: the only statements that change who is primary and who may become it; the rules are in `domain/term-change.ts`.
 *
 * The VM's row is locked, looked at, and changed by a compare-and-set on its term. The lock comes first, in a statement of
 * its own: what the rules look at beside the row (is the backup still a candidate?) is then read as it is, not as it was.
 */
import { eq, inArray, type SQL, sql } from "drizzle-orm";
import { assert } from "../../../base/assert.ts";
import { backupsWanted, type Protection, type ProtectionReason, reasonOfSolo } from "../../domain/protection.ts";
import { decideTermChange, syncedAfter, type TermChange } from "../../domain/term-change.ts";
import { isEnding } from "../../domain/vm-state.ts";
import { type Database, newId, type Queryable, type Transaction } from "../database.ts";
import { type FailoverRow, replicas, type StoredOrigin, type VmRow, vms } from "../schema.ts";
import { tellFailed } from "./end-failover.ts";
import { originOfLoss } from "./origin-of-loss.ts";

export interface TermChangeAnswer {
  readonly outcome: "granted" | "refused" | "wait";
  /** The VM's term now; 0 for a VM that is not there. */
  readonly term: bigint;
  /** Its synced set in that term. */
  readonly synced: readonly string[];
  /** False for a repeat of what was granted before, and where nothing was granted. */
  readonly changed: boolean;
}

export interface TermChangeContext {
  /** Why the primary is thought to be lost, if this is a promotion that nobody asked for. */
  readonly cause: "worker_lost" | "connection_lost";
  /** A backup whose worker nobody can hear would protect nothing. */
  readonly isReachable: (replicaId: string) => boolean;
  /** It is not heard of any more, or has said that it has ended. */
  readonly isGone: (replicaId: string) => boolean;
  /** Begins to trace that a backup is lost by itself. @returns the trace context; null: it is not traced */
  readonly traceLoss: (vm: VmRow) => string | null;
}

export function changeTerm(database: Database, change: TermChange, context: TermChangeContext): Promise<TermChangeAnswer> {
  const urgency = change.kind === "promote" || change.kind === "goLive" ? "guestStandsStill" : "guestRuns";
  return database.arbiterTransaction(urgency, async (tx) => {
    const [vm] = await tx.db.select().from(vms).where(eq(vms.id, change.vmId)).for("update");
    if (vm === undefined) return { outcome: "refused", term: 0n, synced: [], changed: false };
    const isCandidate =
      change.kind === "addBackup" && context.isReachable(change.backup) && (await isCandidateOf(tx.db, change.backup, vm.id));
    const primaryIsGone = change.kind === "promote" && vm.primaryReplica !== null && context.isGone(vm.primaryReplica);
    const transition = { kind: vm.transitionKind, by: vm.transitionBy, replica: vm.transitionReplica };
    const askerIsCutOff = await isCutOff(tx.db, change.asker);
    switch (decideTermChange({ ...vm, transition, isCandidate, primaryIsGone, askerIsCutOff, wanted: !isEnding(vm) }, change)) {
      case "repeat":
        return { outcome: "granted", term: vm.term, synced: vm.synced, changed: false };
      case "refuse":
        if (change.kind === "promote") await recordRefusal(tx, change, vm);
        return { outcome: "refused", term: vm.term, synced: vm.synced, changed: false };
      case "wait":
        return { outcome: "wait", term: vm.term, synced: vm.synced, changed: false };
      case "change": {
        const synced = syncedAfter(vm.synced, change);
        const repairOrigin = change.kind === "goSolo" ? await originOfLoss(tx.db, vm, change.lost, context.traceLoss) : null;
        const term = await compareAndSet(tx.db, vm, change, synced, repairOrigin);
        await record(tx, change, vm, { term, synced }, context);
        return { outcome: "granted", term, synced, changed: true };
      }
    }
  });
}

async function compareAndSet(
  db: Queryable,
  vm: VmRow,
  change: TermChange,
  synced: readonly string[],
  repairOrigin: StoredOrigin | null,
): Promise<bigint> {
  const [kind, by, replica] = [change.kind, change.asker, replicaOf(change)];
  const becomesPrimary = sql`primary_replica = ${by}, primary_since_term = term + 1, console_settled = false,`;
  // The next backup is there because this one was lost.
  const lost = sql`repair_origin = ${repairOrigin === null ? null : JSON.stringify(repairOrigin)}::jsonb,`;
  const { rows } = await db.execute<{ term: string }>(sql`
    UPDATE vms SET term = term + 1, ${change.kind === "promote" ? becomesPrimary : sql``} synced = ${sql.param([...synced])}::text[],
      ${change.kind === "goSolo" ? lost : sql``}
      transition_kind = ${kind}, transition_by = ${by}, transition_replica = ${replica}
    WHERE id = ${vm.id} AND term = ${vm.term}
    RETURNING term`);
  assert(rows[0] !== undefined, "the row is locked, so its term is what was read");
  return BigInt(rows[0].term);
}

function replicaOf(change: TermChange): string {
  switch (change.kind) {
    case "promote":
    case "goLive":
      return change.asker;
    case "goSolo":
      return change.lost;
    case "addBackup":
      return change.backup;
  }
}

async function isCandidateOf(db: Queryable, replicaId: string, vmId: string): Promise<boolean> {
  const { rows } = await db.execute(sql`
    SELECT FROM replicas
    WHERE id = ${replicaId} AND vm_id = ${vmId} AND role = 'backup' AND gone_at IS NULL AND state IN ('placing', 'syncing', 'live')`);
  return rows.length > 0;
}

async function isCutOff(db: Queryable, replicaId: string): Promise<boolean> {
  const { rows } = await db.execute(sql`
    SELECT FROM replicas JOIN workers ON workers.id = replicas.worker_id WHERE replicas.id = ${replicaId} AND workers.desired_state = 'fenced'`);
  return rows.length > 0;
}

function record(
  tx: Transaction,
  change: TermChange,
  vm: VmRow,
  { term, synced }: { readonly term: bigint; readonly synced: readonly string[] },
  context: TermChangeContext,
): Promise<void> {
  switch (change.kind) {
    case "promote":
      return recordPromotion(tx, change, synced, vm.primaryReplica, term, context);
    case "goLive":
      return recordLive(tx, change);
    case "goSolo":
      return recordSolo(tx, change, vm, term);
    case "addBackup":
      return recordBackup(tx, change, vm, term);
  }
}

/** Final: the asker halts now, so a request of its primary that is only late must not add it any more. */
async function recordRefusal(tx: Transaction, change: TermChange, vm: VmRow): Promise<void> {
  await tx.db
    .update(replicas)
    .set({ state: "fenced", stateReason: "promotion_refused", updatedAt: sql`now()` })
    .where(
      sql`${replicas.id} = ${change.asker} AND ${replicas.vmId} = ${vm.id} AND ${replicas.state} <> 'lost' AND ${replicas.id} IS DISTINCT FROM ${vm.primaryReplica}`,
    );
  tx.emit({
    type: "vm.failover.refused",
    vmId: vm.id,
    term: vm.term,
    cause: "promotion_refused",
    data: { replicaId: change.asker, askedInTerm: change.term.toString(), primaryReplica: vm.primaryReplica },
  });
}

/** A failover that this promotion is, or that it leaves without an object. */
type RecordedPromotion = {
  readonly id: string;
  readonly cause: FailoverRow["cause"] | null;
  readonly operation_id: string | null;
  readonly given_up: boolean;
  readonly mode: FailoverRow["mode"];
  readonly from_replica: string | null;
  readonly to_replica: string | null;
};

async function recordPromotion(
  tx: Transaction,
  { vmId, asker }: TermChange,
  stay: readonly string[],
  formerPrimary: string | null,
  term: bigint,
  { cause }: TermChangeContext,
): Promise<void> {
  // Whoever is no member holds a state of an older term: of no use to the new primary. A failover that a user asked for
  // waits here; one that was meant for another replica has lost its object, but for a test: there whoever is first takes over. All
  // of it is one statement: the guest stands still.
  const { rows } = await tx.db.execute<RecordedPromotion>(sql`
    WITH others AS (
      ${supersedeOthers(vmId, [asker, ...stay])}
    ), heir AS (
      UPDATE replicas SET role = 'primary', state = 'promoting', state_reason = NULL, updated_at = now() WHERE id = ${asker}
    ), planned AS (
      UPDATE failovers SET state = 'promoting', granted_at = now(), term = ${term}, from_replica = ${formerPrimary}, to_replica = ${asker}
      WHERE vm_id = ${vmId} AND state = 'pending' AND (to_replica = ${asker} OR mode = 'test')
      RETURNING id, cause, operation_id
    ), pointless AS (
      UPDATE failovers SET state = 'failed', completed_at = now()
      WHERE vm_id = ${vmId} AND state IN ('pending', 'promoting') AND NOT (state = 'pending' AND (to_replica = ${asker} OR mode IS NOT DISTINCT FROM 'test'))
      RETURNING id, mode, from_replica, to_replica, operation_id
    ), unasked AS (
      -- Looks at the pointless ones, so that they are ended before this one begins.
      INSERT INTO failovers (id, vm_id, cause, state, from_replica, to_replica, term, granted_at)
      SELECT ${newId("fo")}::text, ${vmId}::text, ${cause}::text, 'promoting', ${formerPrimary}::text, ${asker}::text, ${term}::bigint, now()
      FROM (SELECT count(*) FROM pointless) AS ended WHERE NOT EXISTS (SELECT FROM planned)
      RETURNING id
    ), protection AS (
      UPDATE vms SET protection_state = 'failing_over', protection_since = now(),
        protection_reason = coalesce((SELECT cause FROM planned), ${cause}::text)
      WHERE id = ${vmId}
    )
    SELECT id, cause, operation_id, false AS given_up, NULL AS mode, NULL AS from_replica, NULL AS to_replica FROM planned
    UNION ALL SELECT id, NULL, NULL, false, NULL, NULL, NULL FROM unasked
    UNION ALL SELECT id, NULL, operation_id, true, mode, from_replica, to_replica FROM pointless`);
  const failover = rows.find(({ given_up }) => !given_up);
  for (const { id, mode, from_replica, to_replica, operation_id } of rows.filter(({ given_up }) => given_up)) {
    const lost = { id, vmId, mode, fromReplica: from_replica, toReplica: to_replica ?? "", operationId: operation_id };
    await tellFailed(tx, lost, "superseded", "another replica took over");
  }
  assert(failover !== undefined, "a promotion is a failover");
  const reason: ProtectionReason = failover.cause ?? cause;
  tx.emit({
    type: "vm.failover.started",
    vmId,
    term,
    cause: failover.cause ?? cause,
    operationId: failover.operation_id,
    data: { failoverId: failover.id, from: formerPrimary, to: asker },
  });
  tx.emit({ type: "vm.protection.changed", vmId, term, cause: reason, data: { state: "failing_over", reason } });
}

/** Replicas but for these hold a state of an older term: of no use to the primary. */
function supersedeOthers(vmId: string, but: readonly string[]): SQL {
  return sql`
    UPDATE replicas SET role = 'backup', state = 'lost', state_reason = 'superseded', updated_at = now()
    WHERE vm_id = ${vmId} AND id <> ALL (${sql.param([...but])}::text[]) AND gone_at IS NULL AND state <> 'lost'`;
}

async function recordLive(tx: Transaction, { vmId, asker }: TermChange): Promise<void> {
  await tx.db.execute(supersedeOthers(vmId, [asker]));
}

async function recordSolo(tx: Transaction, change: TermChange & { kind: "goSolo" }, vm: VmRow, term: bigint): Promise<void> {
  const left = vm.synced.filter((id) => id !== change.lost);
  // One that was too many was dropped by us: nothing has happened to it.
  const { suspended } = vm.spec.protection;
  const wanted = backupsWanted(vm.spec.protection);
  const wasSurplus = left.length >= wanted;
  const reason = wasSurplus ? "user_action" : reasonOfSolo(change.reason);
  await tx.db
    .update(replicas)
    .set({ state: "lost", stateReason: reason, updatedAt: sql`now()` })
    .where(inArray(replicas.id, [change.lost]));
  const state = left.length > 0 ? "protected" : suspended === true ? "suspended" : wanted === 0 ? "off" : "unprotected";
  const protection = { state, reason: state === "unprotected" ? reason : state === "suspended" ? "user_action" : null } as const;
  await writeProtection(tx, change.vmId, protection);
  tx.emit({
    type: "vm.protection.changed",
    vmId: change.vmId,
    term,
    cause: reason,
    data: { ...protection, lost: change.lost, syncedBackups: left.length, wantedBackups: wanted },
  });
}

async function recordBackup(tx: Transaction, change: TermChange & { kind: "addBackup" }, vm: VmRow, term: bigint): Promise<void> {
  await tx.db.update(replicas).set({ state: "live", stateReason: null, updatedAt: sql`now()` }).where(eq(replicas.id, change.backup));
  const protection = { state: "protected", reason: null } as const;
  await writeProtection(tx, change.vmId, protection);
  const syncedBackups = vm.synced.length + 1;
  const wanted = backupsWanted(vm.spec.protection);
  tx.emit({
    type: "vm.protection.changed",
    vmId: change.vmId,
    term,
    cause: "backup_synced",
    data: { ...protection, backup: change.backup, syncedBackups, wantedBackups: wanted },
  });
}

async function writeProtection(tx: Transaction, vmId: string, { state, reason }: Protection): Promise<void> {
  await tx.db.execute(sql`
    UPDATE vms SET protection_state = ${state}, protection_reason = ${reason},
      protection_since = CASE WHEN protection_state = ${state} THEN protection_since ELSE now() END
    WHERE id = ${vmId}`);
}
