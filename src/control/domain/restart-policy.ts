/**
 * Whether a VM whose guest is over is started again by the service, and when.
 *
 *     never       it stays as it is
 *     on_failure  where it is failed (its replicas were all lost, or its machine broke), and where its guest panicked
 *     always      where its guest ended itself in any way, too
 *
 * Whoever stopped or deleted it meant it: that is never undone. One that fails again soon is left for longer each time.
 */
import type { DesiredVmState, VmState } from "./vm-state.ts";

export const RESTART_POLICIES = ["never", "on_failure", "always"] as const;
export type RestartPolicy = (typeof RESTART_POLICIES)[number];

export interface RestartFacts {
  readonly policy: RestartPolicy;
  readonly state: VmState;
  readonly desiredState: DesiredVmState;
  readonly stateReason: string | null;
}

export function isToRestart({ policy, state, desiredState, stateReason }: RestartFacts): boolean {
  if (policy === "never" || desiredState !== "running") return false;
  if (state === "failed") return true;
  if (state !== "stopped" || stateReason?.startsWith("guest_") !== true) return false;
  return policy === "always" || stateReason === "guest_panic";
}

export interface RestartBackoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** How long it is left before it is started for the `restarts + 1`th time. */
export function restartDelayMs(restarts: number, { firstMs, maxMs }: RestartBackoff): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(restarts, 30));
}
