/** Types of events, and what is written of one before it has a sequence number. */
export const EVENT_TYPES = [
  "vm.created",
  "vm.deleted",
  "vm.state.changed",
  "vm.spec.changed",
  "vm.protection.changed",
  "vm.failover.started",
  "vm.failover.completed",
  "vm.failover.refused",
  "vm.repair.started",
  "vm.repair.progressed",
  "vm.repair.completed",
  "vm.repair.failed",
  "vm.divergence.detected",
  "vm.console.writer.changed",
  "vm.console.attached",
  "vm.console.detached",
  "worker.joined",
  "worker.state.changed",
  "worker.drain.started",
  "worker.drain.completed",
  "worker.drain.cancelled",
  "worker.fenced",
  "worker.deleted",
  "image.created",
  "operation.updated",
  "token.created",
  "token.revoked",
  "bookmark",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface EventDraft {
  readonly type: EventType;
  readonly vmId?: string | null;
  readonly term?: bigint | null;
  readonly cause?: string | null;
  readonly actor?: { readonly type: "system" | "user" | "worker"; readonly id?: string };
  readonly operationId?: string | null;
  readonly requestId?: string | null;
  readonly data?: Readonly<Record<string, unknown>>;
}
