/**
 * States of a worker: what an operator wants of it, and what is heard of it.
 *
 *     (hello) -> ready <--cordon, uncordon--> cordoned
 *                  '--drain--> draining --it holds nothing any more--> drained        (uncordon leads back from each)
 *
 *     any of these -> unknown (channel closed or silent) -> back in time, same incarnation
 *                        '-> lost (too long, or another incarnation) -> (hello)
 *     any state --fence--> fenced --uncordon--> unknown -> (hello)
 *
 * Fenced is the operator's word that nothing of this worker can be heard by anybody: its channel is closed after it was told to
 * drop everything, a hello is refused, and its replicas count as lost at once.
 */
import type { LinkState } from "./replica-facts.ts";

export const WORKER_STATES = ["joining", "ready", "cordoned", "draining", "drained", "unknown", "lost", "fenced"] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

export const DESIRED_WORKER_STATES = ["ready", "cordoned", "drained", "fenced"] as const;
export type DesiredWorkerState = (typeof DESIRED_WORKER_STATES)[number];

export interface WorkerFacts {
  readonly desiredState: DesiredWorkerState;
  readonly link: LinkState;
  /** Replicas that it may still hold. */
  readonly replicas: number;
}

export function workerStateOf({ desiredState, link, replicas }: WorkerFacts): WorkerState {
  if (desiredState === "fenced") return "fenced";
  if (link === "lost") return "lost";
  if (link !== "connected") return "unknown";
  if (desiredState === "drained") return replicas === 0 ? "drained" : "draining";
  return desiredState;
}

/** The state at once after an order, from the one before: whether it can be heard does not change by being ordered. */
export function workerStateAfterOrder(before: WorkerState, wanted: DesiredWorkerState, replicas: number): WorkerState {
  if (wanted === "fenced") return "fenced";
  if (before === "fenced") return "unknown";
  if (before === "unknown" || before === "lost" || before === "joining") return before;
  return workerStateOf({ desiredState: wanted, link: "connected", replicas });
}
