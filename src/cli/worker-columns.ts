/** How workers look in a table. */
import type { Worker } from "../sdk/index.ts";
import { age } from "./output.ts";

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
  ],
  json: (worker: Worker) => worker,
  name: (worker: Worker) => worker.name,
};
