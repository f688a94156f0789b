/**
 * What one VM needs now, from what is wanted and what is known: pure, and the same however often it is asked.
 *
 *     no primary            -> place it
 *     placed, not reported  -> order it
 *     primary live          -> as many backups as are wanted: place, order and pair what lacks, drop what is too many
 *     other bound of lag    -> tell the replica
 *     worker is drained,
 *     replica ordered away  -> a backup elsewhere first; then drop the one there, or hand over to one elsewhere, which the others follow
 *     replica ordered to go -> drop it; what follows is as if its process had died
 *     primary gone, backup  -> tell the backup to ask for promotion (it does so by itself, unless only we see it)
 *     replica broken        -> drop it, and write it off
 *     VM ended              -> drop every replica
 *     VM is to stop         -> tell the guest to power itself off; after its grace, drop every replica
 *     to be paused, or run  -> tell the primary
 */
import type { ConsoleRetention } from "./console-retention.ts";
import { isWrittenOff, type ReplicaFacts } from "./replica-facts.ts";
import { type DesiredVmState, hasGuest, isEnding, isSettled, type VmState } from "./vm-state.ts";

export interface PlanFactsOfVm {
  readonly state: VmState;
  readonly desiredState: DesiredVmState;
  /** While stopping: how long the guest is waited for; 0: it is being ended. */
  readonly stopGraceMs: number | null;
  /** How many backups the spec asks for. */
  readonly backups: number;
  /** The bound of lag that the spec asks for. */
  readonly maxLagMs: number;
  readonly console: ConsoleRetention;
  readonly primaryReplica: string | null;
  readonly synced: readonly string[];
  readonly replicas: readonly ReplicaFacts[];
  /** What the guest wrote last has been taken over from its worker. */
  readonly consoleDrained: boolean;
  readonly vmLostMs: number;
  /** A drain that does not wait until the VM can stay protected. */
  readonly drainForced: boolean;
}

export type VmStep =
  | { readonly kind: "place"; readonly role: "primary" | "backup" }
  | { readonly kind: "create"; readonly replicaId: string }
  | { readonly kind: "pair"; readonly backup: string }
  | { readonly kind: "setMaxLag"; readonly replicaId: string }
  | { readonly kind: "setConsoleRetention"; readonly replicaId: string }
  | { readonly kind: "promote"; readonly replicaId: string }
  /** The primary is to be elsewhere: the backup takes over. `lacksSpare`: only where no other backup has a place before that. */
  | { readonly kind: "handOver"; readonly to: string; readonly lacksSpare: boolean }
  | { readonly kind: "setPaused"; readonly replicaId: string; readonly paused: boolean }
  /** Its guest shall power itself off. */
  | { readonly kind: "shutDown"; readonly replicaId: string }
  | { readonly kind: "drop"; readonly replicaId: string; readonly reason: string }
  /** The replica will not be used again; its worker may still hold it. */
  | { readonly kind: "writeOff"; readonly replicaId: string; readonly state: "lost" | "fenced" | "stopped"; readonly reason: string }
  /** Its worker holds it no more, or will never be heard of again. */
  | { readonly kind: "forget"; readonly replicaId: string };

export function planVm(vm: PlanFactsOfVm): readonly VmStep[] {
  if (vm.desiredState === "deleted") return vm.replicas.flatMap((replica) => dropForGood(replica, "the VM is deleted"));
  if (isSettled(vm.state) || isEnding(vm)) return dropAll(vm, `the VM is ${vm.state}`);
  // What is left belongs to the guest before: the next one begins when nothing of it is left.
  if (vm.primaryReplica === null) {
    return vm.replicas.length === 0 ? [{ kind: "place", role: "primary" }] : dropAll(vm, "its guest is over");
  }

  const steps: VmStep[] = [];
  const primary = vm.replicas.find((replica) => replica.id === vm.primaryReplica) ?? null;
  const synced = vm.replicas.filter((replica) => vm.synced.includes(replica.id) && replica.state !== "lost" && !replica.broken);

  for (const replica of vm.replicas) {
    if (replica === primary || synced.includes(replica)) steps.push(...planMember(vm, replica));
    else steps.push(...planOther(replica));
    if (replica.unwanted) steps.push(...dropIfHeard(replica, "somebody has ordered it"));
    if (hasOtherMaxLag(vm, replica)) steps.push({ kind: "setMaxLag", replicaId: replica.id });
    if (hasOtherRetention(vm, replica)) steps.push({ kind: "setConsoleRetention", replicaId: replica.id });
  }
  if (primary === null || primary.link === "lost" || primary.broken) {
    const successor = synced.find((replica) => replica.link === "connected");
    if (successor !== undefined) steps.push({ kind: "promote", replicaId: successor.id });
    return steps;
  }
  if (!isLivePrimary(primary)) return steps;
  const paused = vm.desiredState === "paused";
  if (primary.report?.paused !== paused) steps.push({ kind: "setPaused", replicaId: primary.id, paused });
  if (vm.state === "stopping") steps.push({ kind: "shutDown", replicaId: primary.id });
  if (!hasGuest(vm.state)) return steps;
  const candidates = vm.replicas.filter((replica) => replica !== primary && !vm.synced.includes(replica.id) && isCandidate(replica));
  steps.push(...planBackups(vm, primary, synced, candidates));
  if (primary.leaving) steps.push(...planHandOver(vm, synced, candidates));
  return steps;
}

/** A primary, or a backup that may be promoted: given up only where it is certain that nothing is left. */
function planMember(vm: PlanFactsOfVm, replica: ReplicaFacts): readonly VmStep[] {
  if (replica.state === "placing" && replica.report === null && replica.link === "connected")
    return [{ kind: "create", replicaId: replica.id }];
  if (replica.state !== "placing" && replica.report === null && replica.link === "connected") {
    return [
      { kind: "writeOff", replicaId: replica.id, state: "lost", reason: "replica_gone" },
      { kind: "forget", replicaId: replica.id },
    ];
  }
  const allAway = vm.replicas.every(
    (other) =>
      (other.id !== vm.primaryReplica && !vm.synced.includes(other.id)) || (other.link === "lost" && other.awayForMs > vm.vmLostMs),
  );
  if (allAway && replica.state !== "lost") return [{ kind: "writeOff", replicaId: replica.id, state: "lost", reason: "worker_lost" }];
  return [];
}

/** Not a member: a candidate that may become one, or something that was one. */
function planOther(replica: ReplicaFacts): readonly VmStep[] {
  const written = isWrittenOff(replica);
  if (replica.broken && !written) {
    const state = replica.report?.state === "fenced" ? "fenced" : "lost";
    return [
      { kind: "writeOff", replicaId: replica.id, state, reason: replica.report?.haltReason ?? "backup_failed" },
      ...dropIfHeard(replica, "it halted"),
    ];
  }
  if (replica.link === "lost" && !written) return [{ kind: "writeOff", replicaId: replica.id, state: "lost", reason: "worker_lost" }];
  if (written) {
    // Should its worker come back with it, it is a replica that no VM has, and is dropped as such.
    if (replica.link === "lost" || (replica.link === "connected" && replica.report === null))
      return [{ kind: "forget", replicaId: replica.id }];
    // A former primary finds out by itself that it is fenced, and says so: it is left the time for it. Where its process is
    // stopped, that time begins when it wakes: an order that waited in its socket would end it before it could look around.
    if (replica.stateReason === "superseded" && !replica.broken && (replica.link === "silent" || replica.fencingGrace)) return [];
    return dropIfHeard(replica, replica.stateReason ?? "it is no member of the VM");
  }
  if (replica.report === null && replica.link === "connected") {
    if (replica.state === "placing") return [{ kind: "create", replicaId: replica.id }];
    return [
      { kind: "writeOff", replicaId: replica.id, state: "lost", reason: "replica_gone" },
      { kind: "forget", replicaId: replica.id },
    ];
  }
  return [];
}

/**
 * As many backups as are wanted, on workers that are not drained. What is on one that is drained is left once there are as many
 * elsewhere: make before break. Where the primary is to leave, there is one more for as long as that takes: one takes over, and the
 * others follow it.
 */
function planBackups(
  vm: PlanFactsOfVm,
  primary: ReplicaFacts,
  synced: readonly ReplicaFacts[],
  candidates: readonly ReplicaFacts[],
): readonly VmStep[] {
  const staying = candidates.filter((replica) => !replica.leaving);
  const leaving = synced.filter((replica) => replica.leaving);
  const wanted = primary.leaving ? backupsToHandOver(vm) : vm.backups;
  // Whoever is in the set counts, also where it may be gone: only its primary may let it go, and does.
  const room = Math.max(0, wanted - (vm.synced.length - leaving.length));
  const steps: VmStep[] = [];
  for (const candidate of staying.slice(0, room)) {
    const waits = candidate.report?.role === "backup" && candidate.report.state === "syncing" && candidate.link === "connected";
    if (waits && primary.report?.joining !== candidate.id) steps.push({ kind: "pair", backup: candidate.id });
  }
  if (staying.length < room) steps.push({ kind: "place", role: "backup" });
  // Too many: who has not come far goes first, then who was added last. The primary notices, and the arbiter lets it go.
  const membersByAge = vm.synced.flatMap((id) => synced.filter((replica) => replica.id === id && !replica.leaving));
  for (const surplus of [...staying.slice(room), ...membersByAge.slice(wanted)]) {
    steps.push(...dropIfHeard(surplus, `the VM wants ${vm.backups} backups`));
  }
  const left = room === 0 || (vm.drainForced && !primary.leaving) ? leaving : [];
  for (const replica of [...candidates.filter((candidate) => candidate.leaving), ...left]) {
    steps.push(...dropIfHeard(replica, "another one has taken its place elsewhere"));
  }
  return steps;
}

/** One who takes over, and as many as are wanted, who follow it. */
function backupsToHandOver({ backups, drainForced }: PlanFactsOfVm): number {
  return drainForced ? Math.max(1, backups) : backups + 1;
}

/** The primary is to be elsewhere: one of the backups elsewhere takes over, as soon as there are enough of them. */
function planHandOver(vm: PlanFactsOfVm, synced: readonly ReplicaFacts[], candidates: readonly ReplicaFacts[]): readonly VmStep[] {
  const staying = synced.filter((replica) => !replica.leaving);
  const successor = staying.find((replica) => replica.link === "connected");
  if (successor === undefined) return [];
  if (vm.drainForced || staying.length >= backupsToHandOver(vm)) return [{ kind: "handOver", to: successor.id, lacksSpare: false }];
  if (staying.length < vm.backups || candidates.some((replica) => !replica.leaving)) return [];
  return [{ kind: "handOver", to: successor.id, lacksSpare: true }];
}

function hasOtherMaxLag(vm: PlanFactsOfVm, { link, broken, report }: ReplicaFacts): boolean {
  return link === "connected" && !broken && report?.lag !== undefined && report.lag.maxMs !== vm.maxLagMs;
}

function hasOtherRetention(vm: PlanFactsOfVm, { link, broken, report }: ReplicaFacts): boolean {
  if (link !== "connected" || broken || report?.console === undefined) return false;
  const { headBytes, tailBytes } = report.console;
  return headBytes !== vm.console.headBytes || tailBytes !== vm.console.tailBytes;
}

function isCandidate(replica: ReplicaFacts): boolean {
  return (
    replica.role === "backup" &&
    !replica.broken &&
    !replica.unwanted &&
    (replica.state === "placing" || replica.state === "syncing" || replica.state === "live")
  );
}

function isLivePrimary(primary: ReplicaFacts): boolean {
  return primary.link === "connected" && primary.report?.role === "primary" && primary.report.state === "live";
}

/** Where its guest is over: what can be heard is told, once what the guest wrote last is here; what is lost, or gone, is forgotten. */
function dropAll(vm: PlanFactsOfVm, reason: string): readonly VmStep[] {
  return vm.replicas.flatMap((replica): readonly VmStep[] => {
    if (replica.cutOff || replica.link === "lost") return [{ kind: "forget", replicaId: replica.id }];
    return vm.consoleDrained ? dropForGood(replica, reason) : [];
  });
}

function dropForGood(replica: ReplicaFacts, reason: string): readonly VmStep[] {
  if (replica.link === "connected" && replica.report === null && replica.state !== "placing")
    return [{ kind: "forget", replicaId: replica.id }];
  if (replica.link === "lost") return [{ kind: "forget", replicaId: replica.id }];
  return dropIfHeard(replica, reason);
}

function dropIfHeard(replica: ReplicaFacts, reason: string): readonly VmStep[] {
  return replica.link === "connected" || replica.link === "silent" ? [{ kind: "drop", replicaId: replica.id, reason }] : [];
}
