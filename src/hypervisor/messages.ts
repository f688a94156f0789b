/**
 * What the protocol speaks: logging channel messages between replicas, and the inputs and effects of `Replica.step`.
 *
 * Everything here is a value; `wire` gives messages their bytes, `worker` performs effects. Times are integer
 * microseconds of a monotonic clock (`nowUs`) of the process that hosts the replica; two hosts' clocks are never compared.
 */
import type { DelayCounts } from "../base/delay-histogram.ts";
import type { ClockSample, EpochEnd, EpochInput, GuestHalt, TerminalSize } from "../engine/epoch.ts";
import type { PageChanges } from "../engine/page-hashes.ts";
import type { DifferingPage } from "./differing-pages.ts";

/** `rep_…` id of a replica. */
export type ReplicaId = string;

/** One epoch of the log: with it, and the state at its start, a replica reaches `endInstant` in the same state as every other. */
export interface EpochRecord {
  /** Counts from 0 at the VM's creation, +1 each, over failovers too. */
  readonly epoch: bigint;
  readonly clock: ClockSample;
  /** Delivered to the guest before the epoch's first instruction, in this order. */
  readonly inputs: readonly EpochInput[];
  /** The instant at which the primary ended the epoch. */
  readonly endInstant: bigint;
  /** State hash at the END of this epoch, where the primary chose to take one; the backup compares. */
  readonly stateHash: bigint | null;
}

/**
 * An epoch of a primary that its engine begins by itself when the one before ends, so that no guest waits for the word. It brings
 * no input. The engine leaves it where the epoch before ended for another reason than its limit or output, where an early end was
 * asked for, and where the guest wants entropy.
 */
export interface AllowedEpoch {
  readonly epoch: bigint;
  /** Instructions. */
  readonly length: bigint;
  /** Of its `ClockSample`. */
  readonly rate: number;
  /** Guest time is 10 * nowUs + this, but never before the end of the epoch before. */
  readonly clockOffset: bigint;
  /** It begins before this guest time, or not by itself. */
  readonly beforeTime: bigint;
}

/** That the engine has begun it. */
export interface BegunEpoch {
  readonly clock: ClockSample;
  readonly limitInstant: bigint;
  readonly startedUs: number;
}

/** Where a replica's execution stands: what a joining backup must know beside the machine's state. */
export interface ExecutionPoint {
  /** The next epoch to run. */
  readonly epoch: bigint;
  readonly instant: bigint;
  /** Guest time at `instant`, ticks of 100 ns. */
  readonly time: bigint;
  /** Guest time at which a waiting hart wakes by itself; null: no timer armed, or the hart is not waiting. */
  readonly wakeTime: bigint | null;
  /** True where the hart waits (WFI) with nothing pending. */
  readonly waiting: boolean;
  /** Number of console bytes the guest has written since the VM was created. */
  readonly consoleEnd: bigint;
}

/** What a client says in its input session. */
export type InputContent = Uint8Array | TerminalSize;

/** `inputSession -> offset of the next byte expected`, least recently used first; a copy of the table in the machine's state. */
export type InputSessionTable = ReadonlyMap<string, bigint>;

export type LoggingChannelMessage =
  // primary -> backup
  | { readonly kind: "epoch"; readonly term: bigint; readonly record: EpochRecord }
  | { readonly kind: "heartbeat"; readonly term: bigint }
  /** The guest ended itself and everything it wrote is released: the receiver halts as well, it need not be promoted. */
  | { readonly kind: "guestHalted"; readonly term: bigint }
  /** The guest stands still from here on until somebody resumes it, or runs again. A backup that is promoted goes on with that. */
  | { readonly kind: "pauseChanged"; readonly paused: boolean; readonly clockTime: bigint }
  /** The answer to `takingOver`: the record before this was the sender's last one, and it has halted. */
  | { readonly kind: "handedOver" }
  /**
   * A primary that was promoted, to another backup of the one before: its own log begins with epoch `nextEpoch`, and the record before
   * that came from `author`. What the receiver holds beyond it has never counted. It answers with an `ack`, and gets what follows that.
   */
  | {
      readonly kind: "resume";
      readonly term: bigint;
      readonly synced: readonly ReplicaId[];
      readonly paused: boolean;
      /** Guest time that it is now. */
      readonly clockTime: bigint;
      readonly nextEpoch: bigint;
      readonly author: ReplicaId;
    }
  /** A part of the state transfer; `pages` is the engine's own format. */
  | { readonly kind: "statePages"; readonly pages: Uint8Array }
  /** The transfer is complete: the backup's state must now have this hash; the log goes on with `point.epoch`. */
  | {
      readonly kind: "stateEnd";
      readonly term: bigint;
      readonly point: ExecutionPoint;
      readonly clockTime: bigint;
      readonly stateHash: bigint;
    }
  /** The arbiter granted a change: this is the VM's term now, and who is in the synced set. Sent before anything of the new term. */
  | { readonly kind: "termChanged"; readonly term: bigint; readonly synced: readonly ReplicaId[] }
  // backup -> primary
  /** Receipt of the whole log up to and including `received` (cumulative); execution has come to `applied`. Null: none yet. */
  | { readonly kind: "ack"; readonly received: bigint | null; readonly applied: bigint | null; readonly appliedInstant: bigint }
  | { readonly kind: "stateReceived"; readonly bytes: number }
  | { readonly kind: "stateVerified"; readonly epoch: bigint }
  /** An operator wanted it, and the arbiter has made the sender primary in this term: the receiver ends its epoch and hands over. */
  | { readonly kind: "takingOver"; readonly term: bigint }
  /** Before `backupFailed` for a hash that differs: a part of the pages that it has changed since the last hash that was equal. */
  | { readonly kind: "pageChanges"; readonly changes: PageChanges }
  /** The backup cannot go on: its state differs (`divergence`), the transfer failed, or it is not where it could `resume`. */
  | { readonly kind: "backupFailed"; readonly reason: BackupFailure; readonly epoch: bigint; readonly stateHash: bigint };

export type BackupFailure = "divergence" | "state_mismatch";

/**
 * The transitions of design rule "who is primary", each a compare-and-set on the VM's term. `term` is the newest
 * that the asker knows.
 *
 * What the arbiter must do, so that a lost message or a lost answer costs time and nothing else:
 * - `promote` is granted iff the asker is in the synced set of the CURRENT term, and the current term is `term` or a successor
 *   of it in which only the synced set changed (the primary may have died before it could send `termChanged`; a backup that
 *   sent `stateVerified` asks with the term of `stateEnd`). The asker, the heir, becomes the primary; of the others those stay in
 *   the set who are heard of. Membership is what makes it safe: whoever is in the set holds every record that any released output
 *   depends on. A refusal is final, because the asker halts: it must not be added or promoted by a request that is only late.
 * - A member that asks `promote` in a term before the present primary's promotion is told to `follow`, with the term of that
 *   promotion: it is still in the set, and may ask again in that term, should it not hear of the primary. Where that is gone as far as anybody can tell, it
 *   is promoted: it holds all that has left. That word may be wrong, at the cost of a promotion.
 * - `goSolo` takes `lost` out of the synced set; `addBackup` puts `backup` in. Only the current primary's are granted, and
 *   only in the current term; `goSolo` also in the successor that the asker's own `addBackup` made. `goSolo` moves the term
 *   even where `lost` is not in the set: a primary that was told "not this backup" asks it, because it may have asked
 *   before, and an `addBackup` that is only late must never be carried out after the primary has stopped waiting for it.
 * - A request that was already carried out for the same asker is granted again with the term that it led to.
 * - Any other answer's `term` is the VM's current term, refused or not. `addBackup` refused in the asker's own term means: not
 *   this backup, the asker is still primary; every other refusal means that the asker is fenced. So a refusal must come from
 *   where the term is kept, after the look at what was carried out already.
 */
export type ArbiterRequest =
  | { readonly kind: "promote"; readonly term: bigint }
  | { readonly kind: "goSolo"; readonly term: bigint; readonly lost: ReplicaId; readonly reason: SoloReason }
  | { readonly kind: "addBackup"; readonly term: bigint; readonly backup: ReplicaId };

export type SoloReason = "connection_lost" | "backup_failed" | "divergence" | "lag_exceeded";

export type HaltReason =
  /** The arbiter said that another replica holds the VM in a newer term. */
  | "fenced"
  /** A primary that has handed over to the backup that takes its place. */
  | "handed_over"
  /** An operator wanted to see a failure: the shell breaks the channels as a killed process's break, what was sent may not leave. */
  | "test_failover"
  /** The state transfer or a hash check failed on this backup. */
  | "divergence"
  | "state_mismatch"
  /** The primary that this backup was joining is gone: it was never synced, so it has nothing to give. */
  | "join_aborted"
  /** The guest ended itself, and everything it wrote is released. */
  | "guest_halted";

export type TimerId =
  | { readonly kind: "heartbeat" } // primary: send one if nothing was sent since
  | { readonly kind: "silence" } // check how long the peers have been silent
  | { readonly kind: "wake" } // primary: the waiting guest's timer is due
  | { readonly kind: "askAgain" }; // repeat an arbiter request that was not answered

export type ReplicaInput =
  /** The first input of every replica but for `wallClock`, once: the engine is ready. A new primary runs its first epoch. */
  | { readonly kind: "started" }
  /**
   * What the host's real-time clock says, microseconds since 1970. Before `started` for a guest that is to know from its first
   * instruction, and about once a second from then on; it makes nothing happen by itself.
   */
  | { readonly kind: "wallClock"; readonly unixUs: number }
  | { readonly kind: "message"; readonly peer: ReplicaId; readonly message: LoggingChannelMessage }
  /** On a primary: a backup was dialled for pairing, transfer the state to it. On a backup: its primary dialled. */
  | { readonly kind: "channelOpened"; readonly peer: ReplicaId }
  | { readonly kind: "channelClosed"; readonly peer: ReplicaId }
  /** `content`: bytes that are typed, or the size that the terminal has from there on, which takes one offset of the session. */
  | { readonly kind: "deviceInput"; readonly inputSession: string; readonly offset: bigint; readonly content: InputContent }
  | {
      readonly kind: "epochEnded";
      readonly endInstant: bigint;
      readonly reason: EpochEnd;
      readonly time: bigint;
      readonly wakeTime: bigint | null;
      readonly consoleEnd: bigint;
      readonly halt: GuestHalt | null;
      /** Free bytes of the machine's console input ring: at most so many are delivered with the next epoch. */
      readonly inputRoom: number;
      /** Random bytes that the guest waits for and can be given with the next epoch; 0: none. */
      readonly entropyWanted: number;
      /** The hash at `endInstant`, if `runEpoch` asked for it. */
      readonly stateHash: bigint | null;
      /** With a hash: the pages that changed since the one before, from an engine that tells. */
      readonly pageChanges?: PageChanges | null;
      /** The allowed epoch, which runs already; null: the engine waits for what it is told. */
      readonly begun: BegunEpoch | null;
    }
  /**
   * The answer to `captureState`: the shell has already queued the pages to the peer as `statePages`, in front of whatever is
   * sent to it from now on.
   */
  | {
      readonly kind: "stateCaptured";
      readonly peer: ReplicaId;
      /** Of state, however few of them travel. */
      readonly bytes: number;
      readonly pagesLeft: number;
      /** Over memory, from 1. */
      readonly round: number;
      readonly stateHash: bigint | null;
      /** As of `epochEnded`. */
      readonly pageChanges?: PageChanges | null;
    }
  /** The answer to `applyState`; `bytes` counts as in `stateCaptured`. */
  | { readonly kind: "stateApplied"; readonly bytes: number }
  /** The answer to `verifyState`. */
  | {
      readonly kind: "stateHashed";
      readonly stateHash: bigint;
      readonly inputSessions: InputSessionTable;
      readonly inputRoom: number;
      readonly entropyWanted: number;
      /** The guest's wall clock, nanoseconds since 1970 = 100 * guest time + this. */
      readonly wallOffsetNs: bigint;
    }
  /** The answer to `drawEntropy`. */
  | { readonly kind: "entropyDrawn"; readonly bytes: Uint8Array }
  | {
      readonly kind: "arbiterAnswered";
      readonly request: ArbiterRequest;
      readonly outcome: ArbiterOutcome;
      readonly term: bigint;
      /** The synced set of `term`. */
      readonly synced: readonly ReplicaId[];
    }
  /** From now on this many milliseconds take the place of `ReplicaConfig.maxLagMs`; a backup keeps it for its promotion. */
  | { readonly kind: "maxLagSet"; readonly maxLagMs: number }
  /**
   * An operator wants this backup to take over. `handOver`: the primary shall end its epoch first and give it all (a planned failover);
   * else the primary is not waited for, as it may answer nothing (a forced one).
   */
  | { readonly kind: "promotionRequested"; readonly handOver: boolean }
  /** An operator wants to see this primary fail: it does where a synced backup can take over, and takes no notice elsewhere. */
  | { readonly kind: "failureRequested" }
  /** An operator wants the guest to stand still, or to run again: whoever is primary does that, once. */
  | { readonly kind: "pauseRequested"; readonly paused: boolean }
  /** An operator wants the guest to power itself off. */
  | { readonly kind: "shutDownRequested" }
  | { readonly kind: "timeout"; readonly timer: TimerId };

/**
 * `unavailable`: nobody could be asked (no control plane, no database): wait and ask again, never act. `follow`, to `promote`: another
 * one has been promoted, and the asker is one of its backups.
 */
export type ArbiterOutcome = "granted" | "refused" | "follow" | "unavailable";

/**
 * `runEpoch`, `captureState`, `applyState` and `verifyState` are engine operations: at most one is in flight, but for the exact
 * epochs of a backup, of which a second one may wait for the end of the first. Each is answered, in their order, by exactly one
 * `epochEnded`, `stateCaptured`, `stateApplied` or `stateHashed`; an epoch that the engine has begun by itself as well. Every `askArbiter` is answered by
 * exactly one `arbiterAnswered`: no answer in reasonable time is `unavailable`. A timer may fire early or late, and once
 * more after it was replaced. After `halt` nothing more is done; what was sent before it still goes out.
 */
export type Effect =
  // performed in array order
  | { readonly kind: "send"; readonly peer: ReplicaId; readonly message: LoggingChannelMessage }
  | { readonly kind: "closeChannel"; readonly peer: ReplicaId }
  /** Run from the current instant to `limitInstant`. `exact` (a backup): ignore `wfi`-less early ends, stop at exactly the limit. */
  | {
      readonly kind: "runEpoch";
      readonly epoch: bigint;
      readonly limitInstant: bigint;
      readonly exact: boolean;
      readonly clock: ClockSample;
      readonly inputs: readonly EpochInput[];
      readonly wantHash: boolean;
    }
  /** Primary, while an epoch runs: the next one, in place of what was allowed before. It may have ended already: then it is late, and nothing. */
  | { readonly kind: "allowEpoch"; readonly next: AllowedEpoch }
  /** Primary, between epochs: the guest waits for so many random bytes, 1..256. Answered by exactly one `entropyDrawn` with them. */
  | { readonly kind: "drawEntropy"; readonly bytes: number }
  /** Primary: make the running epoch end soon, and begin none after it; answered by its `epochEnded`. Harmless when none runs. */
  | { readonly kind: "endEpochEarly" }
  /** Primary, between epochs. First call for a peer starts from all pages. `final`: all that is left, and the hash. */
  | { readonly kind: "captureState"; readonly peer: ReplicaId; readonly first: boolean; readonly maxBytes: number; readonly final: boolean }
  /** Primary: forget what `captureState` tracked for this peer; while an engine operation is in flight, after it. */
  | { readonly kind: "endTransfer"; readonly peer: ReplicaId }
  | { readonly kind: "applyState"; readonly pages: Uint8Array }
  | { readonly kind: "verifyState" }
  /** Only AFTER the acks that cover it: console bytes below `upTo` may leave. Never decreases on one replica. */
  | { readonly kind: "releaseOutput"; readonly upTo: bigint }
  /** Only AFTER the acks that cover the record that holds the bytes. */
  | {
      readonly kind: "acknowledgeInput";
      readonly inputSession: string;
      readonly inputNext: bigint;
      readonly durability: "replicated" | "solo";
    }
  | {
      readonly kind: "refuseInput";
      readonly inputSession: string;
      readonly inputNext: bigint;
      readonly code: "input_offset_gap" | "input_session_expired" | "not_primary" | "input_buffer_full";
    }
  | { readonly kind: "askArbiter"; readonly request: ArbiterRequest }
  /** Replaces the timer of the same kind. */
  | { readonly kind: "setTimer"; readonly timer: TimerId; readonly atUs: number }
  | { readonly kind: "clearTimer"; readonly timer: TimerId }
  /** Something that the control plane and the log should know has changed; read `Replica.status()`. */
  | { readonly kind: "statusChanged" }
  | { readonly kind: "halt"; readonly reason: HaltReason };

/** Replica state of the public contract, as far as the replica itself knows it. */
export type ReplicaState = "syncing" | "live" | "promoting" | "fenced" | "stopped";

export interface ReplicaStatus {
  readonly replicaId: ReplicaId;
  readonly role: "primary" | "backup";
  readonly state: ReplicaState;
  readonly term: bigint;
  readonly point: ExecutionPoint;
  /** Backups in the synced set of this term, as this replica knows it. Empty on a primary: unprotected. */
  readonly synced: readonly ReplicaId[];
  /** Backup that is receiving state or waits to be added. */
  readonly joining: ReplicaId | null;
  /** Instructions by which the slowest synced backup's execution trails (primary), or this backup's (backup). */
  readonly lagInstructions: bigint;
  /**
   * Since when the oldest record waits, `nowUs` of this host: for the acks of a synced backup (primary), or to be executed
   * (backup). Null: none waits.
   */
  readonly lagSinceUs: number | null;
  /** A primary's: since when the oldest record waits that a synced backup has not told to have executed; it tells with every ack. */
  readonly untoldSinceUs: number | null;
  /** The bound of lag that is in force, milliseconds. */
  readonly maxLagMs: number;
  /** A backup's: from the receipt of an epoch's record to the end of its execution. */
  readonly executionDelay: DelayCounts | null;
  /** A backup's: state hashes that it has found equal to the primary's, since it was created. */
  readonly hashesCompared: number | null;
  /** A primary's: how long output waited for acks. */
  readonly outputCommitDelay: DelayCounts | null;
  /** On a primary that transfers state: percent of its time that the guest has at least, 0..90; null: none is transferred. */
  readonly guestShare: number | null;
  /** True while an arbiter request is open and was answered `unavailable`. */
  readonly arbiterUnavailable: boolean;
  /** A primary whose guest stands still because it was paused. */
  readonly paused: boolean;
  readonly guestHalt: GuestHalt | null;
  readonly haltReason: HaltReason | null;
  /**
   * On a replica that was promoted, three spans one after the other: last word of the old primary .. asking .. grant .. live. What was
   * over when that word came, as asking and grant are where the primary hands over, is 0.
   */
  readonly promotion: {
    readonly detectUs: number;
    readonly arbitrateUs: number;
    readonly promoteUs: number;
    readonly instant: bigint;
    readonly consoleEnd: bigint;
    /** The newest instant, at or before `instant`, at which its state hash was found equal to the old primary's. */
    readonly verified: { readonly instant: bigint; readonly stateHash: bigint };
  } | null;
  /** The newest divergence this primary was told of; a backup's own, which has no pages, since the primary's are not known to it. */
  readonly divergence: {
    readonly replicaId: ReplicaId;
    readonly epoch: bigint;
    readonly expected: bigint;
    readonly actual: bigint;
    readonly lastEqualInstant: bigint | null;
    /** The first of the pages that differ, and how many do; none where the replicas did not end at the same instant. */
    readonly pages: readonly DifferingPage[];
    readonly pageCount: number;
  } | null;
}

/** What a `statusChanged` is worth for: not the point, which moves with every epoch. */
export type NotableStatus = Pick<
  ReplicaStatus,
  "role" | "state" | "term" | "synced" | "joining" | "arbiterUnavailable" | "paused" | "guestHalt" | "divergence" | "maxLagMs"
>;

/** What changes with every epoch, or says nothing that somebody should be told of. */
export type ReplicaProgress = Omit<ReplicaStatus, keyof NotableStatus | "replicaId" | "haltReason">;

export interface ReplicaConfig {
  readonly replicaId: ReplicaId;
  /** Default 100 ms. */
  readonly heartbeatIntervalMs: number;
  /** Default 300 ms: silence longer than this is suspicion. */
  readonly heartbeatTimeoutMs: number;
  /** Default 2000 ms: a backup whose acks or whose execution trail longer than this is dropped through the arbiter. */
  readonly maxLagMs: number;
  /** Default 5 ms: real time that an epoch of a busy guest aims at. */
  readonly epochTargetMs: number;
  /** Default 1000 ms of guest time between two state hashes in the log; 0: none. */
  readonly hashIntervalMs: number;
}

/** The pure state machine that a primary and a backup both are. */
export interface Replica {
  /**
   * A timer is given to it after what its channels held when that was due.
   *
   * @param nowUs integer microseconds of the host's monotonic clock, read when the step is made and not when the input was queued
   */
  step(input: ReplicaInput, nowUs: number): readonly Effect[];
  /** Offset of the first byte of this input session that is not acknowledged: where a client resumes. 0: not known. */
  inputNext(inputSession: string): bigint;
  status(): ReplicaStatus;
}
