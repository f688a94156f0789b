/** Workers in a pass of the reconciler: their rows follow their channels, and what they hold that no table speaks of is dropped. */
import { completeDrain } from "../db/queries/complete-drain.ts";
import type { PlanFacts } from "../db/queries/plan-facts.ts";
import { setWorkerState } from "../db/queries/set-worker-state.ts";
import { workerStateOf } from "../domain/worker-state.ts";
import { cutOff, letIn } from "../workers/cut-off.ts";
import type { ReconcilerOptions } from "./options.ts";

/** Brings the rows of the workers to what is heard of them. @returns true where nothing is on its way */
export async function updateWorkers(options: ReconcilerOptions, facts: PlanFacts): Promise<boolean> {
  const { workers, database } = options;
  let settled = true;
  for (const { worker, replicas } of facts.workers) {
    const link = workers.linkState(worker.id, worker.incarnation);
    const state = workerStateOf({ desiredState: worker.desiredState, link, replicas });
    if (worker.desiredState === "fenced") cutOff(workers, worker.id, options.log);
    else letIn(workers, worker.id);
    if (state === "draining") settled = false;
    if (worker.desiredState === "drained" && worker.operationId !== null && replicas === 0) {
      await completeDrain(database, worker, worker.operationId);
      options.log.info({ workerId: worker.id, worker: worker.name }, "the worker is drained");
    }
    if (link === "silent" || link === "missing") settled = false;
    // A control plane that has just started does not yet know better than the row.
    if (worker.state === state || (link === "missing" && workers.booting)) continue;
    if (worker.state === "lost" && state === "unknown") continue;
    await setWorkerState(database, worker, state, workers.lastHeardAt(worker.id));
  }
  return settled;
}

/** What a worker holds and no table speaks of is dropped. @returns false where something is left a while */
export function dropUnknown(options: ReconcilerOptions, facts: PlanFacts, nowMs: number): boolean {
  let settled = true;
  const known = new Set(facts.replicas.map((replica) => replica.id));
  for (const link of options.workers.all()) {
    for (const report of link.reports.values()) {
      if (known.has(report.replicaId)) continue;
      // It may have been primary, and stopped for so long that it was written off: it finds out by itself, and says so. One
      // of the first term never had a backup that could have taken over.
      const mayBeFenced = report.role === "primary" && report.state === "live" && report.term !== "1";
      if (mayBeFenced && nowMs - link.responsiveSinceMs < options.settings.fencingGraceMs) {
        settled = false;
        continue;
      }
      const sent = link.order(
        `drop ${report.replicaId}`,
        { type: "dropReplica", replicaId: report.replicaId, reason: "no VM has this replica" },
        nowMs,
        options.settings.repeatOrderMs,
      );
      if (sent)
        options.log.info({ replicaId: report.replicaId, vmId: report.vmId, worker: link.worker.name }, "dropping a replica that no VM has");
    }
  }
  return settled;
}
