/**
 * Follows a failover to its end.
 *
 *     pending (ordered by a user) --promote granted--> promoting --new primary live--> completed
 *        '-- the backup is gone, or too long --> failed <-- the new primary is gone --'
 *
 * While it is pending somebody is told: the backup, to take over from a primary that hands over (planned) or at once (forced); or
 * the primary, to fail, and what follows is everybody's own doing (test).
 */
import type { ControlMessage, ReplicaReport } from "../../wire/control-messages.ts";
import { abandonFailover, completeFailover, originOfRepair, recordFirstOutput } from "../db/queries/end-failover.ts";
import type { FailoverRow, StoredOrigin, VmRow } from "../db/schema.ts";
import type { ReplicaFacts } from "../domain/replica-facts.ts";
import { hasGuest } from "../domain/vm-state.ts";
import { beginFailoverSpan, endFailoverSpan, traceFirstOutput } from "./failover-spans.ts";
import type { ReconcilerOptions } from "./options.ts";
import { orderWorker } from "./traced-orders.ts";

/** A user's failover that the backup has not taken up for so long is given up. */
const PENDING_LIMIT_MS = 30_000;

/**
 * @param context `origin`: the call that it was ordered by
 * @returns what the VM's next backup is placed for: this failover, where it is complete now, and traced
 */
export async function followFailover(
  options: ReconcilerOptions,
  vm: VmRow,
  failover: FailoverRow,
  replicas: readonly ReplicaFacts[],
  { openForMs, nowMs, origin }: { readonly openForMs: number; readonly nowMs: number; readonly origin: StoredOrigin | null },
): Promise<StoredOrigin | null> {
  const { database, workers, tracer, log } = options;
  const dead = isDead(replicas, failover.toReplica);
  if (failover.state === "pending") {
    // After a test any of them takes over.
    const heirs = failover.mode === "test" ? vm.synced : vm.synced.filter((id) => id === failover.toReplica);
    if (heirs.every((id) => isDead(replicas, id)) || openForMs > PENDING_LIMIT_MS || !hasGuest(vm.state)) {
      await database.transaction((tx) =>
        dead
          ? abandonFailover(tx, failover, "backup_lost", "the backup is gone")
          : abandonFailover(tx, failover, "not_taken_up", "the backup did not take over"),
      );
      return null;
    }
    const order = orderOf(failover);
    const told = replicas.find(({ id }) => id === order?.replicaId);
    if (order === null || told === undefined) return null;
    const link = workers.link(told.workerId);
    const key = `${order.type} ${failover.id}`;
    const by = origin ?? failover.origin;
    const whom = order.type === "promote" ? "the backup to take over" : "the primary to fail";
    if (link !== null && orderWorker(options, link, { key, message: order, vmId: vm.id, origin: by, nowMs }))
      log.info({ vmId: vm.id, failoverId: failover.id, mode: failover.mode, replicaId: told.id }, `failover: telling ${whom}`);
    return null;
  }
  if (dead) {
    await database.transaction((tx) => abandonFailover(tx, failover, "primary_lost", "the new primary is gone"));
    return null;
  }
  const report = workers.holderOf(failover.toReplica)?.report;
  if (report?.role !== "primary" || report.state === "promoting" || report.promotion === null) return null;
  const { detectMs, arbitrateMs, promoteMs, instant, consoleEnd, firstOutputMs = null, verified } = report.promotion;
  const gapMs = {
    detect: toTenths(detectMs),
    arbitrate: toTenths(arbitrateMs),
    promote: toTenths(promoteMs),
    total: toTenths(detectMs + arbitrateMs + promoteMs),
  };
  const former = replicas.find((replica) => replica.id === failover.fromReplica);
  const formerHeard = former !== undefined && (former.link === "connected" || former.link === "silent");
  // The promotion may have been asked for before we saw the worker's channel close.
  const cause = failover.mode !== null ? failover.cause : formerHeard ? "connection_lost" : "worker_lost";
  const span = beginFailoverSpan(tracer, failover, gapMs, [origin, vm.repairOrigin]);
  const firstMs = firstOutputMs === null ? null : toTenths(firstOutputMs);
  const completed = await database.transaction((tx) =>
    completeFailover(tx, failover, {
      gapMs,
      instant: BigInt(instant),
      consoleEnd: BigInt(consoleEnd),
      firstOutputMs: firstMs,
      verified: verified === undefined ? null : { ...verified, instant: BigInt(verified.instant) },
      cause,
      traceparent: span.traceparent,
    }),
  );
  if (completed) endFailoverSpan(tracer, span, failover, gapMs, { cause, firstOutputMs: firstMs, instant, consoleEnd });
  log.info({ vmId: vm.id, failoverId: failover.id, cause, gapMs, instant, term: failover.term?.toString() }, "failover completed");
  return completed ? originOfRepair(failover, span.traceparent) : null;
}

function isDead(replicas: readonly ReplicaFacts[], replicaId: string): boolean {
  const replica = replicas.find(({ id }) => id === replicaId);
  return replica === undefined || replica.state === "lost" || replica.broken;
}

/** Whom a pending failover needs told what; null: there is no primary that could fail. */
function orderOf({ mode, fromReplica, toReplica }: FailoverRow): Extract<ControlMessage, { type: "promote" | "failPrimary" }> | null {
  if (mode !== "test") return { type: "promote", replicaId: toReplica, handOver: mode === "planned" };
  return fromReplica === null ? null : { type: "failPrimary", replicaId: fromReplica };
}

/** @returns false where there is nothing to be noted yet */
export async function noteFirstOutput(
  { database, activity, tracer }: ReconcilerOptions,
  { replicaId, promotion }: ReplicaReport,
): Promise<boolean> {
  if (promotion?.firstOutputMs == null) return false;
  const firstMs = toTenths(promotion.firstOutputMs);
  const failover = await recordFirstOutput(database.db, replicaId, firstMs);
  if (failover !== null) {
    activity.failoverGap("first_output", promotion.firstOutputMs);
    traceFirstOutput(tracer, failover, firstMs);
  }
  return true;
}

/** Milliseconds to a tenth: what is finer is noise of the measurement. */
function toTenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
