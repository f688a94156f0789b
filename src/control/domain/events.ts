/** Types of events, and what is written of one before it has a sequence number. */
export const EVENT_TYPES = [
  "vm.created",
  "vm.deleted",
  "vm.state.changed",
  "vm.spec.changed",
  "vm.protection.changed",
  "vm.failover.started",
  "vm.failover.completed",
  "vm.failover.failed",
  "vm.failover.refused",
  "vm.repair.started",
  "vm.repair.progressed",
  "vm.repair.completed",
  "vm.repair.failed",
  "vm.divergence.detected",
  "vm.backup.lagging",
  "vm.backup.recovered",
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
  "image.deleted",
  "image.alias.moved",
  "operation.updated",
  "token.created",
  "token.revoked",
  "bookmark",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** @param pattern a type, or `vm.failover.*` for all that begin so */
export function matchesEventTypes(pattern: string): boolean {
  return EVENT_TYPES.some((type) => (pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern));
}

/** Who brought an event about. */
export interface Actor {
  readonly type: "system" | "user" | "worker";
  /** Of the token that a user showed, or of the worker. */
  readonly id?: string;
  readonly name?: string;
}

/** Of an event whose `cause` is a call of the API. */
export const USER_ACTION = "user_action";

export interface EventDraft {
  readonly type: EventType;
  /** Why it happened: `user_action`, or a reason such as `worker_lost`. */
  readonly cause: string;
  readonly vmId?: string | null;
  readonly term?: bigint | null;
  /** Default: the user in a transaction that a call asked for, else the system. */
  readonly actor?: Actor;
  readonly operationId?: string | null;
  /** Default: that of the call, or of the call that set the operation going. */
  readonly requestId?: string | null;
  readonly data?: Readonly<Record<string, unknown>>;
}
