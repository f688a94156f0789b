/**
 * Protection of a VM: whether another replica would take over now.
 *
 *     off (mode none)          inactive (the VM does not run)
 *     unprotected -> syncing -> protected -> failing_over -> unprotected
 *          ^------------'           '-> unprotected (the backup is gone)
 *
 * The arbiter's row (`synced`) says who may take over; links and reports say whether it still can.
 */
import type { ReplicaFacts } from "./replica-facts.ts";
import type { VmState } from "./vm-state.ts";

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
  readonly mode: "lockstep" | "none";
  readonly vmState: VmState;
  readonly current: Protection;
  readonly primaryReplica: string | null;
  readonly synced: readonly string[];
  readonly replicas: readonly ReplicaFacts[];
  /** A promotion was granted or ordered, and the new primary has not reported that it is live. */
  readonly failoverOpen: boolean;
  /** Why the newest attempt to place a backup found nobody; null: it did not fail. */
  readonly placementRefusal: "no_capacity" | "engine_mismatch" | null;
  /** True until workers have had the time to come back after a start of the control plane. */
  readonly booting: boolean;
}

export function protectionOf(vm: ProtectionFacts): Protection {
  if (vm.mode === "none") return { state: "off", reason: null };
  if (vm.vmState !== "running") return { state: "inactive", reason: null };
  const primary = vm.replicas.find((replica) => replica.id === vm.primaryReplica) ?? null;
  const synced = vm.replicas.filter((replica) => vm.synced.includes(replica.id) && replica.state !== "lost" && !replica.broken);

  if (vm.failoverOpen) return { state: "failing_over", reason: vm.current.reason };
  if (synced.length > 0) {
    // A control plane that has just started knows less than the row: what was true stays, until it is known better.
    if (vm.booting && (primary?.link === "missing" || synced.some((replica) => replica.link === "missing"))) return vm.current;
    if (primary === null || !hasChannel(primary) || primary.broken) return { state: "failing_over", reason: "worker_lost" };
    if (synced.every(hasChannel)) return { state: "protected", reason: null };
    return { state: "unprotected", reason: "worker_lost" };
  }
  const candidate = vm.replicas.find(
    (replica) => replica.id !== vm.primaryReplica && replica.role === "backup" && !replica.broken && isOnItsWay(replica.state),
  );
  if (candidate !== undefined && candidate.link === "connected") return { state: "syncing", reason: vm.current.reason ?? "initializing" };
  if (vm.placementRefusal !== null) return { state: "unprotected", reason: vm.placementRefusal };
  return { state: "unprotected", reason: vm.current.reason ?? "initializing" };
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
