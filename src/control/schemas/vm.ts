/** The Vm resource, what creates one, and the answers of its list and wait routes. */
import { type Static, Type } from "typebox";
import { HEAD_BYTES_MAX, TAIL_BYTES_MAX, TAIL_BYTES_MIN } from "../domain/console-retention.ts";
import { TTL_SECONDS_MAX } from "../domain/expiry.ts";
import { MAXIMUM_MEMORY_MIB, MINIMUM_MEMORY_MIB } from "../domain/machine-limits.ts";
import { PLACEMENT_DOMAINS } from "../domain/placement-rule.ts";
import { BACKUPS_MAX, MAX_LAG_MS_MAX, MAX_LAG_MS_MIN, PROTECTION_REASONS, PROTECTION_STATES } from "../domain/protection.ts";
import { RESTART_POLICIES } from "../domain/restart-policy.ts";
import { DESIRED_VM_STATES, VM_STATES } from "../domain/vm-state.ts";
import { Labels, LabelsPatch, Name, orNull, Term, Timestamp, U64, words } from "./scalars.ts";

const ProtectionMode = words(["lockstep", "none"] as const, {
  description: "lockstep: backups execute the same instructions, and one takes over; none: a VM that dies with its worker",
});
const Backups = Type.Integer({ minimum: 0, maximum: BACKUPS_MAX, description: "Backups wanted; 0 is mode none" });
const MaxLagMs = Type.Integer({
  minimum: MAX_LAG_MS_MIN,
  maximum: MAX_LAG_MS_MAX,
  description:
    "A backup that trails for longer, in receipt or in execution, is dropped (`lag_exceeded`) and replaced; before that the primary waits " +
    "for it. The service's default, 2000 unless it was set, where it is left out",
});

const Suspended = Type.Boolean({ description: "No backup is kept for a while; how many are wanted afterwards stays" });

const OutputCommit = words(["strict"] as const, {
  description:
    "strict: an output leaves once every synced backup has acknowledged the log that it depends on. There is no other rule: by a relaxed one an " +
    "offset of the console could name two bytes after a failover",
});

const RestartPolicyWord = words(RESTART_POLICIES, {
  description:
    "never, which is the default; on_failure: started again where it is failed or its guest panicked; always: where its guest ended itself in " +
    "any way, too. Its guest begins anew. One that fails again soon is left for longer each time, up to a minute",
});

const DeletionProtection = Type.Boolean({
  description:
    "It is not deleted, by DELETE (`deletion_protected`) nor by its `ttlSeconds`, until this is false. Its guest may be stopped and killed as ever",
});

const TtlSeconds = orNull(
  Type.Integer({
    minimum: 1,
    maximum: TTL_SECONDS_MAX,
    description:
      "The service deletes the VM so long after its creation, whatever its guest does, with the cause `ttl_expired`; null, which is the " +
      "default: never. A change counts from the creation too, so a repeated one changes nothing; where that time is over, the VM is deleted at once",
  }),
);

const HeadBytes = Type.Integer({
  minimum: 0,
  maximum: HEAD_BYTES_MAX,
  description: "First bytes that its present guest has written; 0, which is the default: none are kept once they are older than the tail",
});
const TailBytes = Type.Integer({
  minimum: TAIL_BYTES_MIN,
  maximum: TAIL_BYTES_MAX,
  description: "Newest bytes that are kept for readers who come late; 262144 where it is left out",
});
const RETENTION =
  "How much of the console's history is kept; it may change while the VM runs. What lies between is not kept: readers are told so. A " +
  "smaller one drops what is over it, a larger one brings nothing back";

const WorkerSelector = orNull(
  Type.String({
    minLength: 1,
    maxLength: 1000,
    description: "Only on workers with these labels: `disk=ssd,tier!=db,owner,!retired`, all of them; null, which is the default: on any",
  }),
);
const Zones = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
  maxItems: 32,
  description: "Only on workers of one of these zones; none, which is the default: on any, and on those of no zone",
});
const AntiAffinityDomain = words(PLACEMENT_DOMAINS, {
  description:
    "No two replicas share one: a worker, which is the default and never happens; a host; a zone, which must be known of both then",
});
const AntiAffinityPolicy = words(["required", "preferred"] as const, {
  description:
    "required, which is the default: a replica without such a place waits for one (`anti_affinity_unsatisfiable`); preferred: it is placed " +
    "elsewhere then. Another zone and another host are preferred in any case",
});
const PLACEMENT =
  "Where its replicas may be. A change is for those that are placed from then on; those that are placed stay until they are moved";

const Image = Type.String({ minLength: 1, maxLength: 200, description: "Id, name, or name@sha256:… of an image" });
const Vcpus = Type.Integer({ minimum: 1, maximum: 1, description: "1, which is the default" });
const MemoryMiB = Type.Integer({
  minimum: MINIMUM_MEMORY_MIB,
  maximum: MAXIMUM_MEMORY_MIB,
  description: "128, or what the image needs, where it is left out",
});
const Platform = words(["virt"] as const, {
  description: "The board that guests are made for. virt: RV64GC with the addresses of QEMU's board of that name; there is no other",
});
const Cmdline = Type.String({ maxLength: 1024, description: "Kernel command line; the image's own where it is left out" });

const VmSpecRequest = Type.Object(
  {
    image: Image,
    machine: Type.Optional(
      Type.Object(
        { vcpus: Type.Optional(Vcpus), memoryMiB: Type.Optional(MemoryMiB), platform: Type.Optional(Platform) },
        { additionalProperties: false },
      ),
    ),
    cmdline: Type.Optional(Cmdline),
    desiredState: Type.Optional(
      words(["running", "paused", "stopped"] as const, {
        description:
          "running, which is the default; paused: its guest stands still before its first instruction until it is resumed, and can be " +
          "protected by then; stopped: it is there, and is started later",
      }),
    ),
    protection: Type.Optional(
      Type.Object(
        {
          mode: Type.Optional(ProtectionMode),
          backups: Type.Optional(Backups),
          maxLagMs: Type.Optional(MaxLagMs),
          suspended: Type.Optional(Suspended),
          outputCommit: Type.Optional(OutputCommit),
        },
        { additionalProperties: false, description: "1 backup where it is left out; what is left out of it follows from the rest" },
      ),
    ),
    placement: Type.Optional(
      Type.Object(
        {
          workerSelector: Type.Optional(WorkerSelector),
          zones: Type.Optional(Zones),
          antiAffinity: Type.Optional(
            Type.Object(
              { domain: Type.Optional(AntiAffinityDomain), policy: Type.Optional(AntiAffinityPolicy) },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false, description: PLACEMENT },
      ),
    ),
    restartPolicy: Type.Optional(RestartPolicyWord),
    deletionProtection: Type.Optional(DeletionProtection),
    ttlSeconds: Type.Optional(TtlSeconds),
    console: Type.Optional(
      Type.Object(
        { headBytes: Type.Optional(HeadBytes), tailBytes: Type.Optional(TailBytes) },
        { additionalProperties: false, description: RETENTION },
      ),
    ),
  },
  { $id: "VmSpecRequest", additionalProperties: false },
);
export type VmSpecRequest = Static<typeof VmSpecRequest>;

export const CreateVmRequest = Type.Object(
  { name: Type.Optional(Name), labels: Type.Optional(Labels), spec: VmSpecRequest },
  { $id: "CreateVmRequest", additionalProperties: false },
);
export type CreateVmRequest = Static<typeof CreateVmRequest>;

const whole = { additionalProperties: false };

/** A merge patch: what is left out stays, null takes a label or the name away, and brings a field of the spec back to its default. */
export const PatchVmRequest = Type.Object(
  {
    name: Type.Optional(orNull(Name)),
    labels: Type.Optional(orNull(LabelsPatch)),
    spec: Type.Optional(
      Type.Object(
        {
          image: Type.Optional(Image),
          machine: Type.Optional(
            orNull(
              Type.Object(
                {
                  vcpus: Type.Optional(orNull(Vcpus)),
                  memoryMiB: Type.Optional(orNull(MemoryMiB)),
                  platform: Type.Optional(orNull(Platform)),
                },
                whole,
              ),
            ),
          ),
          cmdline: Type.Optional(orNull(Cmdline)),
          desiredState: Type.Optional(
            words(["running", "stopped", "paused"] as const, {
              description:
                "As the verb that leads there (start, resume, stop, pause), and refused where that is; nothing where it is so already",
            }),
          ),
          placement: Type.Optional(
            orNull(
              Type.Object(
                {
                  workerSelector: Type.Optional(WorkerSelector),
                  zones: Type.Optional(orNull(Zones)),
                  antiAffinity: Type.Optional(
                    orNull(
                      Type.Object(
                        { domain: Type.Optional(orNull(AntiAffinityDomain)), policy: Type.Optional(orNull(AntiAffinityPolicy)) },
                        whole,
                      ),
                    ),
                  ),
                },
                whole,
              ),
            ),
          ),
          restartPolicy: Type.Optional(orNull(RestartPolicyWord)),
          deletionProtection: Type.Optional(orNull(DeletionProtection)),
          ttlSeconds: Type.Optional(TtlSeconds),
          console: Type.Optional(
            orNull(Type.Object({ headBytes: Type.Optional(orNull(HeadBytes)), tailBytes: Type.Optional(orNull(TailBytes)) }, whole)),
          ),
          protection: Type.Optional(
            orNull(
              Type.Object(
                {
                  mode: Type.Optional(orNull(ProtectionMode)),
                  backups: Type.Optional(orNull(Backups)),
                  maxLagMs: Type.Optional(orNull(MaxLagMs)),
                  suspended: Type.Optional(orNull(Suspended)),
                  outputCommit: Type.Optional(orNull(OutputCommit)),
                },
                whole,
              ),
            ),
          ),
        },
        whole,
      ),
    ),
  },
  { $id: "PatchVmRequest", ...whole },
);
export type PatchVmRequest = Static<typeof PatchVmRequest>;

const VmSpec = Type.Object(
  {
    image: Type.String({ description: "name@sha256:…, pinned when the VM was created" }),
    machine: Type.Object({ vcpus: Type.Integer(), memoryMiB: Type.Integer(), platform: Platform }),
    cmdline: Type.String(),
    desiredState: words(DESIRED_VM_STATES, {
      description: "Changed by a PATCH, by the verbs start, stop, kill, pause, resume and reset, and by DELETE",
    }),
    protection: Type.Object({
      mode: ProtectionMode,
      backups: Backups,
      maxLagMs: Type.Integer(),
      suspended: Suspended,
      outputCommit: OutputCommit,
    }),
    placement: Type.Object(
      {
        workerSelector: WorkerSelector,
        zones: Zones,
        antiAffinity: Type.Object({ domain: AntiAffinityDomain, policy: AntiAffinityPolicy }),
      },
      { description: PLACEMENT },
    ),
    restartPolicy: RestartPolicyWord,
    deletionProtection: DeletionProtection,
    ttlSeconds: TtlSeconds,
    console: Type.Object({ headBytes: HeadBytes, tailBytes: TailBytes }, { description: RETENTION }),
  },
  { $id: "VmSpec" },
);

export const VmState = words(VM_STATES, { $id: "VmState" });
export const ProtectionState = words(PROTECTION_STATES, { $id: "ProtectionState" });
export const ProtectionReason = words(PROTECTION_REASONS, { $id: "ProtectionReason" });
const ReplicaRole = words(["primary", "backup"] as const, { $id: "ReplicaRole" });
const ReplicaState = words(["placing", "syncing", "live", "promoting", "draining", "lost", "fenced", "stopped"] as const, {
  $id: "ReplicaState",
});

export const Replica = Type.Object(
  {
    id: Type.String(),
    vmId: Type.String(),
    role: ReplicaRole,
    state: ReplicaState,
    stateReason: orNull(Type.String()),
    worker: Type.String({ description: "Id of the worker" }),
    workerName: Type.String(),
    zone: orNull(Type.String()),
    engine: Type.Object({ version: Type.String(), buildDigest: Type.String() }),
    appliedInstant: U64,
    joinProgress: orNull(
      Type.Number({ minimum: 0, maximum: 1, description: "Share of the state transfer that is done; null where none runs" }),
    ),
    transfer: orNull(
      Type.Object(
        {
          round: Type.Integer({ description: "Sweep over memory, from 1; from 2 on it is pages that the guest has written meanwhile" }),
          stateBytes: Type.Integer({ description: "Bytes of state captured for this backup so far" }),
          sentBytes: Type.Integer({ description: "Bytes that have been sent of it: compressed on their way to another host" }),
          remainingPages: Type.Integer({ description: "Pages of 4096 bytes that it is known to lack" }),
          guestShare: Type.Integer({
            minimum: 0,
            maximum: 90,
            description:
              "Percent of its time that the guest has at least meanwhile: less than 90 where it writes faster than its pages are sent",
          }),
        },
        { description: "The state transfer to this backup; null where none runs" },
      ),
    ),
    lastHeartbeatAt: orNull(Timestamp),
    createdAt: Timestamp,
  },
  { $id: "Replica" },
);
export type Replica = Static<typeof Replica>;

const GapMs = Type.Object(
  {
    detect: Type.Number({
      description: "From the old primary's last word to suspicion, or to the order; 0 where the order came before it",
    }),
    arbitrate: Type.Number({ description: "From there to the arbiter's grant; 0 where the grant came before the old primary's last word" }),
    promote: Type.Number({ description: "From there to the first instruction as primary" }),
    total: Type.Number({ description: "From the old primary's last word to the first instruction as primary" }),
    firstOutput: orNull(
      Type.Number({ description: "From there to the first byte that the guest wrote afterwards; null where it has not written since" }),
    ),
    client: orNull(
      Type.Number({
        description:
          "The longest silence that somebody attached to the console had over it, the guest's own silence included; null where nobody was, or " +
          "nothing has come since",
      }),
    ),
  },
  { $id: "GapMs" },
);

export const Failover = Type.Object(
  {
    id: Type.String(),
    vmId: Type.String(),
    mode: orNull(words(["planned", "test", "forced"] as const)),
    cause: words(["worker_lost", "connection_lost", "user_action", "draining"] as const),
    state: words(["pending", "promoting", "completed", "failed"] as const),
    from: orNull(Type.String({ description: "Replica that was primary" })),
    to: Type.String({ description: "Replica that takes over" }),
    term: orNull(Type.Integer({ description: "The VM's term that the promotion began" })),
    gapMs: orNull(GapMs),
    stateHash: orNull(
      Type.Object(
        {
          match: Type.Boolean({
            description: "The states of both primaries were equal there: a backup whose state differs is never promoted",
          }),
          instant: U64,
          value: Type.String({ description: "16 hexadecimal digits" }),
        },
        { description: "The newest comparison of whole states before it; null where it is not completed" },
      ),
    ),
    instant: orNull(U64),
    consoleEnd: orNull(U64),
    operationId: orNull(Type.String()),
    startedAt: Timestamp,
    completedAt: orNull(Timestamp),
  },
  { $id: "Failover" },
);
export type Failover = Static<typeof Failover>;

const Condition = Type.Object(
  {
    type: Type.String(),
    status: words(["True", "False", "Unknown"] as const),
    reason: Type.String(),
    message: Type.String(),
    lastTransitionTime: Timestamp,
    observedGeneration: Type.Integer(),
  },
  { $id: "Condition" },
);

const VmStatus = Type.Object(
  {
    state: VmState,
    stateReason: orNull(
      Type.String({
        description:
          "Why it is in that state. A stopped VM's guest has ended itself (`guest_poweroff`, `guest_reboot`, `guest_panic`), or was ended: " +
          "`killed`, `stop_timeout` where it did not power itself off in time, `stop_requested` where it had not begun. A VM that the service " +
          "deletes has `ttl_expired`",
      }),
    ),
    stateMessage: orNull(Type.String()),
    restarts: Type.Integer({
      description: "How often it was started again by its restart policy, since somebody started it or a guest of it ran for ten minutes",
    }),
    expiresAt: orNull(
      Type.String({
        format: "date-time",
        description:
          "When `spec.ttlSeconds` are over, and the service deletes the VM; null where it has none, or is protected from deletion. RFC 3339, UTC",
      }),
    ),
    term: Term,
    instant: U64,
    protection: Type.Object({
      state: ProtectionState,
      reason: orNull(ProtectionReason),
      syncedBackups: Type.Integer({ description: "Backups that would take over now; `protected` means at least one" }),
      wantedBackups: Type.Integer({
        description: "`spec.protection.backups`, or 0 while it is suspended; `/wait?for=fully_protected` waits for all of them",
      }),
      lagInstructions: U64,
      lagMs: Type.Number({
        description:
          "How long the oldest record of the log has waited for a synced backup, in receipt and in execution, when it was reported",
      }),
      logBytesPerSecond: Type.Number(),
      since: Timestamp,
    }),
    replicas: Type.Array(Replica),
    console: Type.Object({ start: U64, end: U64, writer: orNull(Type.String({ description: "Console session that may write" })) }),
    conditions: Type.Array(Condition),
    operationId: orNull(Type.String({ description: "The operation that changes this VM now" })),
    lastFailover: orNull(Failover),
  },
  { $id: "VmStatus" },
);

export const Vm = Type.Object(
  {
    id: Type.String(),
    name: orNull(Type.String()),
    project: Type.String(),
    labels: Type.Record(Type.String(), Type.String()),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    generation: Type.Integer(),
    resourceVersion: U64,
    spec: VmSpec,
    status: VmStatus,
  },
  { $id: "Vm" },
);
export type Vm = Static<typeof Vm>;

export const VmList = Type.Object({ items: Type.Array(Vm), nextPageToken: orNull(Type.String()), resourceVersion: U64 }, { $id: "VmList" });
export const ReplicaList = Type.Object({ items: Type.Array(Replica) }, { $id: "ReplicaList" });
export const FailoverList = Type.Object({ items: Type.Array(Failover), nextPageToken: orNull(Type.String()) }, { $id: "FailoverList" });

export const WaitAnswer = Type.Object({ reached: Type.Boolean(), vm: Vm }, { $id: "WaitAnswer" });

export const FailoverRequest = Type.Object(
  {
    mode: words(["planned", "test", "forced"] as const, {
      description:
        "planned: the primary ends what it does and hands over. test: the primary's replica is killed, and all that follows is as of a " +
        "true failure. forced: the backup takes over at once, whatever the primary does or does not answer",
    }),
    expectedTerm: Type.Optional(Type.Integer({ minimum: 1, description: "Refuse where the VM is in another term by now" })),
    targetReplica: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 80,
        description: "The synced backup that shall take over; any where it is left out. Not with test: a failure does not choose",
      }),
    ),
  },
  { $id: "FailoverRequest", additionalProperties: false },
);

export const MigrateRequest = Type.Object(
  {
    targetWorker: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 80,
        description: "Id or name; wherever there is room where it is left out. Of a backup alone",
      }),
    ),
  },
  { $id: "MigrateRequest", additionalProperties: false, default: {} },
);
export type MigrateRequest = Static<typeof MigrateRequest>;

export const STOP_GRACE_MS = 30_000;

export const StopRequest = Type.Object(
  {
    graceMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 3_600_000,
        description: `How long the guest may take to power itself off before it is ended; ${STOP_GRACE_MS} where it is left out`,
      }),
    ),
  },
  { $id: "StopRequest", additionalProperties: false, default: {} },
);
export type StopRequest = Static<typeof StopRequest>;
