/** A VM as the public contract shows it: its rows, and on them what the workers report now. */
import type { LoadedReplica, LoadedVm } from "../db/queries/read-vm.ts";
import type { VmRow } from "../db/schema.ts";
import { lagMsOf } from "../domain/backup-lag.ts";
import { retentionOf } from "../domain/console-retention.ts";
import { expiresAt } from "../domain/expiry.ts";
import { type PlacementRule, placementRuleOf } from "../domain/placement-rule.ts";
import { backupsWanted } from "../domain/protection.ts";
import type { Replica, Vm } from "../schemas/vm.ts";
import { conditionsOf } from "./conditions.ts";
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
      machine: { ...vm.spec.machine, platform: "virt" },
      cmdline: vm.spec.cmdline,
      desiredState: vm.desiredState,
      protection: { ...vm.spec.protection, suspended: vm.spec.protection.suspended === true, outputCommit: "strict" },
      placement: presentPlacement(placementRuleOf(vm.spec)),
      restartPolicy: vm.spec.restartPolicy ?? "never",
      deletionProtection: vm.spec.deletionProtection === true,
      ttlSeconds: vm.spec.ttlSeconds ?? null,
      console: { ...retentionOf(vm.spec) },
    },
    status: {
      state: vm.state,
      stateReason: vm.stateReason,
      stateMessage: vm.stateMessage,
      restarts: vm.restarts,
      expiresAt: expiresAt(vm)?.toISOString() ?? null,
      term: Number(vm.term),
      instant: largest(vm.instant, primary?.instant).toString(),
      protection: {
        state: vm.protectionState,
        reason: vm.protectionReason,
        syncedBackups: vm.synced.length,
        wantedBackups: backupsWanted(vm.spec.protection),
        lagInstructions: primary?.lagInstructions ?? "0",
        lagMs: lagMsOf(vm, live.report),
        logBytesPerSecond: vm.primaryReplica === null ? 0 : live.logBytesPerSecond(vm.primaryReplica),
        since: vm.protectionSince.toISOString(),
      },
      replicas: replicas.map((replica) => presentReplica(replica, vm, live)),
      console: {
        start: primary?.consoleOldest ?? vm.consoleBase.toString(),
        end: largest(vm.consoleEnd, primary?.consoleEnd).toString(),
        writer: live.consoleWriter(vm.id),
      },
      conditions: conditionsOf(vm, replicas, primary?.arbiterUnavailable === true, lagMsOf(vm, live.report)),
      operationId: vm.operationId,
      lastFailover: lastFailover === null ? null : presentFailover(lastFailover),
    },
  };
}

export function presentReplica({ replica, worker }: LoadedReplica, vm: VmRow, live: LiveView): Replica {
  const report = live.report(replica.id);
  // Its primary knows how far it has come; it does not know itself.
  const sent = vm.primaryReplica === null ? null : (live.report(vm.primaryReplica)?.transfer ?? null);
  // It still says so for a moment once the backup is synced.
  const transfer = sent?.backup === replica.id && !vm.synced.includes(replica.id) ? sent : null;
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

function largest(row: bigint, report: string | undefined): bigint {
  const reported = report === undefined ? 0n : BigInt(report);
  return reported > row ? reported : row;
}

function presentPlacement({ workerSelector, zones, antiAffinity }: PlacementRule): Vm["spec"]["placement"] {
  return { workerSelector, zones: [...zones], antiAffinity: { ...antiAffinity } };
}
