/**
 * States of a worker.
 *
 *     (hello) -> ready -> unknown (channel closed or silent) -> ready (back in time, same incarnation)
 *                                  |
 *                                  '-> lost (too long, or another incarnation) -> ready (hello)
 */
export const WORKER_STATES = ["joining", "ready", "cordoned", "draining", "drained", "unknown", "lost", "fenced"] as const;
export type WorkerState = (typeof WORKER_STATES)[number];
