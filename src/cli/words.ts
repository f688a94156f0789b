/** The words of the contract that options take. The compiler sees that none is missing, and that there is no other. */
import type { Scope } from "../sdk/index.ts";

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
