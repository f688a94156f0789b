/**
 * When a VM that lacks a backup gets the next one: at once, unless the one before did no good. A backup that failed before it was
 * synced, and a pair that lost touch soon after it was made while both its workers live, say that the hosts or the network between
 * them cannot carry a pair now; to try again at once would be load on top, for other VMs too. The wait doubles each time.
 *
 *     prompt --failed--> waiting --over--> prompt, with twice the wait next time
 *        ^                 |                   |
 *        |'- a worker died-'                   |
 *        '---------- complete for long ---------'
 *
 * A backup that sees its primary's process die is faster than whoever hears of the workers: what looks like a pair that lost touch may
 * turn out to be a worker that died, and nobody waits for that.
 */

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;
/** A VM that had all its backups for so long is none whose repairs do no good. */
const STEADY_MS = 30_000;

/** How a VM came to lack a backup, as far as it is known now: a member's worker is not heard, or is while the member is lost; null: neither. */
export type KindOfLoss = "worker_died" | "touch_lost" | null;

interface Pace {
  delayMs: number;
  untilMs: number;
  /** Since when it has had all its backups; null: it lacks one. */
  completeSinceMs: number | null;
  /** The delay before it was raised for a pair that lost touch; null: that is no matter. */
  delayBeforeMs: number | null;
}

export class RepairPace {
  private readonly paces = new Map<string, Pace>();

  mayRepair(vmId: string, nowMs: number): boolean {
    return nowMs >= (this.paces.get(vmId)?.untilMs ?? nowMs);
  }

  /** A backup failed before it was synced. */
  failed(vmId: string, nowMs: number): void {
    this.slowDown(this.paceOf(vmId), nowMs);
  }

  /** The VM has all the backups that it wants. */
  complete(vmId: string, nowMs: number): void {
    const pace = this.paceOf(vmId);
    pace.completeSinceMs ??= nowMs;
  }

  /** The VM lacks a backup. */
  lacks(vmId: string, loss: KindOfLoss, nowMs: number): void {
    const pace = this.paces.get(vmId);
    if (pace === undefined) return;
    if (pace.completeSinceMs === null) {
      if (loss === "worker_died" && pace.delayBeforeMs !== null) this.takeBack(pace, pace.delayBeforeMs);
      return;
    }
    const forMs = nowMs - pace.completeSinceMs;
    pace.completeSinceMs = null;
    pace.delayBeforeMs = null;
    if (forMs >= STEADY_MS) pace.delayMs = 0;
    else if (loss === "touch_lost") {
      pace.delayBeforeMs = pace.delayMs;
      this.slowDown(pace, nowMs);
    }
  }

  /** Forgets VMs that are not there any more. */
  keepOnly(vmIds: ReadonlySet<string>): void {
    for (const vmId of this.paces.keys()) if (!vmIds.has(vmId)) this.paces.delete(vmId);
  }

  private paceOf(vmId: string): Pace {
    const known = this.paces.get(vmId);
    if (known !== undefined) return known;
    const pace: Pace = { delayMs: 0, untilMs: Number.NEGATIVE_INFINITY, completeSinceMs: null, delayBeforeMs: null };
    this.paces.set(vmId, pace);
    return pace;
  }

  private takeBack(pace: Pace, delayMs: number): void {
    pace.delayMs = delayMs;
    pace.untilMs = Number.NEGATIVE_INFINITY;
    pace.delayBeforeMs = null;
  }

  private slowDown(pace: Pace, nowMs: number): void {
    pace.delayMs = Math.min(MAX_DELAY_MS, Math.max(FIRST_DELAY_MS, 2 * pace.delayMs));
    pace.untilMs = nowMs + pace.delayMs;
  }
}
