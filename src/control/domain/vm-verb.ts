/**
 * What a lifecycle verb does to a VM, by the state that it is in.
 *
 *     stopped, failed --start--> provisioning
 *     running <--pause, resume--> pausing, paused, resuming
 *     whatever has a guest --stop--> stopping, the guest is waited for --kill--> stopping, it is ended --> stopped
 *                          --reset--> stopping, it is ended --> provisioning
 *
 * A verb whose aim is reached already is done at once, and one that is on its way is the operation that is.
 */
import type { DesiredVmState, VmState } from "./vm-state.ts";

export const VM_VERBS = ["start", "stop", "kill", "pause", "resume", "reset"] as const;
export type VmVerb = (typeof VM_VERBS)[number];

export interface VmVerbFacts {
  readonly state: VmState;
  readonly desiredState: DesiredVmState;
  /** While stopping: how long the guest is waited for; 0: it is being ended. */
  readonly stopGraceMs: number | null;
}

export type VmVerbDecision =
  | { readonly kind: "change"; readonly desiredState: DesiredVmState; readonly state: VmState; readonly stopGraceMs: number | null }
  /** What it aims at is so. */
  | { readonly kind: "done" }
  /** What it aims at is on its way. */
  | { readonly kind: "join" }
  | { readonly kind: "refuse"; readonly allowedStates: readonly VmState[] };

const DONE = { kind: "done" } as const;
const JOIN = { kind: "join" } as const;

/** @returns the verb that brings a VM to what its spec is to say; null: it is there, or on its way */
export function verbTowards(wanted: "running" | "stopped" | "paused", { state, desiredState }: VmVerbFacts): VmVerb | null {
  switch (wanted) {
    case "running":
      if (state === "paused" || state === "pausing") return "resume";
      return desiredState === "running" && state !== "stopped" && state !== "failed" ? null : "start";
    case "stopped":
      return desiredState === "stopped" ? null : "stop";
    case "paused":
      return desiredState === "paused" && state !== "failed" ? null : "pause";
  }
}

/** @param graceMs of `stop`: how long the guest is waited for, from 0 */
export function decideVmVerb(verb: VmVerb, vm: VmVerbFacts, graceMs: number): VmVerbDecision {
  switch (verb) {
    case "start":
      return decideStart(vm);
    case "stop":
      return decideStop(vm, graceMs);
    case "kill":
      return decideKill(vm);
    case "reset":
      return decideReset(vm);
    case "pause":
      return decidePause(vm);
    case "resume":
      return decideResume(vm);
  }
}

function decideStart({ state, desiredState }: VmVerbFacts): VmVerbDecision {
  switch (state) {
    case "stopped":
    case "failed":
      return { kind: "change", desiredState: "running", state: "provisioning", stopGraceMs: null };
    case "provisioning":
    case "starting":
      // One that was created to be paused is resumed once it is.
      if (desiredState === "running") return JOIN;
      break;
    case "running":
      return DONE;
    default:
      break;
  }
  return { kind: "refuse", allowedStates: ["stopped", "failed"] };
}

function decideStop({ state, desiredState }: VmVerbFacts, graceMs: number): VmVerbDecision {
  switch (state) {
    case "running":
    case "pausing":
    case "paused":
    case "resuming":
      return end("stopped", graceMs);
    // Nobody there who could be waited for.
    case "provisioning":
    case "starting":
    case "failed":
      return end("stopped", 0);
    case "stopping":
      return desiredState === "stopped" ? JOIN : end("stopped", 0);
    case "stopped":
      return DONE;
    default:
      return { kind: "refuse", allowedStates: ["running", "paused", "starting", "failed"] };
  }
}

function decideKill({ state, desiredState, stopGraceMs }: VmVerbFacts): VmVerbDecision {
  if (state === "stopped") return DONE;
  if (state === "stopping" && desiredState === "stopped" && stopGraceMs === 0) return JOIN;
  return end("stopped", 0);
}

function decideReset({ state, desiredState }: VmVerbFacts): VmVerbDecision {
  switch (state) {
    case "starting":
    case "running":
    case "pausing":
    case "paused":
    case "resuming":
    case "failed":
      return end("running", 0);
    case "stopping":
      if (desiredState === "running") return JOIN;
      break;
    default:
      break;
  }
  return { kind: "refuse", allowedStates: ["starting", "running", "paused", "failed"] };
}

function decidePause({ state }: VmVerbFacts): VmVerbDecision {
  switch (state) {
    case "running":
    case "resuming":
      return { kind: "change", desiredState: "paused", state: "pausing", stopGraceMs: null };
    case "pausing":
      return JOIN;
    case "paused":
      return DONE;
    default:
      return { kind: "refuse", allowedStates: ["running"] };
  }
}

function decideResume({ state }: VmVerbFacts): VmVerbDecision {
  switch (state) {
    case "paused":
    case "pausing":
      return { kind: "change", desiredState: "running", state: "resuming", stopGraceMs: null };
    case "resuming":
      return JOIN;
    case "running":
      return DONE;
    default:
      return { kind: "refuse", allowedStates: ["paused"] };
  }
}

function end(desiredState: "stopped" | "running", stopGraceMs: number): VmVerbDecision {
  return { kind: "change", desiredState, state: "stopping", stopGraceMs };
}
