/** What calls set going, and how an operation on a VM ends by the state that the VM comes to. */
import type { DesiredVmState, VmState } from "./vm-state.ts";

export const OPERATION_KINDS = [
  "vm.create",
  "vm.delete",
  "vm.failover",
  "vm.start",
  "vm.stop",
  "vm.kill",
  "vm.pause",
  "vm.resume",
  "vm.reset",
  "vm.protection.suspend",
  "vm.protection.resume",
  "replica.restart",
  "replica.migrate",
  "replica.kill",
  "worker.cordon",
  "worker.uncordon",
  "worker.drain",
  "worker.fence",
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** Where an operation that changes a VM's state leads: that of a VM that is made, to what it is to be. A failover ends by itself. */
const AIMS: Partial<Record<OperationKind, VmState>> = {
  "vm.start": "running",
  "vm.resume": "running",
  "vm.reset": "running",
  "vm.pause": "paused",
  "vm.stop": "stopped",
  "vm.kill": "stopped",
  "vm.delete": "deleted",
};

/** @returns how the operation ends now that its VM is in this state; null: it goes on */
export function endOfOperation(kind: OperationKind, state: VmState, desiredState: DesiredVmState): "succeeded" | "failed" | null {
  if ((kind === "vm.create" ? desiredState : AIMS[kind]) === state) return "succeeded";
  return state === "failed" || state === "stopped" ? "failed" : null;
}

/** Of operations on replicas and on protection: they end by what is so of the VM's replicas. */
export const REDUNDANCY_KINDS = [
  "vm.protection.suspend",
  "vm.protection.resume",
  "replica.restart",
  "replica.migrate",
  "replica.kill",
] as const satisfies readonly OperationKind[];

/** What tells whether an operation on replicas or protection has come to its end. */
export interface RedundancyFacts {
  /** The replica that it is about is there no more; true where it is about none. */
  readonly replicaGone: boolean;
  readonly hasGuest: boolean;
  readonly synced: number;
  readonly backupsWanted: number;
}

/** Whether such an operation is done; the others end with a state of their VM, or by themselves. */
export function isRedundancyDone(kind: OperationKind, { replicaGone, hasGuest, synced, backupsWanted }: RedundancyFacts): boolean {
  const complete = !hasGuest || synced >= backupsWanted;
  switch (kind) {
    case "replica.kill":
      return replicaGone;
    case "replica.restart":
    case "replica.migrate":
      return replicaGone && complete;
    case "vm.protection.suspend":
      return synced === 0;
    case "vm.protection.resume":
      return complete;
    default:
      return false;
  }
}
