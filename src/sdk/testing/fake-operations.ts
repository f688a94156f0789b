/** What the contract says of the routes that the fake service has: the operation's id, and the scope that a token must have. */
import type { Schemas } from "../client.ts";

interface FakeOperation {
  readonly id: string;
  /** Null: any token will do. */
  readonly scope: Schemas["Scope"] | null;
}

/** By method and path. A test holds it to the document, and the routes to it. */
export const FAKE_OPERATIONS: Readonly<Record<string, FakeOperation>> = {
  "GET /v1/version": { id: "getVersion", scope: null },
  "GET /v1/whoami": { id: "whoami", scope: null },
  "POST /v1/tokens": { id: "createToken", scope: "tokens:write" },
  "GET /v1/tokens": { id: "listTokens", scope: "tokens:write" },
  "DELETE /v1/tokens/{token}": { id: "revokeToken", scope: "tokens:write" },
  "GET /v1/audit-log": { id: "listAuditLog", scope: "audit:read" },
  "GET /v1/images": { id: "listImages", scope: "images:read" },
  "GET /v1/images/{image}": { id: "getImage", scope: "images:read" },
  "GET /v1/workers": { id: "listWorkers", scope: "workers:read" },
  "GET /v1/workers/{worker}": { id: "getWorker", scope: "workers:read" },
  "PATCH /v1/workers/{worker}": { id: "updateWorker", scope: "workers:write" },
  "POST /v1/workers/{worker}/cordon": { id: "cordonWorker", scope: "workers:write" },
  "POST /v1/workers/{worker}/uncordon": { id: "uncordonWorker", scope: "workers:write" },
  "POST /v1/workers/{worker}/drain": { id: "drainWorker", scope: "workers:write" },
  "POST /v1/workers/{worker}/fence": { id: "fenceWorker", scope: "workers:write" },
  "POST /v1/vms": { id: "createVm", scope: "vms:write" },
  "GET /v1/vms": { id: "listVms", scope: "vms:read" },
  "GET /v1/vms/{vm}": { id: "getVm", scope: "vms:read" },
  "PATCH /v1/vms/{vm}": { id: "updateVm", scope: "vms:write" },
  "DELETE /v1/vms/{vm}": { id: "deleteVm", scope: "vms:delete" },
  "GET /v1/vms/{vm}/wait": { id: "waitForVm", scope: "vms:read" },
  "GET /v1/vms/{vm}/replicas": { id: "listReplicas", scope: "vms:read" },
  "GET /v1/vms/{vm}/failovers": { id: "listFailovers", scope: "vms:read" },
  "POST /v1/vms/{vm}/failover": { id: "failOverVm", scope: "failover:write" },
  "POST /v1/vms/{vm}/start": { id: "startVm", scope: "vms:write" },
  "POST /v1/vms/{vm}/stop": { id: "stopVm", scope: "vms:write" },
  "POST /v1/vms/{vm}/kill": { id: "killVm", scope: "vms:write" },
  "POST /v1/vms/{vm}/pause": { id: "pauseVm", scope: "vms:write" },
  "POST /v1/vms/{vm}/resume": { id: "resumeVm", scope: "vms:write" },
  "POST /v1/vms/{vm}/reset": { id: "resetVm", scope: "vms:write" },
  "GET /v1/operations": { id: "listOperations", scope: "vms:read" },
  "GET /v1/operations/{operation}": { id: "getOperation", scope: "vms:read" },
  "POST /v1/operations/{operation}/cancel": { id: "cancelOperation", scope: "vms:write" },
  "GET /v1/events": { id: "listEvents", scope: "events:read" },
};
