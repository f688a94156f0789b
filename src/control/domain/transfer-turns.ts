/**
 * Whose turn it is to bring a backup the state: a worker takes part in so many state transfers at once, at either end, and whoever
 * comes later waits. After the loss of a worker all its VMs want a new backup in the same instant: carried out together their
 * transfers all end late, and keep the main threads at both ends so busy that healthy replicas are suspected, which is more to repair.
 *
 *     none --take: room at both ends--> ordered --a primary reports it--> under way --reports it no more--> none
 *                                          '--the backup waits no more, or nobody has reported it for so long--> none
 *
 * Of those that wait for the same worker the one is first whose last turn is longest ago: pairs that cannot be made, as of workers that
 * cannot reach each other, do not keep the others from theirs.
 */

export interface TransferEnds {
  readonly source: string;
  readonly target: string;
}

interface Waiting {
  readonly ends: TransferEnds;
  readonly lastTurnMs: number;
}

export class TransferTurns {
  /** By backup: what was ordered and no primary reports yet. */
  private readonly ordered = new Map<string, TransferEnds & { readonly atMs: number }>();
  private readonly atWorker = new Map<string, number>();
  /** By backup that waits: when it was ordered last. */
  private readonly lastTurnMs = new Map<string, number>();
  /** Who has asked in vain, in the pass before and in this one. */
  private refusedBefore = new Map<string, Waiting>();
  private refused = new Map<string, Waiting>();

  /**
   * @param limit transfers at once for each worker
   * @param orderedForMs an order that shows no effect for so long counts no more; milliseconds
   */
  constructor(
    private readonly limit: number,
    private readonly orderedForMs: number,
  ) {}

  /**
   * Begins a pass.
   *
   * @param underWay by backup: the transfers that primaries report, with the workers at their ends
   * @param waiting backups that have not been synced
   */
  begin(underWay: ReadonlyMap<string, TransferEnds>, waiting: ReadonlySet<string>, nowMs: number): void {
    this.atWorker.clear();
    for (const backup of this.lastTurnMs.keys()) if (!waiting.has(backup)) this.lastTurnMs.delete(backup);
    this.refusedBefore = new Map([...this.refused].filter(([backup]) => waiting.has(backup)));
    this.refused = new Map();
    for (const ends of underWay.values()) this.count(ends);
    for (const [backup, { atMs, ...ends }] of this.ordered) {
      if (underWay.has(backup) || !waiting.has(backup) || nowMs - atMs >= this.orderedForMs) this.ordered.delete(backup);
      else this.count(ends);
    }
  }

  /** True where the transfer may be ordered, and has been given its place now or before. */
  take(backup: string, ends: TransferEnds, nowMs: number): boolean {
    if (this.ordered.has(backup)) return true;
    const lastTurnMs = this.lastTurnMs.get(backup) ?? Number.NEGATIVE_INFINITY;
    this.refusedBefore.delete(backup);
    if (this.isFull(ends) || this.mustWait(ends, lastTurnMs)) {
      this.refused.set(backup, { ends, lastTurnMs });
      return false;
    }
    this.ordered.set(backup, { ...ends, atMs: nowMs });
    this.lastTurnMs.set(backup, nowMs);
    this.count(ends);
    return true;
  }

  private isFull({ source, target }: TransferEnds): boolean {
    return [source, target].some((worker) => (this.atWorker.get(worker) ?? 0) >= this.limit);
  }

  /** Somebody else waits for one of these workers whose turn was longer ago. */
  private mustWait({ source, target }: TransferEnds, lastTurnMs: number): boolean {
    return [...this.refusedBefore.values(), ...this.refused.values()].some(
      (other) =>
        other.lastTurnMs < lastTurnMs && [other.ends.source, other.ends.target].some((worker) => worker === source || worker === target),
    );
  }

  private count({ source, target }: TransferEnds): void {
    for (const worker of [source, target]) this.atWorker.set(worker, (this.atWorker.get(worker) ?? 0) + 1);
  }
}
