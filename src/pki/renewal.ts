/** When a certificate is renewed: at two thirds of its time, so that a third is left for what may stand in the way. */
import { TIMER_MAX_MS } from "../base/timer-max.ts";

export function renewalDelayMs(ttlMs: number): number {
  return Math.min(TIMER_MAX_MS, Math.floor((ttlMs * 2) / 3));
}

/** Ten attempts in the third that is left, but none that nobody would miss, and none too late to be noticed. */
export function renewalRetryMs(ttlMs: number): number {
  return Math.min(60_000, Math.max(200, Math.floor(ttlMs / 30)));
}
