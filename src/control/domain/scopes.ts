/** What a token may do. `admin` may do everything. */
export const SCOPES = [
  "vms:read",
  "vms:write",
  "vms:delete",
  "console:read",
  "console:write",
  "failover:write",
  "chaos:write",
  "workers:read",
  "workers:write",
  "images:read",
  "images:write",
  "events:read",
  "audit:read",
  "tokens:write",
  "admin",
] as const;
export type Scope = (typeof SCOPES)[number];

export function allows(granted: readonly Scope[], wanted: Scope): boolean {
  return granted.includes("admin") || granted.includes(wanted);
}
