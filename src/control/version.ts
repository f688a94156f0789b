/** What this build calls itself. `capabilities` grow; a client asks for one by name. */
export { version as SERVICE_VERSION } from "../../package.json";
export const CAPABILITIES = ["lockstep", "console.v1", "events.sse", "failover.planned", "idempotency"] as const;
