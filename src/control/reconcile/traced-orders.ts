/** Orders to workers in the trace of what they are for, and what that is. */
import { logFieldsOfTrace } from "../../tracing/trace-context.ts";
import type { Tracer } from "../../tracing/tracer.ts";
import type { ControlMessage, PairingReport } from "../../wire/control-messages.ts";
import type { PlanFacts } from "../db/queries/plan-facts.ts";
import type { ReplicaRow, StoredOrigin, VmRow } from "../db/schema.ts";
import { backupsWanted } from "../domain/protection.ts";
import type { WorkerLink } from "../workers/worker-link.ts";
import type { ReconcilerOptions } from "./options.ts";

/** The call that has set the VM's operation going, where one runs. */
export function originOfOperation(facts: PlanFacts, { operationId }: VmRow): StoredOrigin | null {
  return operationId === null ? null : (facts.origins.get(operationId) ?? null);
}

/** What a replica is to go for: the operation on it, or the drain of its worker; null: none that runs. */
export function originOfLeaving(facts: PlanFacts, { operationId, workerId }: ReplicaRow): StoredOrigin | null {
  const by = operationId ?? facts.workers.find(({ worker }) => worker.id === workerId)?.worker.operationId ?? null;
  return by === null ? null : (facts.origins.get(by) ?? null);
}

/**
 * What a replica is placed for: the operation that runs; else, while backups are missing, what they are missing since; where as many
 * are there as are wanted, what one of them is to go for.
 *
 * @param rows the VM's replicas
 */
export function placedFor(facts: PlanFacts, vm: VmRow, rows: readonly ReplicaRow[]): StoredOrigin | null {
  if (vm.operationId !== null) return originOfOperation(facts, vm);
  if (vm.synced.length < backupsWanted(vm.spec.protection)) return vm.repairOrigin;
  const members = rows.filter(({ id }) => id === vm.primaryReplica || vm.synced.includes(id));
  return members.map((row) => originOfLeaving(facts, row)).find((origin) => origin !== null) ?? null;
}

/** From the order to pair until the backup was in the synced set: the VM was protected then. */
export function traceRepair(tracer: Tracer, facts: PlanFacts, vm: VmRow, pairing: PairingReport): void {
  const { backup, totalMs, pauseMs, rounds, bytes, sentBytes } = pairing;
  const endMs = Date.now();
  const span = tracer.start("repair", {
    parent: facts.replicas.find(({ id }) => id === backup)?.origin?.traceparent ?? null,
    startMs: endMs - totalMs,
    attributes: {
      "understudy.vm.id": vm.id,
      "understudy.vm.term": vm.term.toString(),
      "understudy.replica.id": backup,
      "understudy.protection.state": vm.protectionState,
      "understudy.repair.pause_ms": pauseMs,
      "understudy.repair.rounds": rounds,
      "understudy.repair.state_bytes": bytes,
      "understudy.repair.sent_bytes": sentBytes,
    },
  });
  span.end({ endMs });
}

export function logFieldsOf({ requestId, traceparent }: StoredOrigin): Readonly<Record<string, string>> {
  return { ...(requestId === null ? {} : { requestId }), ...logFieldsOfTrace(traceparent) };
}

/** Sends an order, unless the same one went out a moment ago. @returns whether it was sent */
export function orderWorker(
  { tracer, settings }: Pick<ReconcilerOptions, "tracer" | "settings">,
  to: WorkerLink,
  { key, message, vmId, origin, nowMs }: WorkerOrder,
): boolean {
  if (origin === null) return to.order(key, message, nowMs, settings.repeatOrderMs);
  if (!to.isDue(key, nowMs, settings.repeatOrderMs)) return false;
  const span = tracer.start(`order ${message.type}`, {
    kind: "producer",
    parent: origin.traceparent,
    attributes: {
      "understudy.vm.id": vmId,
      "understudy.replica.id": "replicaId" in message ? message.replicaId : undefined,
      "understudy.worker.id": to.worker.id,
      "understudy.worker.name": to.worker.name,
      "understudy.request.id": origin.requestId ?? undefined,
    },
  });
  const traceparent = span.traceparent ?? origin.traceparent;
  const { requestId } = origin;
  const sent = to.order(
    key,
    requestId === null ? { ...message, traceparent } : { ...message, origin: { requestId, traceparent } },
    nowMs,
    settings.repeatOrderMs,
  );
  span.end();
  return sent;
}

export interface WorkerOrder {
  /** The same for the same order. */
  readonly key: string;
  readonly message: ControlMessage;
  readonly vmId: string;
  /** Null: it is for nothing that is traced. */
  readonly origin: StoredOrigin | null;
  readonly nowMs: number;
}
