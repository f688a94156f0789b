/** A VM's conditions, in Kubernetes' shape: what of it holds, with the reason, always all of them and in one order. */
import type { LoadedReplica } from "../db/queries/read-vm.ts";
import type { StoredDivergence, VmRow } from "../db/schema.ts";
import { isLagging } from "../domain/backup-lag.ts";
import { areApart, type PlacementDomain, type PlacementRule, placementRuleOf } from "../domain/placement-rule.ts";
import { backupsWanted } from "../domain/protection.ts";
import { isWrittenOff } from "../domain/replica-facts.ts";
import type { ConditionType } from "../domain/wait-target.ts";
import type { Vm } from "../schemas/vm.ts";

type Condition = Vm["status"]["conditions"][number];

export function conditionsOf(vm: VmRow, replicas: readonly LoadedReplica[], arbiterUnavailable: boolean, lagMs: number): Condition[] {
  const isProtected = vm.protectionState === "protected";
  const synced = vm.synced.length;
  const wanted = backupsWanted(vm.spec.protection);
  const condition = (type: ConditionType, holds: boolean, reason: string, message: string, since: Date): Condition => ({
    type,
    status: holds ? "True" : "False",
    reason,
    message,
    lastTransitionTime: since.toISOString(),
    observedGeneration: vm.generation,
  });
  const placed = vm.primaryReplica !== null;
  const rule = placementRuleOf(vm.spec);
  const shared = sharedBy(replicas, rule);
  const { maxLagMs } = vm.spec.protection;
  const lags = isProtected && isLagging(lagMs, maxLagMs);
  return [
    condition(
      "Ready",
      vm.state === "running",
      camelCase(vm.stateReason ?? vm.state),
      vm.stateMessage ?? `The VM is ${vm.state}`,
      vm.stateSince,
    ),
    condition(
      "Provisioned",
      placed,
      placed ? "PrimaryPlaced" : "NoPrimary",
      placed ? "A worker has the memory of its primary" : "No worker has been found for its primary, or its guest is over",
      vm.guestBeganAt,
    ),
    condition("Protected", isProtected, camelCase(vm.protectionReason ?? vm.protectionState), protectionMessage(vm), vm.protectionSince),
    condition(
      "FullyProtected",
      isProtected && synced >= wanted,
      isProtected && synced < wanted ? "BackupsMissing" : camelCase(vm.protectionReason ?? vm.protectionState),
      `${synced} of ${wanted} backups are synced`,
      vm.updatedAt,
    ),
    condition(
      "AntiAffinitySatisfied",
      shared === null,
      shared === null ? `${camelCase(rule.antiAffinity.domain)}sDiffer` : `${camelCase(shared)}Shared`,
      shared === null ? "No two of its replicas share what they must not" : `Two of its replicas share a ${shared}`,
      vm.updatedAt,
    ),
    condition(
      "BackupLagging",
      lags,
      lags ? "PrimaryWaits" : isProtected ? "WithinBound" : "NoBackup",
      isProtected
        ? `The slowest backup is ${lagMs} ms behind; from ${maxLagMs / 4} ms on the primary waits for it, after ${maxLagMs} ms it is dropped`
        : "No backup follows",
      vm.updatedAt,
    ),
    vm.divergence === null
      ? condition("Diverged", false, "StateHashesEqual", "No backup has been found to differ", vm.guestBeganAt)
      : divergedCondition(vm, vm.divergence),
    condition(
      "ArbiterReachable",
      !arbiterUnavailable,
      arbiterUnavailable ? "ArbiterUnavailable" : "ArbiterAnswers",
      arbiterUnavailable ? "The primary waits for an answer of the arbiter" : "The primary waits for no answer of the arbiter",
      vm.updatedAt,
    ),
  ];
}

/** @returns what two of its replicas share and must not; null: nothing */
function sharedBy(replicas: readonly LoadedReplica[], rule: PlacementRule): PlacementDomain | null {
  const standing = replicas.filter(({ replica }) => !isWrittenOff(replica));
  const pairs = standing.flatMap(({ worker }, index) => standing.slice(index + 1).map((other) => [worker, other.worker] as const));
  if (pairs.some(([one, other]) => one.id === other.id)) return "worker";
  return pairs.every(([one, other]) => areApart(rule, one, other)) ? null : rule.antiAffinity.domain;
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
  const rebuilt = vm.synced.length >= backupsWanted(vm.spec.protection) && !vm.synced.includes(replicaId);
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

/** `worker_lost` -> `WorkerLost`, as conditions spell it. */
export function camelCase(words: string): string {
  return words.replaceAll(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}
