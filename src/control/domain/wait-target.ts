/** What `wait?for=` may wait for: whether a VM is there, and whether it can still get there. */
import type { ProtectionState } from "./protection.ts";
import { type DesiredVmState, hasGuest, isSettled, type VmState } from "./vm-state.ts";

export const WAIT_TARGETS = ["running", "paused", "protected", "fully_protected", "stopped", "settled", "deleted"] as const;
export type WaitTarget = (typeof WAIT_TARGETS)[number];

export const CONDITION_TYPES = [
  "Ready",
  "Provisioned",
  "Protected",
  "FullyProtected",
  "AntiAffinitySatisfied",
  "BackupLagging",
  "Diverged",
  "ArbiterReachable",
] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

export const CONDITION_STATUSES = ["True", "False", "Unknown"] as const;
export type ConditionStatus = (typeof CONDITION_STATUSES)[number];

/** `condition:Protected=True` */
export interface ConditionTarget {
  readonly condition: ConditionType;
  readonly status: ConditionStatus;
}

export interface WaitFacts {
  readonly state: VmState;
  readonly desiredState: DesiredVmState;
  readonly protection: ProtectionState;
  readonly syncedBackups: number;
  readonly wantedBackups: number;
  /** It is started again by its restart policy. */
  readonly comesBack: boolean;
  /** An operation changes the VM now. */
  readonly inOperation: boolean;
  readonly conditions: ReadonlyMap<string, ConditionStatus>;
}

/** @returns null for what is no target */
export function parseWaitTarget(text: string): WaitTarget | ConditionTarget | null {
  const word = WAIT_TARGETS.find((target) => target === text);
  if (word !== undefined) return word;
  const [, name, value] = /^condition:([A-Za-z]+)=([A-Za-z]+)$/.exec(text) ?? [];
  const condition = CONDITION_TYPES.find((type) => type === name);
  const status = CONDITION_STATUSES.find((known) => known === value);
  return condition === undefined || status === undefined ? null : { condition, status };
}

export function isReached(target: WaitTarget | ConditionTarget, vm: WaitFacts): boolean {
  if (typeof target !== "string") return vm.conditions.get(target.condition) === target.status;
  switch (target) {
    case "running":
    case "paused":
    case "stopped":
    case "deleted":
      return vm.state === target;
    case "protected":
      return hasGuest(vm.state) && vm.protection === "protected";
    case "fully_protected":
      return isReached("protected", vm) && vm.syncedBackups >= vm.wantedBackups;
    case "settled":
      return isAtRest(vm);
  }
}

/** Nothing is on its way: no operation, no state that leads to another, no backup that is being made. */
function isAtRest({ state, protection, inOperation, comesBack }: WaitFacts): boolean {
  if (inOperation || comesBack) return false;
  if (isSettled(state)) return state !== "deleting";
  return (state === "running" || state === "paused") && (protection === "off" || protection === "suspended" || protection === "protected");
}

/** @returns why the target cannot be reached any more by itself, or null if it can */
export function whyUnreachable(target: WaitTarget | ConditionTarget, vm: WaitFacts): string | null {
  if (isReached(target, vm) || target === "deleted" || target === "settled") return null;
  if (vm.state === "deleting" || vm.state === "deleted") return `the VM is ${vm.state}`;
  if (typeof target !== "string") return whyConditionUnreachable(target, vm);
  if (vm.comesBack) return null;
  if (vm.state === "failed") return "the VM is failed";
  switch (target) {
    case "stopped":
      // A guest may power itself off at any time.
      return null;
    case "running":
    case "paused":
      if (isSettled(vm.state)) return `the VM is ${vm.state}`;
      return vm.desiredState === target ? null : `it is to be ${vm.desiredState}`;
    case "protected":
    case "fully_protected":
      if (isSettled(vm.state)) return `the VM is ${vm.state}`;
      if (vm.desiredState === "stopped") return "it is to be stopped";
      return vm.wantedBackups === 0
        ? vm.protection === "suspended"
          ? "its protection is suspended"
          : "spec.protection.backups is 0"
        : null;
  }
}

/** Of conditions that say what a target says; the others may change at any time. */
function whyConditionUnreachable({ condition, status }: ConditionTarget, vm: WaitFacts): string | null {
  if (status === "Unknown" && condition !== "Provisioned") return `the condition ${condition} is never Unknown`;
  if (status !== "True") return null;
  switch (condition) {
    case "Ready":
      return whyUnreachable("running", vm);
    case "Protected":
      return whyUnreachable("protected", vm);
    case "FullyProtected":
      return whyUnreachable("fully_protected", vm);
    default:
      return null;
  }
}
