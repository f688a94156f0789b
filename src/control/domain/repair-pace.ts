/**
 * When a VM that lacks a backup gets the next one: at once, unless the one before did no good. A backup that failed before it was
 * synced, and a pair that lost touch soon after it was made while both its workers live, say that the hosts or the network between
 * them cannot carry a pair now; to try again at once would be load on top, for other VMs too. The wait doubles each time.
 *
 *     prompt --failed--> waiting --over--> prompt, with twice the wait next time
 *        ^                                     |
 *        '---------- complete for long ---------'
 */

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;
/** A VM that had all its backups for so long is none whose repairs do no good. */
const STEADY_MS = 30_000;

interface Pace {
  delayMs: number;
  untilMs: number;
  /** Since when it has had all its backups; null: it lacks one. */
  completeSinceMs: number | null;
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

  /** The VM lacks a backup. @param lostTouch it was lost, or took over, while the workers at both ends live */
  lacks(vmId: string, lostTouch: boolean, nowMs: number): void {
    const pace = this.paces.get(vmId);
    if (pace === undefined || pace.completeSinceMs === null) return;
    const forMs = nowMs - pace.completeSinceMs;
    pace.completeSinceMs = null;
    if (forMs >= STEADY_MS) pace.delayMs = 0;
    else if (lostTouch) this.slowDown(pace, nowMs);
  }

  /** Forgets VMs that are not there any more. */
  keepOnly(vmIds: ReadonlySet<string>): void {
    for (const vmId of this.paces.keys()) if (!vmIds.has(vmId)) this.paces.delete(vmId);
  }

  private paceOf(vmId: string): Pace {
    const known = this.paces.get(vmId);
    if (known !== undefined) return known;
    const pace: Pace = { delayMs: 0, untilMs: Number.NEGATIVE_INFINITY, completeSinceMs: null };
    this.paces.set(vmId, pace);
    return pace;
  }

  private slowDown(pace: Pace, nowMs: number): void {
    pace.delayMs = Math.min(MAX_DELAY_MS, Math.max(FIRST_DELAY_MS, 2 * pace.delayMs));
    pace.untilMs = nowMs + pace.delayMs;
  }
}
