/**
 * State hashes that went out with the log: when the next one is due, up to where each backup is known to be equal, and which
 * pages have changed since, so that a backup that differs can be told where.
 */
import { assert } from "../base/assert.ts";
import type { PageChanges } from "../engine/page-hashes.ts";
import { type DifferingPage, differingPages } from "./differing-pages.ts";
import type { EpochRecord, ReplicaId } from "./messages.ts";

const TICKS_PER_MS = 10_000n;

/** Three words a page, and no machine has more than 2 GiB: what a backup says of its pages is no more than this. */
const CHANGE_WORDS_MAX = 3 * 530_000;

interface HashPoint {
  readonly epoch: bigint;
  readonly instant: bigint;
  readonly stateHash: bigint;
}

/** The pages that the primary changed from the look before up to the start of epoch `next`. */
interface Look {
  readonly next: bigint;
  readonly changes: PageChanges;
}

interface Compared {
  applied: bigint | null;
  lastEqualInstant: bigint | null;
  /** The epoch that begins where it was last known to be equal. */
  equalAt: bigint;
  /** What it has changed since then: said by one that differs. */
  readonly theirs: PageChanges[];
}

export class HashTrail {
  private points: HashPoint[] = [];
  private looks: Look[] = [];
  private readonly compared = new Map<ReplicaId, Compared>();
  private readonly intervalTicks: bigint;
  /** Of the primary before: what backups that followed it may still compare with. */
  private readonly before: readonly HashPoint[];

  /**
   * @param lastTime guest time from which the first interval counts
   * @param before records of the primary before, the newest last
   */
  constructor(
    intervalMs: number,
    private lastTime: bigint,
    before: readonly EpochRecord[],
  ) {
    this.intervalTicks = BigInt(intervalMs) * TICKS_PER_MS;
    this.before = before.flatMap(({ epoch, endInstant, stateHash }) =>
      stateHash === null ? [] : [{ epoch, instant: endInstant, stateHash }],
    );
  }

  /** The guest time from which on the end of an epoch is to be hashed; null: nobody compares. */
  get dueAt(): bigint | null {
    return this.intervalTicks === 0n || this.compared.size === 0 ? null : this.lastTime + this.intervalTicks;
  }

  /** An epoch starts at guest time `time`: shall its end be hashed? Only where somebody compares. */
  due(time: bigint): boolean {
    const { dueAt } = this;
    if (dueAt === null || time < dueAt) return false;
    this.lastTime = time;
    return true;
  }

  /**
   * A backup follows the log: at `instant`, where epoch `next` begins, its state is the primary's, or it will not be verified.
   *
   * @param changes pages that the primary changed since it looked last
   */
  follow(backup: ReplicaId, instant: bigint, next: bigint, changes: PageChanges | null): void {
    if (changes !== null) this.looks.push({ next, changes });
    this.compared.set(backup, { applied: null, lastEqualInstant: instant, equalAt: next, theirs: [] });
    this.prune();
  }

  /** A backup that followed the primary before: its hashes that went out last count for both, and what has changed since counts from there. */
  inherit(backup: ReplicaId): void {
    const equalAt = (this.before.at(-1)?.epoch ?? -1n) + 1n;
    this.compared.set(backup, { applied: null, lastEqualInstant: null, equalAt, theirs: [] });
    this.points = [...this.before, ...this.points.filter(({ epoch }) => epoch >= equalAt)];
    this.prune();
  }

  forget(backup: ReplicaId): void {
    this.compared.delete(backup);
    this.prune();
  }

  sent(record: EpochRecord, changes: PageChanges | null): void {
    if (record.stateHash === null) return;
    this.points.push({ epoch: record.epoch, instant: record.endInstant, stateHash: record.stateHash });
    if (changes !== null) this.looks.push({ next: record.epoch + 1n, changes });
  }

  /** A backup has executed `epoch`, so it found every hash up to there equal. */
  applied(backup: ReplicaId, epoch: bigint): void {
    const compared = this.compared.get(backup);
    if (compared === undefined) return;
    compared.applied = epoch;
    for (const { epoch: hashed, instant } of this.points) {
      if (hashed > epoch || (compared.lastEqualInstant !== null && instant <= compared.lastEqualInstant)) continue;
      compared.lastEqualInstant = instant;
      compared.equalAt = hashed + 1n;
    }
    this.prune();
  }

  /** A backup that differs says a part of what it has changed since it was last equal. */
  differs(backup: ReplicaId, changes: PageChanges): void {
    const compared = this.compared.get(backup);
    if (compared === undefined) return;
    compared.theirs.push(changes);
    const words = compared.theirs.reduce((sum, part) => sum + part.length, 0);
    assert(words <= CHANGE_WORDS_MAX, () => `${backup} has changed ${words / 3} pages, and no machine has so many`);
  }

  /** Pages in which a backup differs at the end of `epoch`; none where it did not say what it changed. */
  differing(backup: ReplicaId, epoch: bigint): readonly DifferingPage[] {
    const compared = this.compared.get(backup);
    if (compared === undefined || compared.theirs.length === 0) return [];
    const ours = this.looks.filter(({ next }) => next > compared.equalAt && next <= epoch + 1n);
    return differingPages(
      ours.map(({ changes }) => changes),
      compared.theirs,
    );
  }

  /** The hash that went out with this epoch's record. */
  expected(epoch: bigint): bigint | null {
    return this.points.find((point) => point.epoch === epoch)?.stateHash ?? null;
  }

  lastEqualInstant(backup: ReplicaId): bigint | null {
    return this.compared.get(backup)?.lastEqualInstant ?? null;
  }

  private prune(): void {
    const compared = [...this.compared.values()];
    this.points = this.points.filter((point) => compared.some(({ applied }) => applied === null || applied < point.epoch));
    this.looks = this.looks.filter(({ next }) => compared.some(({ equalAt }) => equalAt < next));
  }
}
