/** What this build calls itself. `capabilities` grow; a client asks for one by name. */
export { version as SERVICE_VERSION } from "../../package.json";
export const CAPABILITIES = [
  "lockstep",
  "console.v1",
  "console.raw",
  "events.sse",
  "failover.planned",
  "failover.test",
  "failover.forced",
  "idempotency",
  "dry_run",
  "list.order_by",
  "delete.allow_missing",
  "create.wait",
  "spec.desired_state",
  "worker.conditions",
] as const;
