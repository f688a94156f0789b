/** What a worker tells the control plane of one replica: the core's status, and what only the worker knows. */
import type { DelayCounts } from "../base/delay-histogram.ts";
import { pageName } from "../engine/page-hashes.ts";
import type { RegionStatistics } from "../engine/regions.ts";
import type { ReplicaStatus } from "../hypervisor/messages.ts";
import type { ReplicaReport, TranslationReport } from "../wire/control-messages.ts";
import type { ConsoleRetention } from "./console-history.ts";

/** More than two heartbeats. */
const TOLD_MS = 250;

export interface PairingMeasurement {
  readonly backup: string;
  /** From the order to pair until the backup is in the synced set. */
  readonly totalMs: number;
  /** How long the guest stood still for the last capture. */
  readonly pauseMs: number;
  readonly rounds: number;
  readonly bytes: bigint;
  readonly sentBytes: bigint;
}

/** A replica's translated code, in figures: since its engine thread began. */
export interface TranslationStatistics extends RegionStatistics {
  /** Guest instructions executed here, in regions and interpreted. */
  readonly executed: number;
  /** Of the compile thread's time. */
  readonly compileMs: number;
}

/** A state transfer that runs. */
export interface TransferProgress {
  readonly backup: string;
  /** Sweep over memory, from 1: from the second on it is pages that the guest has written meanwhile. */
  readonly round: number;
  /** Bytes of state that have been captured for it, and so many bytes sent for it, compressed or not. */
  readonly stateBytes: number;
  readonly sentBytes: number;
  readonly remainingPages: number;
  /** 0..1 */
  readonly progress: number;
}

interface ReplicaObservations {
  readonly vmId: string;
  /** False until the guest's images are loaded: the core may be ready, the replica is not. */
  readonly started: boolean;
  /** Set where the replica was given up by its worker: an error code and a sentence. */
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly transfer: TransferProgress | null;
  /** Integer microseconds of the process's monotonic clock, which the core is stepped with. */
  readonly nowUs: number;
  readonly consoleOldest: bigint;
  readonly consoleReleased: bigint;
  readonly console: ConsoleRetention;
  readonly logBytes: bigint;
  /** From live to the first byte that the guest of a promoted replica wrote afterwards; null: none yet. */
  readonly firstOutputMs: number | null;
  readonly lastPairing: PairingMeasurement | null;
  /** Null: nothing has run yet, or the guest is interpreted. */
  readonly translation: TranslationStatistics | null;
}

export function replicaReport(status: ReplicaStatus, seen: ReplicaObservations): ReplicaReport {
  const { promotion, divergence } = status;
  return {
    replicaId: status.replicaId,
    vmId: seen.vmId,
    role: status.role,
    state: seen.failure !== null ? "failed" : seen.started ? status.state : "syncing",
    term: status.term.toString(),
    epoch: status.point.epoch.toString(),
    instant: status.point.instant.toString(),
    synced: status.synced,
    joining: status.joining,
    transfer: seen.transfer && { ...seen.transfer, guestShare: status.guestShare ?? 0 },
    lagInstructions: status.lagInstructions.toString(),
    lag: {
      ms: lagMs(status, seen.nowUs),
      maxMs: status.maxLagMs,
      executionDelay: status.executionDelay && delayCounts(status.executionDelay),
      outputCommitDelay: status.outputCommitDelay && delayCounts(status.outputCommitDelay),
    },
    consoleOldest: seen.consoleOldest.toString(),
    consoleEnd: seen.consoleReleased.toString(),
    console: seen.console,
    arbiterUnavailable: status.arbiterUnavailable,
    paused: status.paused,
    guestHalt: status.guestHalt,
    haltReason: seen.failure?.code ?? status.haltReason,
    message: seen.failure?.message ?? null,
    promotion: promotion && {
      detectMs: promotion.detectUs / 1000,
      arbitrateMs: promotion.arbitrateUs / 1000,
      promoteMs: promotion.promoteUs / 1000,
      instant: promotion.instant.toString(),
      consoleEnd: promotion.consoleEnd.toString(),
      firstOutputMs: seen.firstOutputMs,
      verified: { instant: promotion.verified.instant.toString(), stateHash: hex(promotion.verified.stateHash) },
    },
    divergence: divergence && {
      replicaId: divergence.replicaId,
      epoch: divergence.epoch.toString(),
      expected: hex(divergence.expected),
      actual: hex(divergence.actual),
      lastEqualInstant: divergence.lastEqualInstant?.toString() ?? null,
      pages: divergence.pages.map(({ page, expected, actual }) => ({ page: pageName(page), expected: hex(expected), actual: hex(actual) })),
      pageCount: divergence.pageCount,
    },
    hashesCompared: status.hashesCompared,
    logBytes: seen.logBytes.toString(),
    lastPairing: seen.lastPairing && {
      ...seen.lastPairing,
      bytes: seen.lastPairing.bytes.toString(),
      sentBytes: seen.lastPairing.sentBytes.toString(),
    },
    translation: seen.translation && translationReport(seen.translation),
  };
}

/** What a backup has executed it tells with acks, and they come with heartbeats at the latest: only what is older is lag. */
function lagMs({ lagSinceUs, untoldSinceUs }: ReplicaStatus, nowUs: number): number {
  const untoldMs = untoldSinceUs === null ? 0 : (nowUs - untoldSinceUs) / 1000;
  const ms = lagSinceUs === null ? 0 : (nowUs - lagSinceUs) / 1000;
  return Math.max(0, ms, untoldMs > TOLD_MS ? untoldMs : 0);
}

function delayCounts({ counts, sumUs }: DelayCounts): DelayCounts {
  return { counts: [...counts], sumUs };
}

function translationReport(statistics: TranslationStatistics): TranslationReport {
  const { regions, installed, shared, evicted, optimised, exits, retired, executed, compileMs } = statistics;
  return {
    regions,
    installed,
    shared,
    evicted,
    optimised,
    exits: { ...exits },
    translatedInstructions: retired,
    interpretedInstructions: Math.max(0, executed - retired),
    compileMs,
  };
}

function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, "0");
}
