/**
 * What this worker does of an order, as a span of the trace that the order belongs to. Most are done when they are taken; some take time,
 * and their span ends with what they are for:
 *
 *     createReplica --the replica is live--> ended       pair --the backup is synced--> ended       promote --it is primary and live--> ended
 *                  '-- the replica is given up, fenced or dropped: an error --'
 */
import { logFieldsOfTrace } from "../tracing/trace-context.ts";
import type { Span, Tracer } from "../tracing/tracer.ts";
import type { ControlMessage, ReplicaReport } from "../wire/control-messages.ts";
import type { WorkerLog } from "./log.ts";

/** Whether what the order is for is so; an order that is not here is done at once. */
type Done = (report: ReplicaReport) => boolean;

interface OpenOrder {
  readonly span: Span;
  readonly replicaId: string;
  readonly done: Done;
}

export class OrderSpans {
  /** By kind of order and replica: a repeat is no other order. */
  private readonly open = new Map<string, OpenOrder>();

  constructor(
    private readonly tracer: Tracer,
    private readonly log: WorkerLog,
  ) {}

  /** Takes an order down, in the trace and, where a call of the API is behind it, in the log. Before it is carried out. */
  received(message: ControlMessage, vmId: string | undefined): void {
    const parent = message.origin?.traceparent ?? message.traceparent;
    if (parent === undefined || !("replicaId" in message)) return;
    const { type, replicaId, origin } = message;
    const key = `${type} ${replicaId}${message.type === "pair" ? ` ${message.backup.replicaId}` : ""}`;
    const held = this.open.get(key);
    held?.span.event("repeated");
    const attributes = { "understudy.vm.id": vmId, "understudy.replica.id": replicaId, "understudy.request.id": origin?.requestId };
    const span = held?.span ?? this.tracer.start(`worker ${type}`, { kind: "consumer", parent, attributes });
    if (origin !== undefined) {
      const fields = { requestId: origin.requestId, ...logFieldsOfTrace(span.traceparent ?? parent), vmId, replicaId, order: type };
      this.log.info(fields, `order of a call: ${type}`);
    }
    const done = aimOf(message);
    if (done === null) span.end();
    else if (this.tracer.enabled) this.open.set(key, { span, replicaId, done });
  }

  reported(report: ReplicaReport): void {
    for (const [key, { span, replicaId, done }] of this.open) {
      if (replicaId !== report.replicaId) continue;
      const { state, instant, haltReason } = report;
      const over = state === "failed" || state === "fenced" || state === "stopped";
      if (!over && !done(report)) continue;
      this.open.delete(key);
      span.set({ "understudy.vm.instant": instant, "understudy.replica.state": state });
      span.end({ error: over ? (haltReason ?? state) : undefined });
    }
  }

  /** The replica is here no more. */
  dropped(replicaId: string): void {
    for (const [key, order] of this.open) {
      if (order.replicaId !== replicaId) continue;
      this.open.delete(key);
      order.span.end({ error: "replica_dropped" });
    }
  }
}

function aimOf(message: ControlMessage): Done | null {
  switch (message.type) {
    case "createReplica":
      return ({ state }) => state === "live";
    case "pair":
      return ({ lastPairing }) => lastPairing?.backup === message.backup.replicaId;
    case "promote":
      return ({ role, state }) => role === "primary" && state === "live";
    default:
      return null;
  }
}
