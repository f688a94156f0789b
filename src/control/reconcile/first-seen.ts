/**
 * Since when this process has known something, by the clock that nobody sets. Rows have the times of another clock, which may be
 * set by hours while a guest starts: how long something lasts is not told from them.
 */
export class FirstSeen {
  private readonly times = new Map<string, number>();
  private asked = new Set<string>();

  /** Milliseconds since it was first asked about; 0 the first time. */
  ageMs(what: string, nowMs: number): number {
    this.asked.add(what);
    const since = this.times.get(what);
    if (since !== undefined) return nowMs - since;
    this.times.set(what, nowMs);
    return 0;
  }

  /** Forgets what nobody has asked about since the last call. */
  forgetOthers(): void {
    for (const what of this.times.keys()) if (!this.asked.has(what)) this.times.delete(what);
    this.asked = new Set();
  }
}
