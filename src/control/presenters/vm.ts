/** A VM as the public contract shows it: its rows, and on them what the workers report now. */
import type { LoadedReplica, LoadedVm } from "../db/queries/read-vm.ts";
import type { StoredDivergence, VmRow } from "../db/schema.ts";
import type { Replica, Vm } from "../schemas/vm.ts";
import { presentFailover } from "./failover.ts";
import type { LiveView } from "./live-view.ts";

export function presentVm({ vm, replicas, lastFailover }: LoadedVm, live: LiveView): Vm {
  const primary = vm.primaryReplica === null ? null : live.report(vm.primaryReplica);
  return {
    id: vm.id,
    name: vm.name,
    project: vm.project,
    labels: vm.labels,
    createdAt: vm.createdAt.toISOString(),
    updatedAt: vm.updatedAt.toISOString(),
    generation: vm.generation,
    resourceVersion: vm.resourceVersion.toString(),
    spec: {
      image: vm.spec.image,
      machine: { ...vm.spec.machine },
      cmdline: vm.spec.cmdline,
      desiredState: vm.desiredState,
      protection: { ...vm.spec.protection },
    },
    status: {
      state: vm.state,
      stateReason: vm.stateReason,
      stateMessage: vm.stateMessage,
      term: Number(vm.term),
      instant: largest(vm.instant, primary?.instant).toString(),
      protection: {
        state: vm.protectionState,
        reason: vm.protectionReason,
        syncedBackups: vm.synced.length,
        wantedBackups: vm.spec.protection.backups,
        lagInstructions: primary?.lagInstructions ?? "0",
        lagMs: lagMsOf(vm, live),
        logBytesPerSecond: vm.primaryReplica === null ? 0 : live.logBytesPerSecond(vm.primaryReplica),
        since: vm.protectionSince.toISOString(),
      },
      replicas: replicas.map((replica) => presentReplica(replica, vm, live)),
      console: {
        start: primary?.consoleOldest ?? "0",
        end: largest(vm.consoleEnd, primary?.consoleEnd).toString(),
        writer: live.consoleWriter(vm.id),
      },
      conditions: conditionsOf(vm, primary?.arbiterUnavailable === true, lagMsOf(vm, live)),
      operationId: vm.operationId,
      lastFailover: lastFailover === null ? null : presentFailover(lastFailover),
    },
  };
}

export function presentReplica({ replica, worker }: LoadedReplica, vm: VmRow, live: LiveView): Replica {
  const report = live.report(replica.id);
  // Its primary knows how far it has come; it does not know itself.
  const sent = vm.primaryReplica === null ? null : (live.report(vm.primaryReplica)?.transfer ?? null);
  const transfer = sent?.backup === replica.id ? sent : null;
  return {
    id: replica.id,
    vmId: replica.vmId,
    role: replica.role,
    state: replica.state,
    stateReason: replica.stateReason,
    worker: worker.id,
    workerName: worker.name,
    zone: worker.zone,
    engine: { version: worker.version, buildDigest: worker.buildDigest },
    appliedInstant: report?.instant ?? "0",
    joinProgress: transfer?.progress ?? null,
    transfer: transfer && {
      round: transfer.round,
      stateBytes: transfer.stateBytes,
      sentBytes: transfer.sentBytes,
      remainingPages: transfer.remainingPages,
      guestShare: transfer.guestShare,
    },
    lastHeartbeatAt: (live.lastHeartbeatAt(worker.id) ?? worker.lastHeartbeatAt).toISOString(),
    createdAt: replica.createdAt.toISOString(),
  };
}

type Condition = Vm["status"]["conditions"][number];

function conditionsOf(vm: VmRow, arbiterUnavailable: boolean, lagMs: number): Condition[] {
  const ready = vm.state === "running";
  const isProtected = vm.protectionState === "protected";
  const synced = vm.synced.length;
  const wanted = vm.spec.protection.backups;
  const conditions: Condition[] = [
    {
      type: "Ready",
      status: ready ? "True" : "False",
      reason: camel(vm.stateReason ?? vm.state),
      message: vm.stateMessage ?? `The VM is ${vm.state}`,
      lastTransitionTime: vm.stateSince.toISOString(),
      observedGeneration: vm.generation,
    },
    {
      type: "Protected",
      status: isProtected ? "True" : "False",
      reason: camel(vm.protectionReason ?? vm.protectionState),
      message: protectionMessage(vm),
      lastTransitionTime: vm.protectionSince.toISOString(),
      observedGeneration: vm.generation,
    },
    {
      type: "FullyProtected",
      status: isProtected && synced >= wanted ? "True" : "False",
      reason: isProtected && synced < wanted ? "BackupsMissing" : camel(vm.protectionReason ?? vm.protectionState),
      message: `${synced} of ${wanted} backups are synced`,
      lastTransitionTime: vm.updatedAt.toISOString(),
      observedGeneration: vm.generation,
    },
  ];
  if (isProtected) conditions.push(laggingCondition(vm, lagMs));
  if (vm.divergence !== null) conditions.push(divergedCondition(vm, vm.divergence));
  if (arbiterUnavailable) {
    conditions.push({
      type: "ArbiterReachable",
      status: "False",
      reason: "ArbiterUnavailable",
      message: "The primary waits for an answer of the arbiter",
      lastTransitionTime: vm.updatedAt.toISOString(),
      observedGeneration: vm.generation,
    });
  }
  return conditions;
}

/** The log's way to the slowest synced backup, and there to its execution; as the workers reported it last. */
function lagMsOf(vm: VmRow, live: LiveView): number {
  if (vm.primaryReplica === null) return 0;
  const unackedMs = live.report(vm.primaryReplica)?.lag?.ms ?? 0;
  const unexecutedMs = vm.synced.map((id) => live.report(id)?.lag?.ms ?? 0);
  return Math.round((unackedMs + Math.max(0, ...unexecutedMs)) * 1000) / 1000;
}

function laggingCondition(vm: VmRow, lagMs: number): Condition {
  const { maxLagMs } = vm.spec.protection;
  const lags = lagMs > maxLagMs / 4;
  return {
    type: "BackupLagging",
    status: lags ? "True" : "False",
    reason: lags ? "PrimaryWaits" : "WithinBound",
    message: `The slowest backup is ${lagMs} ms behind; from ${maxLagMs / 4} ms on the primary waits for it, after ${maxLagMs} ms it is dropped`,
    lastTransitionTime: vm.updatedAt.toISOString(),
    observedGeneration: vm.generation,
  };
}

function protectionMessage({ protectionState, protectionReason }: VmRow): string {
  if (protectionState === "protected") return "A backup would take over at the same instruction";
  if (protectionReason === "engine_mismatch")
    return "engine_mismatch: a pair runs one build of the machine, and no worker with room runs the build of the primary's worker";
  if (protectionReason === "lag_exceeded")
    return "lag_exceeded: the backup trailed for longer than spec.protection.maxLagMs, and was dropped";
  return `Protection is ${protectionState}`;
}

/** True until another backup has taken the place of the one that differed. */
function divergedCondition(
  vm: VmRow,
  { replicaId, at, expected, actual, lastEqualInstant, pages, pageCount }: StoredDivergence,
): Condition {
  const rebuilt = vm.synced.length >= vm.spec.protection.backups && !vm.synced.includes(replicaId);
  const where = pages.map(({ page }) => page).join(", ");
  const differing = pageCount === 0 ? "they stopped at different instants" : `${pageCount} pages differ, first ${where}`;
  return {
    type: "Diverged",
    status: rebuilt ? "False" : "True",
    reason: rebuilt ? "BackupRebuilt" : "StateHashMismatch",
    message:
      `Backup ${replicaId} had the state hash ${actual}, its primary ${expected}; they were last equal at instant ` +
      `${lastEqualInstant ?? "unknown"}; ${differing}`,
    lastTransitionTime: rebuilt ? vm.updatedAt.toISOString() : at,
    observedGeneration: vm.generation,
  };
}

function largest(row: bigint, report: string | undefined): bigint {
  const reported = report === undefined ? 0n : BigInt(report);
  return reported > row ? reported : row;
}

/** `worker_lost` -> `WorkerLost`, as conditions spell it. */
function camel(words: string): string {
  return words.replaceAll(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}
