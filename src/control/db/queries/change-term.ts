/**
 * The arbiter: the only statements that change who is primary and who may become it; the rules are in `domain/term-change.ts`.
 *
 * The VMs' rows are locked, looked at, and changed by a compare-and-set on their terms. The locks come first, in a statement of
 * their own: what the rules look at beside the rows (is the backup still a candidate?) is then read as it is, not as it was. Many
 * changes, of a VM each, are one transaction (`arbiter.ts` says why); promotions are one statement (`promote-heirs.ts`), and so are
 * losses of backups (`go-solo.ts`).
 */
import { eq, inArray, sql } from "drizzle-orm";
import { assert, unreachable } from "../../../base/assert.ts";
import { backupsWanted } from "../../domain/protection.ts";
import { decideTermChange, syncedAfter, type TermChange, type TermFacts } from "../../domain/term-change.ts";
import { isEnding } from "../../domain/vm-state.ts";
import type { Database, Queryable, Transaction } from "../database.ts";
import { replicas, type VmRow, vms, workers } from "../schema.ts";
import { goSolo, type Loss } from "./go-solo.ts";
import { type Promotion, promoteHeirs } from "./promote-heirs.ts";

export interface TermChangeAnswer {
  readonly outcome: "granted" | "refused" | "follow";
  /** The VM's term now; 0 for a VM that is not there. Of `follow`: in which its primary became it. */
  readonly term: bigint;
  /** Its synced set in that term. */
  readonly synced: readonly string[];
  /** False for a repeat of what was granted before, and where nothing was granted. */
  readonly changed: boolean;
}

export interface TermChangeContext {
  /** On whose channel the request came. */
  readonly workerId: string;
  /** Why the primary is thought to be lost, if this is a promotion that nobody asked for. */
  readonly cause: Promotion["cause"];
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

/** A replica that asks, as it was placed. */
interface Asker {
  readonly workerId: string;
  readonly isCutOff: boolean;
}

/** For whom the arbiter decides: it has connections of its own for either. */
export function urgencyOf({ kind }: TermChange): "guestStandsStill" | "guestRuns" {
  return kind === "promote" ? "guestStandsStill" : "guestRuns";
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
  const askers = await readAskers(
    tx.db,
    requests.filter(({ change }) => vmOf.has(change.vmId)).map(({ change }) => change.asker),
  );
  const answers: (TermChangeAnswer | null)[] = [];
  const together: Together = { promotions: [], losses: [] };
  for (const { change, context } of requests) {
    const vm = vmOf.get(change.vmId);
    if (vm === undefined) {
      answers.push(null);
      continue;
    }
    const unchanged = { term: vm.term, synced: vm.synced, changed: false };
    const asker = askers.get(change.asker);
    if (asker !== undefined && asker.workerId !== context.workerId) {
      // Nothing that a worker says of another's replica is its word, so nothing is written of it either.
      answers.push({ outcome: "refused", ...unchanged });
      continue;
    }
    const decision = decideTermChange(await factsOf(tx.db, vm, change, context, asker?.isCutOff ?? false), change);
    switch (decision) {
      case "repeat":
        answers.push({ outcome: "granted", ...unchanged });
        break;
      case "refuse":
        if (change.kind === "promote") await recordRefusal(tx, change, vm);
        answers.push({ outcome: "refused", ...unchanged });
        break;
      case "follow":
        // The primary may not know of a later one yet.
        answers.push({ outcome: "follow", ...unchanged, term: vm.primarySinceTerm });
        break;
      case "change": {
        const synced = syncedAfter(vm.synced, change);
        const term = vm.term + 1n;
        await grant(tx, { vm, change, synced, term, context }, together);
        answers.push({ outcome: "granted", term, synced, changed: true });
        break;
      }
      default:
        unreachable(decision);
    }
  }
  if (together.promotions.length > 0) await promoteHeirs(tx, together.promotions);
  if (together.losses.length > 0) await goSolo(tx, together.losses);
  return answers;
}

/** What is granted and written once everything is decided. */
interface Together {
  readonly promotions: Promotion[];
  readonly losses: Loss[];
}

interface Grant extends TermRequest {
  /** Before it. */
  readonly vm: VmRow;
  /** After it. */
  readonly synced: readonly string[];
  readonly term: bigint;
}

async function grant(tx: Transaction, { vm, change, synced, term, context }: Grant, { promotions, losses }: Together): Promise<void> {
  switch (change.kind) {
    case "promote":
      promotions.push({ vm, heir: change.asker, synced, term, cause: context.cause });
      return;
    case "goSolo": {
      const { asker: primary, lost, reason } = change;
      losses.push({ vm, primary, lost, reason, synced, term, trace: () => context.traceLoss(vm) });
      return;
    }
    case "addBackup":
      await compareAndSet(tx.db, vm, change, change.backup, synced);
      await recordBackup(tx, change, vm, term);
      return;
    default:
      unreachable(change);
  }
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

async function compareAndSet(
  db: Queryable,
  vm: VmRow,
  { kind, asker }: TermChange,
  replica: string,
  synced: readonly string[],
): Promise<void> {
  const { rowCount } = await db.execute(sql`
    UPDATE vms SET term = term + 1, synced = ${sql.param([...synced])}::text[],
      transition_kind = ${kind}, transition_by = ${asker}, transition_replica = ${replica}
    WHERE id = ${vm.id} AND term = ${vm.term}`);
  assert(rowCount === 1, "the row is locked, so its term is what was read");
}

async function isCandidateOf(db: Queryable, replicaId: string, vmId: string): Promise<boolean> {
  const { rows } = await db.execute(sql`
    SELECT FROM replicas
    WHERE id = ${replicaId} AND vm_id = ${vmId} AND role = 'backup' AND gone_at IS NULL AND state IN ('placing', 'syncing', 'live')`);
  return rows.length > 0;
}

/** @returns those of these replicas that the service knows */
async function readAskers(db: Queryable, replicaIds: readonly string[]): Promise<ReadonlyMap<string, Asker>> {
  const rows = await db
    .select({ id: replicas.id, workerId: replicas.workerId, desiredState: workers.desiredState })
    .from(replicas)
    .innerJoin(workers, eq(workers.id, replicas.workerId))
    .where(inArray(replicas.id, [...replicaIds]));
  return new Map(rows.map(({ id, workerId, desiredState }) => [id, { workerId, isCutOff: desiredState === "fenced" }]));
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

async function recordBackup(tx: Transaction, change: TermChange & { kind: "addBackup" }, vm: VmRow, term: bigint): Promise<void> {
  await tx.db.update(replicas).set({ state: "live", stateReason: null, updatedAt: sql`now()` }).where(eq(replicas.id, change.backup));
  const protection = { state: "protected", reason: null } as const;
  await tx.db.execute(sql`
    UPDATE vms SET protection_state = 'protected', protection_reason = NULL,
      protection_since = CASE WHEN protection_state = 'protected' THEN protection_since ELSE now() END
    WHERE id = ${change.vmId}`);
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
