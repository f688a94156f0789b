/** When and how long to wait before the same call is made again: full jitter, and `Retry-After` where the service says. */

export interface Backoff {
  /** Upper bound of the first wait. */
  readonly baseMs: number;
  /** Upper bound of every wait. */
  readonly capMs: number;
}

/**
 * Full jitter: uniform in [0, min(cap, base * 2^attempt)], so that clients that failed together do not return together.
 *
 * @param attempt 0 for the wait after the first failure
 * @param chance in [0, 1)
 */
export function backoffMs(backoff: Backoff, attempt: number, chance: number): number {
  const bound = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt, 30));
  return Math.floor(chance * bound);
}

/** @returns milliseconds that a `Retry-After` header asks for; null for none or one that cannot be read */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

/** Statuses that say "not now": the call had no effect, or its idempotency key makes a second one harmless. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || status === 502 || status === 503 || status === 504;
}
