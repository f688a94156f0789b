/** A replica as the reconciler plans with it: its row, its worker, and what that has reported last. */
import type { ReplicaReport } from "../../wire/control-messages.ts";
import { setReplicaState } from "../db/queries/update-replica.ts";
import type { ReplicaRow, WorkerRow } from "../db/schema.ts";
import { isBroken, type ReplicaFacts } from "../domain/replica-facts.ts";
import type { FirstSeen } from "./first-seen.ts";
import type { ReconcilerOptions } from "./options.ts";

/** What is known of a replica, with its row brought up to its worker's report. */
export async function observeReplica(
  options: ReconcilerOptions,
  seen: FirstSeen,
  row: ReplicaRow,
  worker: WorkerRow | undefined,
): Promise<ReplicaFacts> {
  const { database, workers, settings } = options;
  const fenced = worker?.desiredState === "fenced";
  const link = fenced ? "lost" : workers.linkState(row.workerId, row.incarnation);
  const held = workers.link(row.workerId);
  const report = link === "connected" || link === "silent" ? (held?.reports.get(row.id) ?? null) : null;
  let { state } = row;
  const reported = report === null ? null : rowStateOf(report);
  if (reported !== null && state !== "lost" && state !== reported && !(reported === "syncing" && state !== "placing")) {
    // A backup is live when the arbiter has added it, and a promoted one when its failover is complete: not by its own word.
    const mayBecome = reported !== "live" || (report?.role === "primary" && state !== "promoting");
    if (mayBecome) {
      await setReplicaState(database, row.id, reported, report?.haltReason ?? null);
      state = reported;
    }
  }
  return {
    id: row.id,
    role: row.role,
    state,
    stateReason: row.stateReason,
    workerId: row.workerId,
    link,
    awayForMs: fenced ? Number.POSITIVE_INFINITY : workers.awayForMs(row.workerId),
    cutOff: fenced,
    leaving: worker?.desiredState === "drained" || row.wanted === "elsewhere",
    unwanted: row.wanted === "gone",
    fencingGrace:
      held !== null &&
      Math.min(performance.now() - held.responsiveSinceMs, seen.ageMs(`${row.id} ${row.updatedAt.getTime()}`, performance.now())) <
        settings.fencingGraceMs,
    report: report === null ? null : { ...report, term: BigInt(report.term) },
    broken: isBroken(report),
  };
}

function rowStateOf(report: ReplicaReport): ReplicaRow["state"] {
  switch (report.state) {
    case "failed":
      return "stopped";
    default:
      return report.state;
  }
}
