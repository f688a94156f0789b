/** A worker as the public contract shows it. */
import type { WorkerUse } from "../db/queries/list-workers.ts";
import type { Worker } from "../schemas/worker.ts";
import type { LiveView } from "./live-view.ts";

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
    },
  };
}
