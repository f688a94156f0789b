/** The tables as drizzle knows them. `migrations/` makes them; a test holds the two equal. */
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from "drizzle-orm/pg-core";
import type { ImageManifest } from "../../images/index.ts";
import type { DivergenceReport } from "../../wire/control-messages.ts";
import type { ConsoleRetention } from "../domain/console-retention.ts";
import type { ConsoleSubprotocol } from "../domain/console-subprotocols.ts";
import type { Actor, EventType } from "../domain/events.ts";
import type { OperationKind } from "../domain/operations.ts";
import type { PlacementRule } from "../domain/placement-rule.ts";
import type { ProtectionReason, ProtectionState } from "../domain/protection.ts";
import type { ReplicaFacts } from "../domain/replica-facts.ts";
import type { RestartPolicy } from "../domain/restart-policy.ts";
import type { Scope } from "../domain/scopes.ts";
import type { TermChange } from "../domain/term-change.ts";
import type { DesiredVmState, VmState } from "../domain/vm-state.ts";
import type { DesiredWorkerState, WorkerState } from "../domain/worker-state.ts";

const instant = (name: string) => bigint(name, { mode: "bigint" });
const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });
const time = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** `vms.spec`: what the caller asked for, with the image pinned and every default filled in. */
export interface StoredVmSpec {
  readonly image: string;
  readonly machine: { readonly vcpus: number; readonly memoryMiB: number };
  readonly cmdline: string;
  /** `mode` is `none` where `backups` is 0. */
  readonly protection: {
    readonly mode: "lockstep" | "none";
    readonly backups: number;
    readonly maxLagMs: number;
    /** There are no backups for a while. Undefined, in rows of an older version: no. */
    readonly suspended?: boolean;
  };
  /** Where its replicas may be. Undefined, in rows of an older version: on any workers, each on its own. */
  readonly placement?: PlacementRule;
  /** Undefined, in rows of an older version: never. */
  readonly restartPolicy?: RestartPolicy;
  /** It is not deleted. Undefined, in rows of an older version: no. */
  readonly deletionProtection?: boolean;
  /** From its creation; null: for ever. Undefined, in rows of an older version: for ever. */
  readonly ttlSeconds?: number | null;
  /** How much of the console is kept. Undefined, in rows of an older version: the default. */
  readonly console?: ConsoleRetention;
}

/** `images.manifest`: what of a manifest has no column of its own. Rows of before images could be uploaded lack what is optional. */
export type StoredManifest = Pick<ImageManifest, "kernel" | "initramfs" | "cmdline" | "minMemoryMiB"> &
  Partial<Pick<ImageManifest, "source" | "kernelRelease">>;

export interface StoredGapMs {
  readonly detect: number;
  readonly arbitrate: number;
  readonly promote: number;
  readonly total: number;
}

/** The newest divergence that a primary told of. */
export interface StoredDivergence extends DivergenceReport {
  /** RFC 3339: when the control plane heard of it. */
  readonly at: string;
}

/** What something is done for: a call of the API; or, where `requestId` is null, what happened by itself and was traced. */
export interface StoredOrigin {
  readonly requestId: string | null;
  /** W3C trace context. */
  readonly traceparent: string;
}

export const tokens = pgTable("tokens", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  secretSha256: text("secret_sha256").notNull().unique(),
  scopes: text("scopes").array().$type<Scope[]>().notNull(),
  createdAt: time("created_at").notNull().defaultNow(),
  /** Null: never. */
  expiresAt: time("expires_at"),
  revokedAt: time("revoked_at"),
  /** The token by which it was made; null: at set-up. */
  createdBy: text("created_by"),
});
export type TokenRow = typeof tokens.$inferSelect;

export const images = pgTable("images", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  digest: text("digest").notNull().unique(),
  manifest: jsonb("manifest").$type<StoredManifest>().notNull(),
  createdAt: time("created_at").notNull(),
  /** It is offered no more; VMs that were made from it keep their row. */
  deletedAt: time("deleted_at"),
  /** It came by upload: its bytes are in `image_chunks`. */
  uploaded: boolean("uploaded").notNull().default(false),
  /** It was pulled, and its bytes are in `image_chunks` by now; while it is neither, only the stores have them where it was pulled. */
  shared: boolean("shared").notNull().default(false),
});

export const imageChunks = pgTable(
  "image_chunks",
  {
    digest: text("digest").notNull(),
    n: integer("n").notNull(),
    bytes: bytea("bytes").notNull(),
    storedAt: time("stored_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.digest, table.n] })],
);

export const imageAliases = pgTable("image_aliases", {
  name: text("name").primaryKey(),
  imageId: text("image_id")
    .notNull()
    .references(() => images.id),
  /** Counts its moves: the ETag. */
  version: integer("version").notNull().default(1),
  updatedAt: time("updated_at").notNull().defaultNow(),
});
export type ImageAliasRow = typeof imageAliases.$inferSelect;

export const workers = pgTable("workers", {
  id: text("id").primaryKey(),
  name: text("name").notNull().unique(),
  incarnation: text("incarnation").notNull(),
  labels: jsonb("labels").$type<Record<string, string>>().notNull().default({}),
  desiredState: text("desired_state").$type<DesiredWorkerState>().notNull().default("ready"),
  /** A drain that may leave VMs without a backup for a while. */
  drainForced: boolean("drain_forced").notNull().default(false),
  /** The drain that runs. */
  operationId: text("operation_id"),
  /** The newest of those before: a process that was replaced does not come back. */
  formerIncarnations: text("former_incarnations").array().notNull().default(sql`'{}'`),
  state: text("state").$type<WorkerState>().notNull(),
  stateSince: time("state_since").notNull().defaultNow(),
  pid: integer("pid").notNull(),
  host: text("host").notNull(),
  zone: text("zone"),
  loggingHost: text("logging_host").notNull(),
  loggingPort: integer("logging_port").notNull(),
  memoryMiB: integer("memory_mib").notNull(),
  cores: integer("cores").notNull(),
  version: text("version").notNull(),
  nodeVersion: text("node_version").notNull(),
  buildDigest: text("build_digest").notNull(),
  createdAt: time("created_at").notNull().defaultNow(),
  updatedAt: time("updated_at").notNull().defaultNow(),
  lastHeartbeatAt: time("last_heartbeat_at").notNull().defaultNow(),
});
export type WorkerRow = typeof workers.$inferSelect;

/** One row at most. */
export const certificateAuthority = pgTable("certificate_authority", {
  id: integer("id").primaryKey().default(1),
  /** PEM. */
  certificate: text("certificate").notNull(),
  /** PEM, sealed with a key drawn from the join token. */
  sealedPrivateKey: text("sealed_private_key").notNull(),
  createdAt: time("created_at").notNull().defaultNow(),
});

/** Who the certificates of a worker's name are for: known before it has said hello, and until it is deleted. */
export const workerIdentities = pgTable("worker_identities", {
  name: text("name").primaryKey(),
  workerId: text("worker_id").notNull().unique(),
  certifiedAt: time("certified_at").notNull().defaultNow(),
});

export const vms = pgTable("vms", {
  id: text("id").primaryKey(),
  project: text("project").notNull(),
  name: text("name"),
  labels: jsonb("labels").$type<Record<string, string>>().notNull(),
  imageId: text("image_id")
    .notNull()
    .references(() => images.id),
  spec: jsonb("spec").$type<StoredVmSpec>().notNull(),
  generation: integer("generation").notNull().default(1),
  resourceVersion: instant("resource_version").notNull().default(0n),
  desiredState: text("desired_state").$type<DesiredVmState>().notNull().default("running"),
  state: text("state").$type<VmState>().notNull().default("provisioning"),
  stateReason: text("state_reason"),
  stateMessage: text("state_message"),
  stateSince: time("state_since").notNull().defaultNow(),
  term: instant("term").notNull().default(1n),
  /** The term in which the guest began. */
  guestTerm: instant("guest_term").notNull().default(1n),
  guestBeganAt: time("guest_began_at").notNull().defaultNow(),
  primaryReplica: text("primary_replica"),
  primarySinceTerm: instant("primary_since_term").notNull().default(1n),
  synced: text("synced").array().notNull().default(sql`'{}'`),
  transitionKind: text("transition_kind").$type<"create" | TermChange["kind"]>().notNull().default("create"),
  transitionBy: text("transition_by"),
  transitionReplica: text("transition_replica"),
  protectionState: text("protection_state").$type<ProtectionState>().notNull(),
  protectionReason: text("protection_reason").$type<ProtectionReason>(),
  protectionSince: time("protection_since").notNull().defaultNow(),
  instant: instant("instant").notNull().default(0n),
  /** Offset of the guest's first console byte. */
  consoleBase: instant("console_base").notNull().default(0n),
  consoleEnd: instant("console_end").notNull().default(0n),
  /** `consoleEnd` is the last that the guest has let out. */
  consoleSettled: boolean("console_settled").notNull().default(false),
  /** While stopping: how long the guest is waited for; 0: it is ended now. */
  stopGraceMs: integer("stop_grace_ms"),
  /** How often it was started again by its restart policy, since somebody started it or a guest of it ran for long. */
  restarts: integer("restarts").notNull().default(0),
  divergence: jsonb("divergence").$type<StoredDivergence>(),
  /** Since when a backup has trailed so far that its primary waits for it; null: none does. */
  laggingSince: time("lagging_since"),
  operationId: text("operation_id"),
  deleteOperationId: text("delete_operation_id"),
  /**
   * What backups are placed for while there are too few: the call that began the guest or changed the protection, the failover that
   * took the last one, or what the last one was lost to. Null: none of these.
   */
  repairOrigin: jsonb("repair_origin").$type<StoredOrigin>(),
  createdAt: time("created_at").notNull().defaultNow(),
  updatedAt: time("updated_at").notNull().defaultNow(),
  deletedAt: time("deleted_at"),
});
export type VmRow = typeof vms.$inferSelect;

export const replicas = pgTable("replicas", {
  id: text("id").primaryKey(),
  vmId: text("vm_id")
    .notNull()
    .references(() => vms.id),
  workerId: text("worker_id")
    .notNull()
    .references(() => workers.id),
  incarnation: text("incarnation").notNull(),
  role: text("role").$type<"primary" | "backup">().notNull(),
  state: text("state").$type<ReplicaFacts["state"]>().notNull().default("placing"),
  stateReason: text("state_reason"),
  memoryMiB: integer("memory_mib").notNull(),
  channelSecret: text("channel_secret").notNull(),
  wanted: text("wanted").$type<"here" | "elsewhere" | "gone">().notNull().default("here"),
  /** Where the one that takes its place shall be; null: wherever there is room. */
  targetWorker: text("target_worker"),
  /** The operation that waits for it to be gone. */
  operationId: text("operation_id"),
  /** What it was placed for; null: nothing that is traced. */
  origin: jsonb("origin").$type<StoredOrigin>(),
  createdAt: time("created_at").notNull().defaultNow(),
  updatedAt: time("updated_at").notNull().defaultNow(),
  goneAt: time("gone_at"),
});
export type ReplicaRow = typeof replicas.$inferSelect;

export const operations = pgTable("operations", {
  id: text("id").primaryKey(),
  project: text("project").notNull(),
  kind: text("kind").$type<OperationKind>().notNull(),
  state: text("state").$type<"pending" | "running" | "succeeded" | "failed" | "cancelled">().notNull().default("running"),
  vmId: text("vm_id"),
  workerId: text("worker_id"),
  result: jsonb("result").$type<Record<string, unknown>>(),
  error: jsonb("error").$type<Record<string, unknown>>(),
  /** Of the call that set it going. */
  requestId: text("request_id"),
  traceparent: text("traceparent"),
  createdAt: time("created_at").notNull().defaultNow(),
  updatedAt: time("updated_at").notNull().defaultNow(),
  completedAt: time("completed_at"),
});
export type OperationRow = typeof operations.$inferSelect;

export const failovers = pgTable("failovers", {
  id: text("id").primaryKey(),
  vmId: text("vm_id")
    .notNull()
    .references(() => vms.id),
  mode: text("mode").$type<"planned" | "test" | "forced">(),
  cause: text("cause").$type<"worker_lost" | "connection_lost" | "user_action" | "draining">().notNull(),
  state: text("state").$type<"pending" | "promoting" | "completed" | "failed">().notNull(),
  fromReplica: text("from_replica"),
  toReplica: text("to_replica").notNull(),
  term: instant("term"),
  gapMs: jsonb("gap_ms").$type<StoredGapMs>(),
  instant: instant("instant"),
  consoleEnd: instant("console_end"),
  /** From live to the first byte that the guest wrote afterwards; null: it has not written since. */
  firstOutputMs: doublePrecision("first_output_ms"),
  /** The longest silence that somebody who was attached to the console had; null: nobody was, or there was no output. */
  clientMs: doublePrecision("client_ms"),
  /** The newest instant at which the new primary's state was found equal to the old one's. */
  verifiedInstant: instant("verified_instant"),
  stateHash: text("state_hash"),
  operationId: text("operation_id"),
  /** The drain that it is for; null: none, or a user has asked for it. */
  origin: jsonb("origin").$type<StoredOrigin>(),
  /** W3C trace context of its span; null: it is not complete, or was not traced. */
  traceparent: text("traceparent"),
  startedAt: time("started_at").notNull().defaultNow(),
  /** When the arbiter granted the promotion. Null: it has not; or a control plane of an older version has. */
  grantedAt: time("granted_at"),
  completedAt: time("completed_at"),
});
export type FailoverRow = typeof failovers.$inferSelect;

export const eventClock = pgTable("event_clock", {
  id: integer("id").primaryKey(),
  seq: instant("seq").notNull(),
});

export const events = pgTable("events", {
  seq: instant("seq").primaryKey(),
  id: text("id").notNull().unique(),
  type: text("type").$type<EventType>().notNull(),
  time: time("time").notNull().defaultNow(),
  project: text("project").notNull(),
  vmId: text("vm_id"),
  term: instant("term"),
  cause: text("cause"),
  actor: jsonb("actor").$type<Actor>().notNull(),
  operationId: text("operation_id"),
  requestId: text("request_id"),
  data: jsonb("data").$type<Record<string, unknown>>().notNull(),
});
export type EventRow = typeof events.$inferSelect;

/** Who may write to a VM's console. */
export const consoleWriters = pgTable("console_writers", {
  vmId: text("vm_id").primaryKey(),
  sessionId: text("session_id").notNull(),
  inputSession: text("input_session").notNull(),
  controlPlane: integer("control_plane").notNull(),
  grantedAt: time("granted_at").notNull().defaultNow(),
});
export type ConsoleWriterRow = typeof consoleWriters.$inferSelect;

export const auditClock = pgTable("audit_clock", {
  id: integer("id").primaryKey(),
  completedAt: time("completed_at").notNull(),
});

export const auditEntries = pgTable("audit_entries", {
  id: text("id").primaryKey(),
  requestId: text("request_id").notNull(),
  /** Null: no token that was good. */
  tokenId: text("token_id"),
  method: text("method").notNull(),
  route: text("route").notNull(),
  operation: text("operation").notNull(),
  resource: text("resource").notNull(),
  sourceAddress: text("source_address").notNull(),
  /** The instance of the control plane that has the call. */
  controlPlane: integer("control_plane").notNull(),
  startedAt: time("started_at").notNull().defaultNow(),
  /** Null: it is not answered yet. */
  completedAt: time("completed_at"),
  status: integer("status"),
  code: text("code"),
  durationMs: doublePrecision("duration_ms"),
});
export type AuditEntryRow = typeof auditEntries.$inferSelect;

/** Each good for one attachment; only its hash is kept. */
export const consoleTickets = pgTable("console_tickets", {
  secretSha256: text("secret_sha256").primaryKey(),
  vmId: text("vm_id")
    .notNull()
    .references(() => vms.id),
  tokenId: text("token_id")
    .notNull()
    .references(() => tokens.id),
  mode: text("mode").$type<"read" | "write">().notNull(),
  expiresAt: time("expires_at").notNull(),
});
export type ConsoleTicketRow = typeof consoleTickets.$inferSelect;

/** Who is attached to a VM's console, on whichever control plane. */
export const consoleSessions = pgTable("console_sessions", {
  id: text("id").primaryKey(),
  vmId: text("vm_id")
    .notNull()
    .references(() => vms.id),
  controlPlane: integer("control_plane").notNull(),
  tokenId: text("token_id").notNull(),
  mode: text("mode").$type<"read" | "write">().notNull(),
  subprotocol: text("subprotocol").$type<ConsoleSubprotocol>().notNull(),
  inputSession: text("input_session"),
  position: instant("position").notNull(),
  attachedAt: time("attached_at").notNull(),
  updatedAt: time("updated_at").notNull().defaultNow(),
});
export type ConsoleSessionRow = typeof consoleSessions.$inferSelect;

/** Input sessions that there were, so that one which is over is not begun anew. */
export const consoleInputSessions = pgTable(
  "console_input_sessions",
  {
    vmId: text("vm_id")
      .notNull()
      .references(() => vms.id),
    id: text("id").notNull(),
    inputNext: instant("input_next").notNull().default(0n),
    lastUsedAt: time("last_used_at").notNull().defaultNow(),
    expired: boolean("expired").notNull().default(false),
  },
  (table) => [primaryKey({ columns: [table.vmId, table.id] })],
);

export const idempotencyRecords = pgTable(
  "idempotency_records",
  {
    project: text("project").notNull(),
    principal: text("principal").notNull(),
    route: text("route").notNull(),
    key: text("key").notNull(),
    fingerprint: text("fingerprint").notNull(),
    status: integer("status").notNull(),
    headers: jsonb("headers").$type<Record<string, string>>().notNull(),
    /** Not jsonb: that forgets the order of fields. */
    body: json("body").$type<unknown>().notNull(),
    createdAt: time("created_at").notNull().defaultNow(),
    expiresAt: time("expires_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.project, table.principal, table.route, table.key] })],
);
