/**
 * Protection of a VM: whether another replica would take over now. One synced backup is enough for that, however many are
 * wanted; how many there are is said beside it (`syncedBackups` of `wantedBackups`).
 *
 *     off (0 backups)          inactive (the VM does not run)          suspended (no backup is wanted for a while)
 *     unprotected -> syncing -> protected -> failing_over -> unprotected
 *          ^------------'           '-> unprotected (the backup is gone)
 *
 * The arbiter's row (`synced`) says who may take over; links and reports say whether it still can.
 */
import type { PlacementRefusal } from "./placement.ts";
import type { ReplicaFacts } from "./replica-facts.ts";
import { hasGuest, type VmState } from "./vm-state.ts";

export const BACKUPS_MAX = 3;

/** Bounds of `maxLagMs`. What a backup has executed it tells with heartbeats, every 100 ms; a primary waits from a quarter of it on. */
export const MAX_LAG_MS_MIN = 250;
export const MAX_LAG_MS_MAX = 60_000;

export const PROTECTION_STATES = ["off", "suspended", "inactive", "unprotected", "syncing", "protected", "failing_over"] as const;
export type ProtectionState = (typeof PROTECTION_STATES)[number];

export const PROTECTION_REASONS = [
  "initializing",
  "no_capacity",
  "worker_lost",
  "connection_lost",
  "backup_failed",
  "divergence",
  "lag_exceeded",
  "draining",
  "engine_mismatch",
  "user_action",
] as const;
export type ProtectionReason = (typeof PROTECTION_REASONS)[number];

export interface Protection {
  readonly state: ProtectionState;
  readonly reason: ProtectionReason | null;
}

export interface ProtectionFacts {
  /** How many backups the spec asks for, though it may be suspended. */
  readonly backups: number;
  readonly suspended: boolean;
  readonly vmState: VmState;
  readonly current: Protection;
  readonly primaryReplica: string | null;
  readonly synced: readonly string[];
  readonly replicas: readonly ReplicaFacts[];
  /** A promotion was granted or ordered, and the new primary has not reported that it is live. */
  readonly failoverOpen: boolean;
  /** Why the newest attempt to place a backup found nobody; null: it did not fail. */
  readonly placementRefusal: PlacementRefusal | null;
  /** True until workers have had the time to come back after a start of the control plane. */
  readonly booting: boolean;
}

export function protectionOf(vm: ProtectionFacts): Protection {
  if (vm.backups === 0) return { state: "off", reason: null };
  if (vm.suspended) return { state: "suspended", reason: "user_action" };
  if (!hasGuest(vm.vmState)) return { state: "inactive", reason: null };
  const primary = vm.replicas.find((replica) => replica.id === vm.primaryReplica) ?? null;
  const synced = vm.replicas.filter((replica) => vm.synced.includes(replica.id) && replica.state !== "lost" && !replica.broken);

  if (vm.failoverOpen) return { state: "failing_over", reason: vm.current.reason };
  if (synced.length > 0) {
    // A control plane that has just started knows less than the row: what was true stays, until it is known better.
    if (vm.booting && (primary?.link === "missing" || synced.some((replica) => replica.link === "missing"))) return vm.current;
    if (primary === null || !hasChannel(primary) || primary.broken) return { state: "failing_over", reason: "worker_lost" };
    if (synced.some(hasChannel)) return { state: "protected", reason: null };
    return { state: "unprotected", reason: "worker_lost" };
  }
  const candidate = vm.replicas.find(
    (replica) => replica.id !== vm.primaryReplica && replica.role === "backup" && !replica.broken && isOnItsWay(replica.state),
  );
  if (candidate !== undefined && candidate.link === "connected") return { state: "syncing", reason: vm.current.reason ?? "initializing" };
  if (vm.placementRefusal !== null) {
    return { state: "unprotected", reason: reasonOfRefusal(vm.placementRefusal) };
  }
  return { state: "unprotected", reason: vm.current.reason ?? "initializing" };
}

/** A worker that may not be used, because a replica is there, has no room for this VM. */
export function reasonOfRefusal(refusal: PlacementRefusal): ProtectionReason {
  return refusal === "engine_mismatch" ? "engine_mismatch" : "no_capacity";
}

/** How many backups a VM is to have now. */
export function backupsWanted({ backups, suspended }: { readonly backups: number; readonly suspended?: boolean | undefined }): number {
  return suspended === true ? 0 : backups;
}

export interface WantedProtection {
  readonly mode?: "lockstep" | "none" | undefined;
  readonly backups?: number | undefined;
}

/**
 * `mode: none` and `backups: 0` are the same. What is left out follows from the other; with neither, one backup is wanted.
 *
 * @returns null where the two contradict each other
 */
export function protectionWanted({
  mode,
  backups,
}: WantedProtection): { readonly mode: "lockstep" | "none"; readonly backups: number } | null {
  const wanted = backups ?? (mode === "none" ? 0 : 1);
  const derived = wanted === 0 ? "none" : "lockstep";
  return mode === undefined || mode === derived ? { mode: derived, backups: wanted } : null;
}

function hasChannel(replica: ReplicaFacts): boolean {
  return replica.link === "connected" || replica.link === "silent";
}

function isOnItsWay(state: ReplicaFacts["state"]): boolean {
  return state === "placing" || state === "syncing" || state === "live";
}

/** Reason of the public contract for what a primary told the arbiter when it went on alone. */
export function reasonOfSolo(reason: string): ProtectionReason {
  switch (reason) {
    case "backup_failed":
    case "divergence":
    case "lag_exceeded":
      return reason;
    default:
      return "connection_lost";
  }
}
