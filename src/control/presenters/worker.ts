/** A worker as the public contract shows it. */
import type { WorkerUse } from "../db/queries/list-workers.ts";
import type { WorkerRow } from "../db/schema.ts";
import type { WorkerState } from "../domain/worker-state.ts";
import type { Worker, WorkerCondition } from "../schemas/worker.ts";
import { camelCase } from "./conditions.ts";
import type { LiveView } from "./live-view.ts";

const READY_MESSAGES: Readonly<Record<WorkerState, string>> = {
  joining: "It has not said what it has yet",
  ready: "It is heard, and what it holds runs",
  cordoned: "It is heard, and what it holds runs",
  draining: "It is heard, and what it holds moves elsewhere",
  drained: "It is heard, and holds nothing",
  unknown: "It has not been heard for a while",
  lost: "It is not heard any more, and what it held counts as lost",
  fenced: "An operator cut it off",
};

export function presentWorker({ worker, promisedMiB, replicas }: WorkerUse, live: LiveView): Worker {
  return {
    id: worker.id,
    name: worker.name,
    labels: worker.labels,
    createdAt: worker.createdAt.toISOString(),
    updatedAt: worker.updatedAt.toISOString(),
    spec: { desiredState: worker.desiredState },
    status: {
      state: worker.state,
      host: worker.host,
      zone: worker.zone,
      pid: worker.pid,
      incarnation: worker.incarnation,
      cores: worker.cores,
      memoryMiB: worker.memoryMiB,
      memoryPromisedMiB: promisedMiB,
      replicas,
      engine: { version: worker.version, buildDigest: worker.buildDigest },
      nodeVersion: worker.nodeVersion,
      lastHeartbeatAt: (live.lastHeartbeatAt(worker.id) ?? worker.lastHeartbeatAt).toISOString(),
      operationId: worker.operationId,
      conditions: conditionsOf(worker, live),
    },
  };
}

/** In Kubernetes' shape, always all of them and in one order. */
function conditionsOf(worker: WorkerRow, live: LiveView): WorkerCondition[] {
  const { state } = worker;
  const lastTransitionTime = worker.stateSince.toISOString();
  const gone = state === "lost" || state === "fenced";
  const waits = gone ? null : live.waitsForArbiter(worker.id);
  return [
    {
      type: "Ready",
      status: gone ? "False" : state === "unknown" || state === "joining" ? "Unknown" : "True",
      reason: camelCase(state),
      message: READY_MESSAGES[state],
      lastTransitionTime,
    },
    {
      type: "Schedulable",
      status: state === "ready" ? "True" : "False",
      reason: state === "ready" ? "TakesReplicas" : camelCase(state),
      message: state === "ready" ? "Replicas are placed here where there is room" : `Nothing new is placed here: the worker is ${state}`,
      lastTransitionTime,
    },
    {
      type: "ArbiterReachable",
      status: waits === null ? "Unknown" : waits ? "False" : "True",
      reason: waits === null ? "NotHeard" : waits ? "ArbiterUnavailable" : "ArbiterAnswers",
      message:
        waits === null
          ? "The worker is not heard, so nothing is known of it"
          : waits
            ? "A replica of it waits for an answer of the arbiter"
            : "No replica of it waits for an answer of the arbiter",
      lastTransitionTime,
    },
  ];
}
