/** The words of the contract that options take. The compiler sees that none is missing, and that there is no other. */
import type { ListVmsOptions, Scope } from "../sdk/index.ts";

export type VmState = NonNullable<ListVmsOptions["state"]>;
export type ProtectionState = NonNullable<ListVmsOptions["protection"]>;

export const VM_STATES = Object.keys({
  provisioning: 0,
  starting: 0,
  running: 0,
  pausing: 0,
  paused: 0,
  resuming: 0,
  stopping: 0,
  stopped: 0,
  deleting: 0,
  deleted: 0,
  failed: 0,
} satisfies Record<VmState, 0>);

export const PROTECTION_STATES = Object.keys({
  off: 0,
  suspended: 0,
  inactive: 0,
  unprotected: 0,
  syncing: 0,
  protected: 0,
  failing_over: 0,
} satisfies Record<ProtectionState, 0>);

export const SCOPES = Object.keys({
  "vms:read": 0,
  "vms:write": 0,
  "vms:delete": 0,
  "console:read": 0,
  "console:write": 0,
  "failover:write": 0,
  "chaos:write": 0,
  "workers:read": 0,
  "workers:write": 0,
  "images:read": 0,
  "images:write": 0,
  "events:read": 0,
  "audit:read": 0,
  "tokens:write": 0,
  admin: 0,
} satisfies Record<Scope, 0>);
