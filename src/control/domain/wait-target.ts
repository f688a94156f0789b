/** What `wait?for=` may wait for: whether a VM is there, and whether it can still get there. */
import type { ProtectionState } from "./protection.ts";
import { isSettled, type VmState } from "./vm-state.ts";

export const WAIT_TARGETS = ["running", "protected", "fully_protected", "stopped", "deleted"] as const;
export type WaitTarget = (typeof WAIT_TARGETS)[number];

export interface WaitFacts {
  readonly state: VmState;
  readonly protection: ProtectionState;
  readonly syncedBackups: number;
  readonly wantedBackups: number;
}

export function isReached(target: WaitTarget, vm: WaitFacts): boolean {
  switch (target) {
    case "running":
      return vm.state === "running";
    case "protected":
      return vm.state === "running" && vm.protection === "protected";
    case "fully_protected":
      return isReached("protected", vm) && vm.syncedBackups >= vm.wantedBackups;
    case "stopped":
      return vm.state === "stopped";
    case "deleted":
      return vm.state === "deleted";
  }
}

/** @returns why the target cannot be reached any more by itself, or null if it can */
export function whyUnreachable(target: WaitTarget, vm: WaitFacts): string | null {
  if (isReached(target, vm) || target === "deleted") return null;
  if (vm.state === "deleting" || vm.state === "deleted") return `the VM is ${vm.state}`;
  if (vm.state === "failed") return "the VM is failed";
  if (target === "stopped") return null;
  if (isSettled(vm.state)) return `the VM is ${vm.state}`;
  if (target !== "running" && vm.wantedBackups === 0) return "spec.protection.backups is 0";
  return null;
}
