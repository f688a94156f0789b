/**
 * Life of a VM, derived from what its replicas report.
 *
 *     provisioning <-> starting -> running -> stopped (the guest ended itself)
 *          ^             |           | '<--> pausing, paused, resuming (ordered)
 *          |             |           |
 *          |             '-----------+-> failed          (no replica is left, or the primary broke)
 *          |             |           |     |
 *          |             '-----------+-----+--> stopping --no replica is left--> stopped
 *          '---- reset: it shall run again --------'
 *
 *     any of them -> deleting -> deleted
 *
 * Back to provisioning: the worker's process died before the guest's first instruction, so nobody has seen anything of it.
 * Orders (`vm-verb.ts`) write what is wanted, and the transient state; what follows from there is here. A guest that is stopped
 * has a grace to power itself off; without one, or after it, its replicas are dropped.
 *
 * What is on its way has a deadline: a VM without a place, or whose guest does not begin, is failed then. One that does not pause, or
 * does not resume, is as it was before, and only the operation has failed: its guest is not thrown away.
 */
import { TTL_EXPIRED } from "./expiry.ts";
import type { ReplicaFacts } from "./replica-facts.ts";

export const VM_STATES = [
  "provisioning",
  "starting",
  "running",
  "pausing",
  "paused",
  "resuming",
  "stopping",
  "stopped",
  "deleting",
  "deleted",
  "failed",
] as const;
export type VmState = (typeof VM_STATES)[number];

/** `deleted` is the service's own: a VM is deleted by a call of its own. */
export const DESIRED_VM_STATES = ["running", "stopped", "paused", "deleted"] as const;
export type DesiredVmState = (typeof DESIRED_VM_STATES)[number];

export interface VmStateChange {
  readonly state: VmState;
  readonly reason: string | null;
  readonly message: string | null;
  /** What was wanted is given up, and this is wanted instead. */
  readonly desiredState?: DesiredVmState;
}

export interface VmStateFacts {
  readonly state: VmState;
  readonly desiredState: DesiredVmState;
  readonly stateReason: string | null;
  readonly primaryReplica: string | null;
  readonly synced: readonly string[];
  /** Replicas whose memory may still be in use somewhere. */
  readonly replicas: readonly ReplicaFacts[];
  /** The last that was heard of the primary is that its guest had not begun. */
  readonly primaryNeverRan: boolean;
  /** While stopping: how long the guest is waited for; 0: it is being ended. */
  readonly stopGraceMs: number | null;
  readonly inStateForMs: number;
  readonly deadlines: StateDeadlines;
}

/** How long a VM may be on its way, milliseconds. Stopping and deleting have the guest's grace, and end where workers are gone as well. */
export interface StateDeadlines {
  /** Until a worker has room for it. */
  readonly provisioning: number;
  readonly starting: number;
  readonly pausing: number;
  readonly resuming: number;
}

export const ALL_LOST: VmStateChange = {
  state: "failed",
  reason: "all_replicas_lost",
  message: "Every worker that held a replica of this VM is gone",
};

/** Why a VM is failed that no worker had room for. */
export const PROVISION_TIMEOUT = "provision_timeout";

const EXPIRED = { reason: TTL_EXPIRED, message: "The spec's ttlSeconds have passed since its creation" };

const PLACE_AGAIN: VmStateChange = {
  state: "provisioning",
  reason: "worker_lost",
  message: "The worker died before the guest's first instruction: the VM is placed again",
};

/** A VM in one of these does not come back by itself: no replica of it is wanted. */
export function isSettled(state: VmState): boolean {
  return state === "stopped" || state === "failed" || state === "deleting" || state === "deleted";
}

/** It has a guest that runs or stands still, which is to stay so. */
export function hasGuest(state: VmState): boolean {
  return state === "running" || state === "pausing" || state === "paused" || state === "resuming";
}

/** Its guest is over, and replicas of it are only left: nobody may become primary any more. */
export function isEnding(vm: Pick<VmStateFacts, "state" | "desiredState" | "stopGraceMs">): boolean {
  return vm.desiredState === "deleted" || (vm.state === "stopping" && vm.stopGraceMs === 0);
}

/** @returns the state that the VM must be brought to now, or null if it is in it */
export function nextVmState(vm: VmStateFacts): VmStateChange | null {
  if (vm.state === "deleted") return null;
  if (vm.desiredState === "deleted") {
    const why = vm.stateReason === TTL_EXPIRED ? EXPIRED : { reason: null, message: null };
    if (vm.replicas.length === 0) return { state: "deleted", ...why };
    return vm.state === "deleting" ? null : { state: "deleting", ...why };
  }
  if (isSettled(vm.state)) return null;
  if (isEnding(vm)) return vm.replicas.length === 0 ? afterTheEnd(vm) : null;
  const primary = vm.replicas.find((replica) => replica.id === vm.primaryReplica) ?? null;
  if (vm.primaryReplica === null) {
    if (vm.state !== "provisioning" || vm.inStateForMs <= vm.deadlines.provisioning) return null;
    const why = vm.stateReason === null ? "" : `: ${vm.stateReason}`;
    const message = `No worker has had room for the VM within ${vm.deadlines.provisioning} ms${why}`;
    return { state: "failed", reason: PROVISION_TIMEOUT, message };
  }

  const halt = primary?.report?.guestHalt ?? null;
  if (primary !== null && halt !== null && primary.report?.state === "stopped") {
    return { state: "stopped", reason: `guest_${halt}`, message: `The guest ended itself: ${halt}` };
  }
  if (primary === null || primary.state === "lost" || primary.broken) {
    const survivor = vm.replicas.some((replica) => vm.synced.includes(replica.id) && replica.state !== "lost" && !replica.broken);
    if (survivor) return null;
    // Not there any more, as opposed to only given up: its process is gone for certain, and cannot begin the guest after all.
    if (primary === null && vm.primaryNeverRan && (vm.state === "provisioning" || vm.state === "starting")) return PLACE_AGAIN;
    // Its guest was to end, and has.
    if (vm.state === "stopping") return { state: "stopped", reason: vm.stateReason, message: null };
    if (primary?.broken) {
      const reason = primary.report?.haltReason ?? "replica_failed";
      return { state: "failed", reason, message: primary.report?.message ?? `The only replica halted: ${reason}` };
    }
    return ALL_LOST;
  }
  if (primary.report?.state === "live" && vm.state !== "stopping") return stateOfLiveGuest(vm, primary.report.paused) ?? givenUp(vm);
  if (vm.state === "provisioning") return { state: "starting", reason: null, message: null };
  if (vm.state === "starting" && vm.inStateForMs > vm.deadlines.starting) {
    return { state: "failed", reason: "start_timeout", message: `The guest did not start within ${vm.deadlines.starting} ms` };
  }
  return null;
}

/** Of a live guest that was told to pause or to go on, and has not. */
function givenUp({ state, inStateForMs, deadlines }: VmStateFacts): VmStateChange | null {
  if (state === "pausing" && inStateForMs > deadlines.pausing) {
    const message = `The primary did not pause its guest within ${deadlines.pausing} ms`;
    return { state: "running", desiredState: "running", reason: "pause_timeout", message };
  }
  if (state === "resuming" && inStateForMs > deadlines.resuming) {
    const message = `The primary did not resume its guest within ${deadlines.resuming} ms`;
    return { state: "paused", desiredState: "paused", reason: "resume_timeout", message };
  }
  return null;
}

/** No replica is left of a guest that was ended. */
function afterTheEnd({ desiredState, stateReason }: VmStateFacts): VmStateChange {
  if (desiredState === "running")
    return { state: "provisioning", reason: stateReason, message: "The guest was ended, and is started again" };
  return { state: "stopped", reason: stateReason, message: null };
}

function stateOfLiveGuest({ state, desiredState }: VmStateFacts, paused: boolean): VmStateChange | null {
  const found = desiredState === "paused" ? (paused ? "paused" : "pausing") : paused ? "resuming" : "running";
  return found === state ? null : { state: found, reason: null, message: null };
}
