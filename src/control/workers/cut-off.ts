/** A fenced worker that is connected here, to whichever control plane it was fenced at: it is told to end everything, and hears nothing more. */
import type { FastifyBaseLogger } from "fastify";
import type { EventDraft } from "../domain/events.ts";
import type { WorkerRegistry } from "./worker-registry.ts";

/** Does nothing where it is not connected. */
export function cutOff(workers: WorkerRegistry, workerId: string, log: FastifyBaseLogger): void {
  const link = workers.link(workerId);
  if (link === null) return;
  for (const replicaId of link.reports.keys()) link.send({ type: "dropReplica", replicaId, reason: "the worker is fenced" });
  link.close(4403, "fenced");
  workers.remove(link);
  log.warn({ workerId, worker: link.worker.name }, "the worker is fenced: its channel is closed");
}

/** @param events that were committed, here or by another control plane */
export function cutOffFenced(workers: WorkerRegistry, events: readonly EventDraft[], log: FastifyBaseLogger): void {
  for (const { type, data } of events) if (type === "worker.fenced") cutOff(workers, String(data?.["workerId"]), log);
}
