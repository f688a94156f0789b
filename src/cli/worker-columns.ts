/** How workers look in a table. */
import type { Worker } from "../sdk/index.ts";
import { age, labelText } from "./output.ts";

export const WORKER_LISTING = {
  columns: [
    { title: "NAME", value: (worker: Worker) => worker.name },
    { title: "ID", value: (worker: Worker) => worker.id },
    { title: "STATE", value: (worker: Worker) => worker.status.state },
    { title: "HOST", value: (worker: Worker) => worker.status.host },
    { title: "PID", value: (worker: Worker) => String(worker.status.pid) },
    { title: "REPLICAS", value: (worker: Worker) => String(worker.status.replicas) },
    { title: "MEMORY", value: (worker: Worker) => `${worker.status.memoryPromisedMiB}/${worker.status.memoryMiB} MiB` },
    {
      title: "SEEN",
      value: (worker: Worker) => (worker.status.lastHeartbeatAt === null ? "-" : age(worker.status.lastHeartbeatAt, Date.now())),
    },
    { title: "WANTED", value: (worker: Worker) => worker.spec.desiredState, wide: true },
    { title: "ZONE", value: (worker: Worker) => worker.status.zone ?? "-", wide: true },
    { title: "CORES", value: (worker: Worker) => String(worker.status.cores), wide: true },
    { title: "BUILD", value: (worker: Worker) => worker.status.engine.buildDigest.slice(0, 12), wide: true },
    { title: "NODE", value: (worker: Worker) => worker.status.nodeVersion, wide: true },
    { title: "LABELS", value: (worker: Worker) => labelText(worker.labels), wide: true },
  ],
  json: (worker: Worker) => worker,
  name: (worker: Worker) => worker.name,
};
