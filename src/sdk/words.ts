/** The words of the contract, as lists to choose from. The compiler sees that none is missing, and that there is no other. */
import type { Schemas } from "./client.ts";
import type { Scope } from "./tokens.ts";

export type VmState = Schemas["VmState"];
export type ProtectionState = Schemas["ProtectionState"];

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
