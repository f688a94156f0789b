/**
 * The control channel between a worker and the control plane: its messages.
 *
 * One WebSocket per worker, dialled by the worker, path `/internal/v1/workers` on the control plane's internal listener: over TLS
 * with the worker's certificate (`join-messages.ts`), or, on one machine's loopback, plain with `Authorization: Bearer <join token>`. Text frames carry one `WorkerMessage` or `ControlMessage` as JSON; binary
 * frames carry console bytes (`console-frames.ts`). 64-bit numbers are decimal strings.
 *
 * Every report is level, not edge: a lost message is mended by the next report or by the next `hello`.
 */

import type { DelayCounts } from "../base/delay-histogram.ts";

export const CONTROL_PROTOCOL = 6;

/** Decimal string of an unsigned 64-bit number. */
export type U64String = string;

export interface NetworkAddress {
  readonly host: string;
  readonly port: number;
}

export interface WorkerHello {
  readonly type: "hello";
  readonly protocol: number;
  /** Stable name, unique: RFC 1123 label. */
  readonly name: string;
  /** New at each start of the process: replicas of an older incarnation are gone. UUID. */
  readonly incarnation: string;
  readonly pid: number;
  /** Host name: failure domain of placement. */
  readonly host: string;
  readonly zone: string | null;
  /** Where other workers dial the logging channel. */
  readonly loggingAddress: NetworkAddress;
  /** It is dialled over TLS, both sides verified. A worker of an older version does not say: plain. */
  readonly loggingTls?: boolean;
  /** It can be told `cutOff`. A worker of an older version does not say. */
  readonly cutsOff?: boolean;
  readonly memoryMiB: number;
  readonly cores: number;
  readonly version: string;
  readonly nodeVersion: string;
  /** SHA-256 of the machine's .wasm, hex: replicas of a pair must run the same. */
  readonly buildDigest: string;
  readonly replicas: readonly ReplicaReport[];
}

export interface TransferReport {
  readonly backup: string;
  /** Sweep over memory, from 1. */
  readonly round: number;
  /** State captured so far, and how many bytes of it have been sent, compressed. */
  readonly stateBytes: number;
  readonly sentBytes: number;
  readonly remainingPages: number;
  /** Percent of its time that the guest has at least meanwhile, 0..80. */
  readonly guestShare: number;
  /** 0..1 */
  readonly progress: number;
}

/** A pairing that succeeded. */
export interface PairingReport {
  readonly backup: string;
  /** From the order to pair until the backup is in the synced set. */
  readonly totalMs: number;
  /** How long the guest stood still for the last capture. */
  readonly pauseMs: number;
  readonly rounds: number;
  /** State captured, and how many bytes of it were sent, compressed. */
  readonly bytes: U64String;
  readonly sentBytes: U64String;
}

/** What a worker knows of one of its replicas; sent whenever it changes, and every second while the guest runs. */
export interface ReplicaReport {
  readonly replicaId: string;
  readonly vmId: string;
  readonly role: "primary" | "backup";
  readonly state: "syncing" | "live" | "promoting" | "fenced" | "stopped" | "failed";
  readonly term: U64String;
  readonly epoch: U64String;
  readonly instant: U64String;
  readonly synced: readonly string[];
  readonly joining: string | null;
  /** The state transfer to `joining`; null: none runs. */
  readonly transfer: TransferReport | null;
  readonly lagInstructions: U64String;
  /** A worker of an older version does not say, and cannot be told `setMaxLag`. */
  readonly lag?: LagReport;
  /** Released bytes: `consoleEnd` may be read by anybody; `consoleOldest` is the first still held, of the head where there is one. */
  readonly consoleOldest: U64String;
  readonly consoleEnd: U64String;
  /** What is kept of the console. A worker of an older version does not say, and cannot be told `setConsoleRetention`. */
  readonly console?: ConsoleRetentionReport;
  readonly arbiterUnavailable: boolean;
  /** A primary whose guest stands still because it was paused. */
  readonly paused: boolean;
  readonly guestHalt: "poweroff" | "reboot" | "panic" | null;
  /** Why it no longer runs: a `HaltReason` of the hypervisor, or an error code of the worker; null while it runs. */
  readonly haltReason: string | null;
  readonly message: string | null;
  readonly promotion: {
    readonly detectMs: number;
    readonly arbitrateMs: number;
    readonly promoteMs: number;
    readonly instant: U64String;
    readonly consoleEnd: U64String;
    /** From live to the first byte that its guest wrote afterwards; null: it has not yet. A worker of an older version does not say. */
    readonly firstOutputMs?: number | null;
    /** The newest instant at which its state hash, 16 hexadecimal digits, was found equal to the old primary's. */
    readonly verified?: { readonly instant: U64String; readonly stateHash: string };
  } | null;
  /** The newest that a primary was told of; a backup's own. */
  readonly divergence: DivergenceReport | null;
  /** A backup's: state hashes found equal to the primary's, since it was created; else null. A worker of an older version does not say. */
  readonly hashesCompared?: number | null;
  readonly logBytes: U64String;
  readonly lastPairing: PairingReport | null;
  /** Null: nothing has run yet, or the guest is interpreted. A worker of an older version does not say. */
  readonly translation?: TranslationReport | null;
}

/** How far a replica is behind, in time: a primary's synced backups with their acks, a backup with its execution. */
export interface LagReport {
  /** How long the oldest record has waited. */
  readonly ms: number;
  /** The bound that is in force. */
  readonly maxMs: number;
  /** A backup's delays from the receipt of a record to the end of its execution, since it was created. */
  readonly executionDelay: DelayCounts | null;
  /** A primary's delays from the record of an output to its release, since it became one. */
  readonly outputCommitDelay: DelayCounts | null;
}

/** A replica's translated code since its engine thread began. All are counts that only grow, but for `regions`. */
export interface TranslationReport {
  /** Regions installed now. */
  readonly regions: number;
  readonly installed: number;
  /** Of the installed ones, those that the worker had compiled before, for this replica or another one. */
  readonly shared: number;
  /** Regions that made room for others. */
  readonly evicted: number;
  /** Regions that were compiled again, for speed. */
  readonly optimised: number;
  /** How often regions were left, by reason. */
  readonly exits: Readonly<Record<string, number>>;
  readonly translatedInstructions: number;
  readonly interpretedInstructions: number;
  readonly compileMs: number;
}

/** A backup whose state was found to differ. Hashes are 16 hexadecimal digits. */
export interface DivergenceReport {
  readonly replicaId: string;
  readonly epoch: U64String;
  /** State hash of the primary. */
  readonly expected: string;
  /** State hash of the backup. */
  readonly actual: string;
  readonly lastEqualInstant: U64String | null;
  /** The first of the pages that differ, `hart`, `devices`, `ram 0x80200000` and the like, with the hash on either side. */
  readonly pages: readonly { readonly page: string; readonly expected: string; readonly actual: string }[];
  /** How many differ; 0: they could not be compared, because the replicas stopped at different instants, or the backup alone tells. */
  readonly pageCount: number;
}

export type ArbiterRequestMessage =
  /** `keepsOthers`: it goes on with whom the answer says to be synced. A worker of an older version does not, nor knows `follow`. */
  | { readonly kind: "promote"; readonly term: U64String; readonly keepsOthers?: boolean }
  | { readonly kind: "goSolo"; readonly term: U64String; readonly lost: string; readonly reason: string }
  | { readonly kind: "addBackup"; readonly term: U64String; readonly backup: string };

export type WorkerMessage =
  | WorkerHello
  | { readonly type: "replicaReport"; readonly report: ReplicaReport }
  /**
   * The worker does not have this replica (any more): answer to `dropReplica`, or to a message that names an unknown one.
   * `consoleEnd`: up to where it had let the guest's output go; null where it does not know.
   */
  | { readonly type: "replicaGone"; readonly replicaId: string; readonly consoleEnd: U64String | null }
  | {
      readonly type: "arbiterRequest";
      readonly requestId: string;
      readonly vmId: string;
      readonly replicaId: string;
      readonly request: ArbiterRequestMessage;
    }
  /**
   * Answer to `consoleSubscribe`; `from` is where the stream begins (later than asked: bytes were trimmed). `base`: the guest's first byte;
   * a worker of an older version does not say.
   */
  | {
      readonly type: "consoleSubscribed";
      readonly subscription: number;
      readonly from: U64String;
      readonly base?: U64String;
      readonly oldest: U64String;
      readonly end: U64String;
      readonly term: U64String;
    }
  /** The subscription ends: the replica is gone or is not the primary. */
  | { readonly type: "consoleClosed"; readonly subscription: number; readonly code: "replica_gone" | "not_primary" | "guest_halted" }
  | {
      readonly type: "consoleInputAck";
      readonly subscription: number;
      readonly inputSession: string;
      readonly inputNext: U64String;
      readonly durability: "replicated" | "solo";
    }
  | {
      readonly type: "consoleInputRefused";
      readonly subscription: number;
      readonly inputSession: string;
      readonly inputNext: U64String;
      readonly code: "input_offset_gap" | "input_session_expired" | "not_primary" | "input_buffer_full";
    }
  /** Answer to `consoleSession`. */
  | { readonly type: "consoleSession"; readonly subscription: number; readonly inputSession: string; readonly inputNext: U64String };

export interface ReplicaSpec {
  readonly memoryMiB: number;
  readonly cmdline: string;
  /** `sha256:<hex>` of blobs in the image store; a worker that lacks one fetches it from `/internal/v1/blobs/{digest}`. */
  readonly kernelDigest: string;
  readonly initramfsDigest: string;
  readonly heartbeatTimeoutMs: number;
  readonly maxLagMs: number;
  /** Offset of the guest's first console byte: another guest of the same VM may have written before. */
  readonly consoleBase: U64String;
  /** A control plane of an older version does not say: no head, and as much tail as a worker keeps by itself. */
  readonly console?: ConsoleRetentionReport;
}

/** How much of a console's history is kept, in bytes: first ones of the guest, newest ones. */
export interface ConsoleRetentionReport {
  readonly headBytes: number;
  readonly tailBytes: number;
}

/** The call of the API that an order comes from: what a worker's log is searched for. */
export interface CallOrigin {
  readonly requestId: string;
  /** W3C trace context. */
  readonly traceparent: string;
}

/**
 * `origin`: on orders alone, and only where one call is behind them. `traceparent` (W3C): on those that no call is behind, and that
 * belong to a trace.
 */
export type ControlMessage = ControlMessageBody & { readonly origin?: CallOrigin; readonly traceparent?: string };

type ControlMessageBody =
  | { readonly type: "welcome"; readonly workerId: string }
  /** The control plane will not have this worker; it closes the socket after this. */
  | { readonly type: "refused"; readonly code: string; readonly message: string }
  /**
   * Start a replica. `primary`: at instant 0, alone. `backup`: wait for a state transfer on the logging channel,
   * from a peer that shows `channelSecret`. Idempotent by `replicaId`.
   */
  | {
      readonly type: "createReplica";
      readonly vmId: string;
      readonly replicaId: string;
      readonly role: "primary" | "backup";
      readonly term: U64String;
      readonly spec: ReplicaSpec;
      readonly channelSecret: string;
      /** A primary's guest stands still at instant 0 until it is resumed. */
      readonly paused?: boolean;
    }
  /** The primary shall take this backup: dial it, transfer state, ask `addBackup`. Idempotent. */
  | {
      readonly type: "pair";
      readonly replicaId: string;
      readonly backup: {
        readonly replicaId: string;
        readonly address: NetworkAddress;
        readonly channelSecret: string;
        /** Whose certificate must answer, where the backup's worker is dialled over TLS. A control plane of an older version does not say: plain. */
        readonly workerId?: string;
        readonly tls?: boolean;
        /** Its worker takes the history of the console that its machine does not hold. */
        readonly takesHistory?: boolean;
      };
    }
  /**
   * This primary will dial the backup: over TLS, with that worker's certificate; nobody else may. Comes again with another primary.
   * Only to workers that say `loggingTls` or `cutsOff`. Idempotent.
   */
  | {
      readonly type: "expectPrimary";
      readonly replicaId: string;
      readonly primary: { readonly replicaId: string; readonly workerId: string };
    }
  /**
   * That worker is fenced, or forgotten, and may not have heard so: channels with its replicas end now, and there are none again. Only to
   * workers that say `cutsOff`. Idempotent.
   */
  | { readonly type: "cutOff"; readonly workerId: string }
  /** Stop and forget the replica at once (VM killed, or it is no member any more). */
  | { readonly type: "dropReplica"; readonly replicaId: string; readonly reason: string }
  /** A new bound of lag, on primary and backups alike; only to workers that report `lag`. Idempotent. */
  | { readonly type: "setMaxLag"; readonly replicaId: string; readonly maxLagMs: number }
  /** Another retention of the console, on primary and backups alike; only to workers that report `console`. Idempotent. */
  | ({ readonly type: "setConsoleRetention"; readonly replicaId: string } & ConsoleRetentionReport)
  /** The backup shall take over (POST …/failover); `handOver`: once the primary has given it all, else at once. Idempotent. */
  | { readonly type: "promote"; readonly replicaId: string; readonly handOver: boolean }
  /**
   * The primary shall end as if its process had been killed (POST …/failover, test). It does where a synced backup can take over, and
   * takes no notice elsewhere. Idempotent.
   */
  | { readonly type: "failPrimary"; readonly replicaId: string }
  /** The primary's guest shall stand still, or run again. Idempotent; a replica that is not the primary takes no notice. */
  | { readonly type: "setPaused"; readonly replicaId: string; readonly paused: boolean }
  /** The primary's guest shall power itself off: SysRq keys on its serial console. */
  | { readonly type: "shutDown"; readonly replicaId: string }
  | {
      readonly type: "arbiterAnswer";
      readonly requestId: string;
      readonly outcome: "granted" | "refused" | "follow" | "unavailable";
      readonly term: U64String;
      /** The synced set of `term`. A control plane of an older version does not say: nobody, where it grants a promotion. */
      readonly synced?: readonly string[];
    }
  | { readonly type: "consoleSubscribe"; readonly subscription: number; readonly replicaId: string; readonly from: U64String }
  | { readonly type: "consoleUnsubscribe"; readonly subscription: number }
  /** Ask for the next expected offset of an input session (0 for one that is not known). */
  | { readonly type: "consoleSession"; readonly subscription: number; readonly inputSession: string };
