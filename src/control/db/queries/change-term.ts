/**
 * The arbiter: the only statements that change who is primary and who may become it; the rules are in `domain/term-change.ts`.
 *
 * The VMs' rows are locked, looked at, and changed by a compare-and-set on their terms. The locks come first, in a statement of
 * their own: what the rules look at beside the rows (is the backup still a candidate?) is then read as it is, not as it was. Many
 * changes, of a VM each, are one transaction (`arbiter.ts` says why), and promotions are one statement.
 */
import { eq, inArray, sql } from "drizzle-orm";
import { assert, unreachable } from "../../../base/assert.ts";
import { backupsWanted, type Protection, type ProtectionReason, reasonOfSolo } from "../../domain/protection.ts";
import { decideTermChange, syncedAfter, type TermChange, type TermFacts } from "../../domain/term-change.ts";
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

export interface TermRequest {
  readonly change: TermChange;
  readonly context: TermChangeContext;
}

/** For whom the arbiter decides: it has connections of its own for either. */
export function urgencyOf({ kind }: TermChange): "guestStandsStill" | "guestRuns" {
  return kind === "promote" || kind === "goLive" ? "guestStandsStill" : "guestRuns";
}

/** Decides on one request; waits for whoever has locked the VM's row. */
export async function changeTerm(database: Database, request: TermRequest): Promise<TermChangeAnswer> {
  return await database.arbiterTransaction(urgencyOf(request.change), async (tx) => {
    const rows = await tx.db.select().from(vms).where(eq(vms.id, request.change.vmId)).for("update");
    const [answer] = await decide(tx, [request], rows);
    return answer ?? { outcome: "refused", term: 0n, synced: [], changed: false };
  });
}

/**
 * Decides on requests of one urgency, of a VM each, in one transaction.
 *
 * @returns for each the answer; null: its VM is not there or its row is locked, and nobody waits for that here
 */
export async function changeTerms(database: Database, requests: readonly TermRequest[]): Promise<readonly (TermChangeAnswer | null)[]> {
  const [first] = requests;
  if (first === undefined) return [];
  return await database.arbiterTransaction(urgencyOf(first.change), async (tx) => {
    const ids = requests.map(({ change }) => change.vmId);
    const rows = await tx.db.select().from(vms).where(inArray(vms.id, ids)).orderBy(vms.id).for("update", { skipLocked: true });
    return await decide(tx, requests, rows);
  });
}

/** @param rows of their VMs, locked; those that are not among them get no answer */
async function decide(
  tx: Transaction,
  requests: readonly TermRequest[],
  rows: readonly VmRow[],
): Promise<readonly (TermChangeAnswer | null)[]> {
  const vmOf = new Map(rows.map((row) => [row.id, row]));
  const cutOff = await cutOffOf(
    tx.db,
    requests.filter(({ change }) => vmOf.has(change.vmId)).map(({ change }) => change.asker),
  );
  const answers: (TermChangeAnswer | null)[] = [];
  const promotions: Promotion[] = [];
  for (const { change, context } of requests) {
    const vm = vmOf.get(change.vmId);
    if (vm === undefined) {
      answers.push(null);
      continue;
    }
    const unchanged = { term: vm.term, synced: vm.synced, changed: false };
    const decision = decideTermChange(await factsOf(tx.db, vm, change, context, cutOff.has(change.asker)), change);
    switch (decision) {
      case "repeat":
        answers.push({ outcome: "granted", ...unchanged });
        break;
      case "refuse":
        if (change.kind === "promote") await recordRefusal(tx, change, vm);
        answers.push({ outcome: "refused", ...unchanged });
        break;
      case "wait":
        answers.push({ outcome: "wait", ...unchanged });
        break;
      case "change": {
        const synced = syncedAfter(vm.synced, change);
        const term = vm.term + 1n;
        if (change.kind === "promote") promotions.push({ vm, heir: change.asker, synced, term, cause: context.cause });
        else await carryOut(tx, change, vm, synced, context);
        answers.push({ outcome: "granted", term, synced, changed: true });
        break;
      }
      default:
        unreachable(decision);
    }
  }
  if (promotions.length > 0) await promote(tx, promotions);
  return answers;
}

async function factsOf(
  db: Queryable,
  vm: VmRow,
  change: TermChange,
  { isReachable, isGone }: TermChangeContext,
  askerIsCutOff: boolean,
): Promise<TermFacts> {
  const isCandidate = change.kind === "addBackup" && isReachable(change.backup) && (await isCandidateOf(db, change.backup, vm.id));
  const primaryIsGone = change.kind === "promote" && vm.primaryReplica !== null && isGone(vm.primaryReplica);
  const transition = { kind: vm.transitionKind, by: vm.transitionBy, replica: vm.transitionReplica };
  return { ...vm, transition, isCandidate, primaryIsGone, askerIsCutOff, wanted: !isEnding(vm) };
}

/** Anything but a promotion. */
async function carryOut(
  tx: Transaction,
  change: Exclude<TermChange, { kind: "promote" }>,
  vm: VmRow,
  synced: readonly string[],
  context: TermChangeContext,
): Promise<void> {
  const repairOrigin = change.kind === "goSolo" ? await originOfLoss(tx.db, vm, change.lost, context.traceLoss) : null;
  const term = await compareAndSet(tx.db, vm, change, synced, repairOrigin);
  switch (change.kind) {
    case "goLive":
      return await recordLive(tx, change);
    case "goSolo":
      return await recordSolo(tx, change, vm, term);
    case "addBackup":
      return await recordBackup(tx, change, vm, term);
    default:
      return unreachable(change);
  }
}

async function compareAndSet(
  db: Queryable,
  vm: VmRow,
  change: Exclude<TermChange, { kind: "promote" }>,
  synced: readonly string[],
  repairOrigin: StoredOrigin | null,
): Promise<bigint> {
  const [kind, by, replica] = [change.kind, change.asker, replicaOf(change)];
  // The next backup is there because this one was lost.
  const lost = sql`repair_origin = ${repairOrigin === null ? null : JSON.stringify(repairOrigin)}::jsonb,`;
  const { rows } = await db.execute<{ term: string }>(sql`
    UPDATE vms SET term = term + 1, synced = ${sql.param([...synced])}::text[], ${change.kind === "goSolo" ? lost : sql``}
      transition_kind = ${kind}, transition_by = ${by}, transition_replica = ${replica}
    WHERE id = ${vm.id} AND term = ${vm.term}
    RETURNING term`);
  assert(rows[0] !== undefined, "the row is locked, so its term is what was read");
  return BigInt(rows[0].term);
}

function replicaOf(change: Exclude<TermChange, { kind: "promote" }>): string {
  switch (change.kind) {
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

/** @returns which of these replicas are on fenced workers */
async function cutOffOf(db: Queryable, replicaIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.execute<{ id: string }>(sql`
    SELECT replicas.id FROM replicas JOIN workers ON workers.id = replicas.worker_id
    WHERE replicas.id = ANY (${sql.param([...replicaIds])}::text[]) AND workers.desired_state = 'fenced'`);
  return new Set(rows.map(({ id }) => id));
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

interface Promotion {
  /** Before it. */
  readonly vm: VmRow;
  readonly heir: string;
  /** After it. */
  readonly synced: readonly string[];
  readonly term: bigint;
  readonly cause: TermChangeContext["cause"];
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

/** All of it is one statement: their guests stand still. */
async function promote(tx: Transaction, promotions: readonly Promotion[]): Promise<void> {
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

/** Replicas but for this one hold a state of an older term: of no use to the primary. */
async function recordLive(tx: Transaction, { vmId, asker }: TermChange): Promise<void> {
  await tx.db.execute(sql`
    UPDATE replicas SET role = 'backup', state = 'lost', state_reason = 'superseded', updated_at = now()
    WHERE vm_id = ${vmId} AND id <> ${asker} AND gone_at IS NULL AND state <> 'lost'`);
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
