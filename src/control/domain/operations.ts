/** What calls set going. */
export const OPERATION_KINDS = [
  "vm.create",
  "vm.delete",
  "vm.failover",
  "worker.cordon",
  "worker.uncordon",
  "worker.drain",
  "worker.fence",
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];
