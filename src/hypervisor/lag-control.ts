/**
 * Lag control: how far backups may trail before the primary waits for them, and when it gives one up.
 *
 *     in time --a member trails: unacknowledged for a quarter of maxLagMs, or too many instructions--> the primary starts no epoch
 *        ^                                                                                                |          |
 *        '------------------------------ it has told of enough ------------------------------------------'          |
 *                                              it has trailed for longer than maxLagMs: `overdue`, lost for lag_exceeded
 *
 * Waiting costs real time and nothing else: the order of what the guest sees does not depend on it. A backup that is slow but
 * steady holds its primary to its own speed; one that is `maxLagMs` behind is dropped. A newcomer has a backlog that it cannot
 * help, so until it has caught up for the first time it must only get on; while it gets the state, it must apply some of it in half a minute. For a backup that is to resume a promoted primary waits
 * where it would if that were as far as it is itself.
 */
import type { EpochPacing } from "./epoch-pacing.ts";
import { executes, type Follower, type Followers, follows, trailsOfNecessity } from "./followers.ts";
import type { OutputCommit } from "./output-commit.ts";

/** A backup that has all of the state must have hashed it by then. */
const VERIFY_US = 30_000_000;
/** One that is being sent the state must have applied more of it by then: its process may answer heartbeats for ever without. */
const APPLY_US = 30_000_000;

/** Console output that may wait for acks before the guest has to. */
const UNRELEASED_BYTES = 64n * 1024n;

/** The end of an epoch, and when its record was made. */
interface Recorded {
  readonly instant: bigint;
  readonly recordedUs: number;
}

export class LagControl {
  /** Records that some follower has not told to have executed, oldest first. */
  private records: Recorded[] = [];

  /** @param maxLagMs milliseconds; may change at any time */
  constructor(
    public maxLagMs: number,
    private readonly followers: Followers,
    private readonly commit: OutputCommit,
    private readonly pacing: EpochPacing,
  ) {}

  /** A record that ends at `instant` goes out now. */
  recorded(instant: bigint, nowUs: number): void {
    if (this.followers.all().some(follows)) this.records.push({ instant, recordedUs: nowUs });
  }

  /** A follower tells that it has executed everything below `instant`. */
  applied(follower: Follower, instant: bigint, nowUs: number): void {
    if (instant > follower.appliedInstant) {
      follower.appliedInstant = instant;
      follower.progressUs = nowUs;
      this.prune();
    }
    const newest = this.records.at(-1)?.instant ?? instant;
    if (executes(follower) && newest - instant <= this.pacing.lagLimit()) follower.caughtUp = true;
  }

  /** A follower has left. */
  prune(): void {
    let least: bigint | null = null;
    for (const follower of this.followers.all()) {
      if (follows(follower) && (least === null || follower.appliedInstant < least)) least = follower.appliedInstant;
    }
    if (least === null) this.records = [];
    else {
      const upTo = least;
      this.records.splice(0, this.firstAfter(upTo));
    }
  }

  /** Whose lag has passed what is bearable. */
  overdue(nowUs: number): readonly Follower[] {
    return this.followers.all().filter((follower) => follower.lost === null && this.isOverdue(follower, nowUs));
  }

  private isOverdue(follower: Follower, nowUs: number): boolean {
    if (follower.stage === "copying") return nowUs - Math.max(follower.stageSinceUs, follower.progressUs) > APPLY_US;
    if (!follows(follower)) return false;
    const lagUs = this.maxLagMs * 1000;
    if (follower.stage === "verifying") return nowUs - follower.stageSinceUs > VERIFY_US;
    const unackedUs = this.commit.oldestUnackedUs(follower.id);
    // What was recorded before a backup could resume is no fault of its.
    if (unackedUs !== null && nowUs - Math.max(unackedUs, follower.stageSinceUs) > lagUs) return true;
    const unappliedUs = this.oldestUnapplied(follower);
    if (unappliedUs === null) return false;
    return nowUs - (follower.caughtUp ? unappliedUs : Math.max(unappliedUs, follower.progressUs)) > lagUs;
  }

  /**
   * The primary shall start no epoch now.
   *
   * @param instant the primary's
   * @param consoleEnd bytes that its guest has written
   */
  holdsBack(instant: bigint, consoleEnd: bigint, nowUs: number): boolean {
    const lost = this.followers.all().some((follower) => follower.lost !== null);
    const oldest = this.commit.oldestUnackedUs();
    const boundMs = lost ? this.maxLagMs : Math.floor(this.maxLagMs / 4);
    if (oldest !== null && nowUs - oldest > boundMs * 1000) return true;
    if (consoleEnd - this.commit.consoleEnd > UNRELEASED_BYTES) return true;
    const limit = this.pacing.lagLimit();
    return this.followers
      .all()
      .some((follower) => follower.lost === null && !trailsOfNecessity(follower) && instant - follower.appliedInstant > limit);
  }

  /** Since when the oldest record waits for a synced backup's ack; null: none does. */
  get unackedSinceUs(): number | null {
    return this.oldestOfSynced(({ id }) => this.commit.oldestUnackedUs(id));
  }

  /** Since when the oldest record waits that a synced backup has not told to have executed; null: none does. */
  get untoldSinceUs(): number | null {
    return this.oldestOfSynced((follower) => this.oldestUnapplied(follower));
  }

  private oldestOfSynced(sinceUs: (follower: Follower) => number | null): number | null {
    let oldest: number | null = null;
    for (const follower of this.followers.all()) {
      const since = follower.stage === "synced" ? sinceUs(follower) : null;
      if (since !== null && (oldest === null || since < oldest)) oldest = since;
    }
    return oldest;
  }

  private oldestUnapplied({ appliedInstant }: Follower): number | null {
    return this.records[this.firstAfter(appliedInstant)]?.recordedUs ?? null;
  }

  /** Index of the first record that ends after `instant`. */
  private firstAfter(instant: bigint): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.records[middle] as Recorded).instant > instant) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
