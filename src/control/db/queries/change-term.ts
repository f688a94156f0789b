/**
 * The arbiter: the only statements that change who is primary and who may become it.
 *
 *     create --addBackup--> synced {b} --promote(b)--> synced {} --addBackup--> ...
 *                                 '----goSolo(b)-----> synced {}
 *
 * Each transition is one compare-and-set on `(vms.id, vms.term)`; whoever commits first wins, and the others find another
 * term. A request that was granted already, and whose answer was lost, is granted again with the term that it made.
 */
import { eq, inArray, sql } from "drizzle-orm";
import { type ProtectionReason, reasonOfSolo } from "../../domain/protection.ts";
import { type Database, newId, type Queryable, type Transaction } from "../database.ts";
import { replicas } from "../schema.ts";

export type TermChange = { readonly vmId: string; readonly asker: string; readonly term: bigint } & (
  | { readonly kind: "promote" }
  | { readonly kind: "goSolo"; readonly lost: string; readonly reason: string }
  /** `reachable`: the backup's worker is connected; one that nobody can hear would protect nothing. */
  | { readonly kind: "addBackup"; readonly backup: string; readonly reachable: boolean }
);

export interface TermChangeAnswer {
  readonly outcome: "granted" | "refused";
  /** The VM's term now; 0 for a VM that is not there. */
  readonly term: bigint;
  /** False for a repeat of what was granted before, and for a refusal. */
  readonly changed: boolean;
  readonly primaryReplica: string | null;
}

export interface TermChangeContext {
  /** Why the primary is thought to be lost, if this is a promotion that nobody asked for. */
  readonly cause: "worker_lost" | "connection_lost";
}

export function changeTerm(database: Database, change: TermChange, context: TermChangeContext): Promise<TermChangeAnswer> {
  return database.transaction(async (tx) => {
    const wanted = change.kind !== "addBackup" || change.reachable;
    const granted = wanted ? await compareAndSet(tx.db, change) : null;
    if (granted === null) return answerWithoutChange(tx, change);
    switch (change.kind) {
      case "promote":
        await recordPromotion(tx, change, granted, context);
        break;
      case "goSolo":
        await recordSolo(tx, change, granted);
        break;
      case "addBackup":
        await recordBackup(tx, change, granted);
        break;
    }
    return { outcome: "granted", term: granted.term, changed: true, primaryReplica: granted.primaryReplica };
  });
}

interface Granted {
  readonly term: bigint;
  readonly primaryReplica: string;
  readonly formerPrimary: string | null;
}

/** @returns null where the row is not as the asker believes it to be */
async function compareAndSet(db: Queryable, change: TermChange): Promise<Granted | null> {
  const { rows } = await db.execute<{ term: string; primary_replica: string; former_primary: string | null }>(statement(change));
  const [row] = rows;
  if (row === undefined) return null;
  return { term: BigInt(row.term), primaryReplica: row.primary_replica, formerPrimary: row.former_primary };
}

function statement(change: TermChange) {
  const { vmId, asker, term } = change;
  switch (change.kind) {
    case "promote":
      // A primary may die before it could tell a newcomer the term that its addition made: one behind is as good.
      return sql`
        UPDATE vms SET term = vms.term + 1, primary_replica = ${asker}, synced = '{}',
          transition_kind = 'promote', transition_by = ${asker}, transition_replica = ${asker}
        FROM (SELECT id, primary_replica FROM vms WHERE id = ${vmId} FOR UPDATE) AS former
        WHERE vms.id = former.id AND vms.desired_state = 'running' AND ${asker} = ANY (vms.synced)
          AND (vms.term = ${term}
            OR (vms.term = ${term}::bigint + 1 AND vms.transition_kind = 'addBackup' AND vms.transition_replica = ${asker}))
        RETURNING vms.term, vms.primary_replica, former.primary_replica AS former_primary`;
    case "goSolo":
      // One behind is as good where the asker made that term itself: the answer to its addBackup was lost with the newcomer.
      return sql`
        UPDATE vms SET term = term + 1, synced = array_remove(synced, ${change.lost}),
          transition_kind = 'goSolo', transition_by = ${asker}, transition_replica = ${change.lost}
        WHERE id = ${vmId} AND primary_replica = ${asker}
          AND (term = ${term} OR (term = ${term}::bigint + 1 AND transition_kind = 'addBackup' AND transition_by = ${asker}))
        RETURNING term, primary_replica, NULL AS former_primary`;
    case "addBackup":
      return sql`
        UPDATE vms SET term = term + 1, synced = array_append(synced, ${change.backup}),
          transition_kind = 'addBackup', transition_by = ${asker}, transition_replica = ${change.backup}
        WHERE id = ${vmId} AND primary_replica = ${asker} AND term = ${term} AND desired_state = 'running'
          AND NOT ${change.backup} = ANY (synced)
          AND EXISTS (
            SELECT FROM replicas
            WHERE replicas.id = ${change.backup} AND replicas.vm_id = ${vmId} AND replicas.role = 'backup'
              AND replicas.gone_at IS NULL AND replicas.state IN ('placing', 'syncing', 'live'))
        RETURNING term, primary_replica, NULL AS former_primary`;
  }
}

/** The answer to a repeat, or the refusal. */
async function answerWithoutChange(tx: Transaction, change: TermChange): Promise<TermChangeAnswer> {
  const { rows } = await tx.db.execute<{
    term: string;
    primary_replica: string | null;
    transition_kind: string;
    transition_by: string | null;
    transition_replica: string | null;
  }>(sql`SELECT term, primary_replica, transition_kind, transition_by, transition_replica FROM vms WHERE id = ${change.vmId} FOR UPDATE`);
  const [row] = rows;
  if (row === undefined) return { outcome: "refused", term: 0n, changed: false, primaryReplica: null };
  const term = BigInt(row.term);
  const behind = term - change.term;
  const same = row.transition_kind === change.kind && row.transition_by === change.asker && row.primary_replica === change.asker;
  const repeated =
    same &&
    ((change.kind === "promote" && (behind === 1n || behind === 2n)) ||
      (change.kind === "goSolo" && behind === 1n && row.transition_replica === change.lost) ||
      (change.kind === "addBackup" && behind === 1n && row.transition_replica === change.backup));
  if (repeated) return { outcome: "granted", term, changed: false, primaryReplica: row.primary_replica };
  if (change.kind === "promote") {
    // A refusal is final: the asker halts, so an addBackup that comes late must not find it.
    await tx.db
      .update(replicas)
      .set({ state: "fenced", stateReason: "promotion_refused", updatedAt: sql`now()` })
      .where(sql`${replicas.id} = ${change.asker} AND ${replicas.goneAt} IS NULL AND ${replicas.state} IN ('placing', 'syncing', 'live')`);
    tx.emit({
      type: "vm.failover.refused",
      vmId: change.vmId,
      term,
      actor: { type: "worker" },
      data: { replicaId: change.asker, askedInTerm: change.term.toString(), primaryReplica: row.primary_replica },
    });
  }
  return { outcome: "refused", term, changed: false, primaryReplica: row.primary_replica };
}

async function recordPromotion(
  tx: Transaction,
  { vmId, asker }: TermChange,
  { term, formerPrimary }: Granted,
  { cause }: TermChangeContext,
): Promise<void> {
  // Whoever else was a member holds a state of an older term: of no use to the new primary.
  await tx.db
    .update(replicas)
    .set({ role: "backup", state: "lost", stateReason: "superseded", updatedAt: sql`now()` })
    .where(sql`${replicas.vmId} = ${vmId} AND ${replicas.id} <> ${asker} AND ${replicas.goneAt} IS NULL AND ${replicas.state} NOT IN ('lost')`);
  await tx.db.update(replicas).set({ role: "primary", state: "promoting", stateReason: null, updatedAt: sql`now()` }).where(eq(replicas.id, asker));
  // A failover that a user asked for waits here; one that was meant for another replica has lost its object.
  await tx.db.execute(sql`
    UPDATE failovers SET state = 'failed', completed_at = now()
    WHERE vm_id = ${vmId} AND state IN ('pending', 'promoting') AND NOT (state = 'pending' AND to_replica = ${asker})`);
  const { rows } = await tx.db.execute<{ id: string; cause: string; operation_id: string | null }>(sql`
    UPDATE failovers SET state = 'promoting', term = ${term}, from_replica = ${formerPrimary}
    WHERE vm_id = ${vmId} AND state = 'pending' AND to_replica = ${asker}
    RETURNING id, cause, operation_id`);
  const planned = rows[0];
  const failoverId = planned?.id ?? newId("fo");
  if (planned === undefined) {
    await tx.db.execute(sql`
      INSERT INTO failovers (id, vm_id, cause, state, from_replica, to_replica, term)
      VALUES (${failoverId}, ${vmId}, ${cause}, 'promoting', ${formerPrimary}, ${asker}, ${term})`);
  }
  const reason: ProtectionReason = planned === undefined ? cause : "user_action";
  await tx.db.execute(sql`
    UPDATE vms SET protection_state = 'failing_over', protection_reason = ${reason}, protection_since = now() WHERE id = ${vmId}`);
  tx.emit({
    type: "vm.failover.started",
    vmId,
    term,
    cause: planned?.cause ?? cause,
    operationId: planned?.operation_id ?? null,
    data: { failoverId, from: formerPrimary, to: asker },
  });
  tx.emit({ type: "vm.protection.changed", vmId, term, cause: reason, data: { state: "failing_over", reason } });
}

async function recordSolo(tx: Transaction, change: TermChange & { kind: "goSolo" }, { term }: Granted): Promise<void> {
  const reason = reasonOfSolo(change.reason);
  await tx.db
    .update(replicas)
    .set({ state: "lost", stateReason: reason, updatedAt: sql`now()` })
    .where(inArray(replicas.id, [change.lost]));
  await tx.db.execute(sql`
    UPDATE vms SET protection_state = 'unprotected', protection_reason = ${reason}, protection_since = now() WHERE id = ${change.vmId}`);
  tx.emit({ type: "vm.protection.changed", vmId: change.vmId, term, cause: reason, data: { state: "unprotected", reason, lost: change.lost } });
}

async function recordBackup(tx: Transaction, change: TermChange & { kind: "addBackup" }, { term }: Granted): Promise<void> {
  await tx.db.update(replicas).set({ state: "live", stateReason: null, updatedAt: sql`now()` }).where(eq(replicas.id, change.backup));
  await tx.db.execute(sql`
    UPDATE vms SET protection_state = 'protected', protection_reason = NULL, protection_since = now() WHERE id = ${change.vmId}`);
  tx.emit({ type: "vm.repair.completed", vmId: change.vmId, term, data: { backup: change.backup } });
  tx.emit({ type: "vm.protection.changed", vmId: change.vmId, term, data: { state: "protected", reason: null, backup: change.backup } });
}
