/**
 * What the document shows of each body and answer: one installation, told consistently. By the `$id` of the schema, or by media type
 * where an answer is no JSON. Typed by the schemas, and a test holds them against the document.
 */
import type { Static } from "typebox";
import type { AuditEntry, AuditEntryList } from "./audit-entry.ts";
import type {
  ConsoleInputAck,
  ConsoleInputRequest,
  ConsoleSession,
  ConsoleSessionList,
  ConsoleTicket,
  ConsoleTicketRequest,
} from "./console.ts";
import type { Event, EventPage } from "./event.ts";
import type { Image, ImageAlias, ImageList, ImageSourceRequest, PutImageAliasRequest } from "./image.ts";
import type { Operation, OperationList } from "./operation.ts";
import type { QuotaList } from "./quota.ts";
import type { Health, Version } from "./service.ts";
import type { CreatedToken, CreateTokenRequest, Identity, Token, TokenList } from "./token.ts";
import type {
  CreateVmRequest,
  Failover,
  FailoverList,
  FailoverRequest,
  MigrateRequest,
  PatchVmRequest,
  Replica,
  ReplicaList,
  StopRequest,
  Vm,
  VmList,
  WaitAnswer,
} from "./vm.ts";
import type { DrainRequest, PatchWorkerRequest, Worker, WorkerList } from "./worker.ts";

const CREATED = "2026-03-01T09:00:00.000Z";
const CHANGED = "2026-03-01T09:00:04.218Z";
const HEARD = "2026-03-01T09:12:41.907Z";
const VM_ID = "vm_01KJM5Q2W0E8Y6T4R2Q0N8M6K4";
const PRIMARY = "rep_01KJM5Q2ZC9A7B5C3D1E0F8G6H";
const BACKUP = "rep_01KJM5Q4M0P8Q6R4S2T0V8W6X4";
const WORKER = "wrk_01KJM5A0B1C2D3E4F5G6H7J8K9";
const OTHER_WORKER = "wrk_01KJM5A7N6P5Q4R3S2T1V0W9X8";
const OPERATION = "op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0";
const DIGEST = "sha256:8c1f7a4b2e9d06c35a7f1be4d20893c6f5e7a1b4c8d90e2f3a6b5c7d8e9f0a1b";
const ENGINE = { version: "0.1.0", buildDigest: "5f0c9e7d3b1a8642c5e7f9ab1d3c5e70f2b4d6a8c0e1f3a5b7d9c2e4f6a8b0d1" };

const failover: Failover = {
  id: "fo_01KJM6Z1Z9Y8X7W6V5T4S3R2Q1",
  vmId: VM_ID,
  mode: "test",
  cause: "user_action",
  state: "completed",
  from: BACKUP,
  to: PRIMARY,
  term: 3,
  gapMs: { detect: 0, arbitrate: 3.1, promote: 1.4, total: 4.5, firstOutput: 0.8, client: 22.4 },
  stateHash: { match: true, instant: "9118000000", value: "5c0ffee5c0ffee00" },
  instant: "8120334021",
  consoleEnd: "20481",
  operationId: OPERATION,
  startedAt: "2026-03-01T09:10:00.000Z",
  completedAt: "2026-03-01T09:10:00.031Z",
};

const primary: Replica = {
  id: PRIMARY,
  vmId: VM_ID,
  role: "primary",
  state: "live",
  stateReason: null,
  worker: WORKER,
  workerName: "worker-1",
  zone: "a",
  engine: ENGINE,
  appliedInstant: "9120334021",
  joinProgress: null,
  transfer: null,
  lastHeartbeatAt: HEARD,
  createdAt: CREATED,
};
const backup: Replica = {
  ...primary,
  id: BACKUP,
  role: "backup",
  worker: OTHER_WORKER,
  workerName: "worker-2",
  zone: "b",
  appliedInstant: "9120134021",
};

const vm: Vm = {
  id: VM_ID,
  name: "web",
  project: "default",
  labels: { tier: "front" },
  createdAt: CREATED,
  updatedAt: CHANGED,
  generation: 1,
  resourceVersion: "57",
  spec: {
    image: `debian@${DIGEST}`,
    machine: { vcpus: 1, memoryMiB: 256, platform: "virt" },
    cmdline: "console=ttyS0 panic=-1 reboot=panic_warm",
    desiredState: "running",
    protection: { mode: "lockstep", backups: 1, maxLagMs: 2000, suspended: false, outputCommit: "strict" },
    placement: { workerSelector: "disk=ssd", zones: [], antiAffinity: { domain: "host", policy: "required" } },
    restartPolicy: "on_failure",
    deletionProtection: false,
    ttlSeconds: null,
    console: { headBytes: 65_536, tailBytes: 262_144 },
  },
  status: {
    state: "running",
    stateReason: null,
    stateMessage: null,
    restarts: 0,
    expiresAt: null,
    term: 3,
    instant: "9120334021",
    protection: {
      state: "protected",
      reason: null,
      syncedBackups: 1,
      wantedBackups: 1,
      lagInstructions: "200000",
      lagMs: 1.8,
      logBytesPerSecond: 77,
      since: CHANGED,
    },
    replicas: [primary, backup],
    console: { start: "0", end: "20481", writer: null },
    conditions: [
      {
        type: "Protected",
        status: "True",
        reason: "Protected",
        message: "A backup would take over at the same instruction",
        lastTransitionTime: CHANGED,
        observedGeneration: 1,
      },
    ],
    operationId: null,
    lastFailover: failover,
  },
};

const operation: Operation = {
  id: OPERATION,
  kind: "vm.failover",
  state: "succeeded",
  vmId: VM_ID,
  workerId: null,
  result: { ...failover },
  error: null,
  createdAt: "2026-03-01T09:10:00.000Z",
  updatedAt: "2026-03-01T09:10:00.031Z",
  completedAt: "2026-03-01T09:10:00.031Z",
};

const worker: Worker = {
  id: WORKER,
  name: "worker-1",
  labels: { rack: "a3" },
  createdAt: "2026-03-01T08:00:00.000Z",
  updatedAt: CREATED,
  spec: { desiredState: "ready" },
  status: {
    state: "ready",
    host: "node-7",
    zone: "a",
    pid: 4711,
    incarnation: "4b8f0c1e-6a52-4d7b-9c3e-1f0a2b3c4d5e",
    cores: 8,
    memoryMiB: 16_384,
    memoryPromisedMiB: 256,
    replicas: 1,
    engine: ENGINE,
    nodeVersion: "v20.20.2",
    lastHeartbeatAt: HEARD,
    operationId: null,
    conditions: [
      {
        type: "Schedulable",
        status: "True",
        reason: "TakesReplicas",
        message: "Replicas are placed here where there is room",
        lastTransitionTime: CREATED,
      },
    ],
  },
};

const image: Image = {
  id: "img_01KJM4ZZZ0A1B2C3D4E5F6G7H8",
  name: "debian",
  digest: DIGEST,
  kernel: { digest: DIGEST.replaceAll("8", "3"), sizeBytes: 31_457_280 },
  initramfs: { digest: DIGEST.replaceAll("8", "6"), sizeBytes: 2_097_152 },
  cmdline: "console=ttyS0 panic=-1 reboot=panic_warm",
  minMemoryMiB: 96,
  aliases: ["stable"],
  createdAt: "2026-03-01T07:30:00.000Z",
};

const event: Event = {
  seq: "57",
  id: "evt_01KJM6Z200B1C2D3E4F5G6H7J8",
  type: "vm.failover.completed",
  time: "2026-03-01T09:10:00.031Z",
  project: "default",
  vmId: VM_ID,
  term: 3,
  cause: "user_action",
  actor: { type: "user", id: "tok_01KJM4Z0A1B2C3D4E5F6G7H8J9" },
  operationId: OPERATION,
  requestId: "req_01KJM6Z1Y0A1B2C3D4E5F6G7H8",
  data: { failoverId: failover.id, gapMs: { total: 4.5 } },
};

const token: Token = {
  id: "tok_01KJM700B1C2D3E4F5G6H7J8K9",
  name: "ci",
  scopes: ["vms:read", "vms:write"],
  createdAt: CREATED,
  expiresAt: "2026-03-02T09:00:00.000Z",
  createdBy: "tok_01KJM4Z0A1B2C3D4E5F6G7H8J9",
};

const consoleSession: ConsoleSession = {
  id: "con_01KJM6Y00B1C2D3E4F5G6H7J8K",
  vmId: VM_ID,
  mode: "write",
  writer: true,
  subprotocol: "understudy.console.v1",
  inputSession: "0b9d3c5e-7f1a-4c2b-8d6e-9a0b1c2d3e4f",
  tokenId: "tok_01KJM4Z0A1B2C3D4E5F6G7H8J9",
  position: "20481",
  lagBytes: 0,
  attachedAt: CHANGED,
};

const auditEntry: AuditEntry = {
  id: "aud_01KJM6Z1Y0A1B2C3D4E5F6G7H8",
  requestId: "req_01KJM6Z1Y0A1B2C3D4E5F6G7H8",
  actor: { tokenId: "tok_01KJM4Z0A1B2C3D4E5F6G7H8J9", tokenName: "operator" },
  method: "POST",
  route: "/v1/vms/{vm}/failover",
  operation: "failOverVm",
  resource: "/v1/vms/web/failover",
  sourceAddress: "10.0.3.17",
  startedAt: "2026-03-01T09:10:00.000Z",
  completedAt: "2026-03-01T09:10:00.012Z",
  outcome: "succeeded",
  status: 202,
  code: null,
  durationMs: 12,
};

export const EXAMPLES = {
  Vm: vm,
  VmList: { items: [vm], nextPageToken: null, resourceVersion: "57" } satisfies Static<typeof VmList>,
  CreateVmRequest: {
    name: "web",
    labels: { tier: "front" },
    spec: { image: "debian", machine: { memoryMiB: 256 }, protection: { backups: 1 } },
  } satisfies CreateVmRequest,
  PatchVmRequest: { labels: { tier: "back", retired: null }, spec: { protection: { backups: 2 } } } satisfies PatchVmRequest,
  ReplicaList: { items: [primary, backup] } satisfies Static<typeof ReplicaList>,
  WaitAnswer: { reached: true, vm } satisfies Static<typeof WaitAnswer>,
  FailoverRequest: { mode: "test" } satisfies Static<typeof FailoverRequest>,
  FailoverList: { items: [failover], nextPageToken: null } satisfies Static<typeof FailoverList>,
  Failover: failover,
  MigrateRequest: { targetWorker: "worker-3" } satisfies MigrateRequest,
  StopRequest: { graceMs: 10_000 } satisfies StopRequest,
  Operation: operation,
  OperationList: { items: [operation], nextPageToken: null } satisfies Static<typeof OperationList>,
  Worker: worker,
  WorkerList: { items: [worker], nextPageToken: null } satisfies Static<typeof WorkerList>,
  PatchWorkerRequest: { labels: { rack: "a3" } } satisfies PatchWorkerRequest,
  DrainRequest: { force: false } satisfies DrainRequest,
  Image: image,
  ImageSourceRequest: { source: { url: "https://images.example/debian.tar", digest: DIGEST } } satisfies ImageSourceRequest,
  ImageAlias: { name: "stable", imageId: image.id, updatedAt: image.createdAt } satisfies ImageAlias,
  PutImageAliasRequest: { image: image.id } satisfies Static<typeof PutImageAliasRequest>,
  ImageList: { items: [image], nextPageToken: null } satisfies Static<typeof ImageList>,
  EventPage: { items: [event], nextAfter: "57" } satisfies Static<typeof EventPage>,
  Token: token,
  TokenList: { items: [token], nextPageToken: null } satisfies Static<typeof TokenList>,
  CreateTokenRequest: { name: "ci", scopes: ["vms:read", "vms:write"], ttlSeconds: 86_400 } satisfies Static<typeof CreateTokenRequest>,
  CreatedToken: { token, secret: "ust_bm90IGEgdG9rZW4sIGFuIGV4YW1wbGU" } satisfies CreatedToken,
  QuotaList: {
    project: "default",
    items: [
      { resource: "vms", limit: 100, usage: 12 },
      { resource: "memory_mib", limit: null, usage: 3072 },
      { resource: "images", limit: 20, usage: 3 },
      { resource: "image_mib", limit: 1024, usage: 97 },
    ],
  } satisfies Static<typeof QuotaList>,
  Identity: { token, project: "default" } satisfies Static<typeof Identity>,
  ConsoleInputRequest: {
    inputSession: "0b9d3c5e-7f1a-4c2b-8d6e-9a0b1c2d3e4f",
    offset: "0",
    data: "dW5hbWUgLWEK",
  } satisfies ConsoleInputRequest,
  ConsoleInputAck: {
    inputSession: "0b9d3c5e-7f1a-4c2b-8d6e-9a0b1c2d3e4f",
    inputNext: "9",
    durability: "replicated",
  } satisfies ConsoleInputAck,
  ConsoleTicketRequest: { mode: "write" } satisfies ConsoleTicketRequest,
  ConsoleTicket: {
    ticket: "uct_YW4gZXhhbXBsZSwgbm90IGEgdGlja2V0",
    vmId: VM_ID,
    mode: "write",
    expiresAt: HEARD,
  } satisfies ConsoleTicket,
  ConsoleSession: consoleSession,
  ConsoleSessionList: { items: [consoleSession] } satisfies Static<typeof ConsoleSessionList>,
  AuditEntryList: { items: [auditEntry], nextPageToken: null } satisfies Static<typeof AuditEntryList>,
  Version: { service: "understudy", version: "0.1.0", api: "v1", capabilities: ["failover"] } satisfies Static<typeof Version>,
  Health: {
    status: "ok",
    checks: [{ name: "database", status: "ok", message: "Postgres answers" }],
  } satisfies Static<typeof Health>,
} as const satisfies Readonly<Record<string, unknown>>;

export const MEDIA_EXAMPLES: Readonly<Record<string, string>> = {
  "text/event-stream": `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
  "application/x-tar": "manifest.json, kernel and initramfs",
  "application/octet-stream": "Welcome to Debian GNU/Linux\r\n# ",
  "text/html": '<dt id="vm_not_found"><code>vm_not_found</code></dt><dd>HTTP 404. No such VM. The same call will be refused again.</dd>',
  "text/plain":
    "# HELP understudy_divergence_total Backups that were ejected because their state differed, as far as this control plane has recorded them\n" +
    "# TYPE understudy_divergence_total counter\nunderstudy_divergence_total 0\n",
};
