/** What calls set going, and how an operation on a VM ends by the state that the VM comes to. */
import type { VmState } from "./vm-state.ts";

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
  "worker.cordon",
  "worker.uncordon",
  "worker.drain",
  "worker.fence",
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** Where an operation that changes a VM's state leads. A failover ends by itself. */
const AIMS: Partial<Record<OperationKind, VmState>> = {
  "vm.create": "running",
  "vm.start": "running",
  "vm.resume": "running",
  "vm.reset": "running",
  "vm.pause": "paused",
  "vm.stop": "stopped",
  "vm.kill": "stopped",
  "vm.delete": "deleted",
};

/** @returns how the operation ends now that its VM is in this state; null: it goes on */
export function endOfOperation(kind: OperationKind, state: VmState): "succeeded" | "failed" | null {
  if (AIMS[kind] === state) return "succeeded";
  return state === "failed" || state === "stopped" ? "failed" : null;
}
