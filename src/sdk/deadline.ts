/** The time that something may take which asks the service again and again: its last call ends with it, whatever the service does. */
import { TIMER_MAX_MS } from "../base/timer-max.ts";

/**
 * @param leftMs more than 0; may be Infinity
 * @param caller ends the call as well
 * @returns what `ask` gives; null where the time was over first
 * @throws the caller's abort reason, and whatever `ask` throws in time
 */
export async function askWithin<T>(
  leftMs: number,
  caller: AbortSignal | undefined,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const limit = new AbortController();
  const forward = (): void => limit.abort(caller?.reason);
  if (caller?.aborted === true) forward();
  caller?.addEventListener("abort", forward, { once: true });
  let over = false;
  const timer = setTimeout(
    () => {
      over = !limit.signal.aborted;
      limit.abort();
    },
    Math.min(leftMs, TIMER_MAX_MS),
  );
  try {
    return await ask(limit.signal);
  } catch (error) {
    if (over) return null;
    throw error;
  } finally {
    clearTimeout(timer);
    caller?.removeEventListener("abort", forward);
  }
}

/**
 * How long the service may wait before it answers, seconds: it counts whole ones. It answers before the time is over, so that what was seen
 * last is not old; in the last second it is cut short.
 */
export function longPollSeconds(leftMs: number, longest: number): number {
  return Math.min(longest, Math.max(1, Math.ceil(leftMs / 1000) - 1));
}
