/**
 * A fenced worker, to whichever control plane it was fenced at. Where it is connected, it is told to end everything, and hears nothing
 * more; but it may be cut off from every control plane and go on, so the other workers are told to end what they have with it.
 *
 *     fenced, or deleted (an event, here or elsewhere) --> every worker that is connected is told at once
 *     it is fenced (its row, at each pass)             --> so is one that has connected since, once
 */
import type { FastifyBaseLogger } from "fastify";
import type { EventDraft } from "../domain/events.ts";
import type { WorkerRegistry } from "./worker-registry.ts";

/** Does nothing where the worker is not connected, and everybody else knows. */
export function cutOff(workers: WorkerRegistry, workerId: string, log: FastifyBaseLogger): void {
  for (const peer of workers.all()) if (peer.worker.id !== workerId) peer.cutOff(workerId);
  const link = workers.link(workerId);
  if (link === null) return;
  for (const replicaId of link.reports.keys()) link.send({ type: "dropReplica", replicaId, reason: "the worker is fenced" });
  link.close(4403, "fenced");
  workers.remove(link);
  log.warn({ workerId, worker: link.worker.name }, "the worker is fenced: its channel is closed");
}

/** It may be cut off again. */
export function letIn(workers: WorkerRegistry, workerId: string): void {
  for (const peer of workers.all()) peer.letIn(workerId);
}

/** @param events that were committed, here or by another control plane */
export function cutOffFenced(workers: WorkerRegistry, events: readonly EventDraft[], log: FastifyBaseLogger): void {
  for (const { type, data } of events) {
    if (type !== "worker.fenced" && type !== "worker.deleted") continue;
    const workerId = String(data?.["workerId"]);
    letIn(workers, workerId);
    cutOff(workers, workerId, log);
  }
}
