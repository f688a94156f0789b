/** What this build calls itself. `capabilities` grow; a client asks for one by name. */
export const SERVICE_VERSION = "0.1.0";
export const CAPABILITIES = ["lockstep", "console.v1", "events.sse", "failover.planned", "idempotency"] as const;
