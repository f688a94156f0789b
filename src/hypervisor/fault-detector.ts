/**
 * Who has been silent for too long.
 *
 * A peer that says nothing for its time-out is suspected, nothing more: the arbiter decides. Whatever arrives counts as a
 * word, so a busy pair needs no heartbeats; an idle one exchanges one per interval, and the time-out spans three of them.
 * The check is made when the `silence` timer fires, and whoever drives a replica gives it what its channels hold before that. So a
 * process that could not run for a while, stopped or starved, does not take its own silence for its peers': if they are
 * there it hears them first, and if they have gone on without it, that their channels are closed. What it lets out on
 * the word of an ack that it finds is what its successor has too. For the same reason a primary that sends later than it should
 * gives its backups, who speak when they are spoken to, so much more time.
 *
 * A host that has more to do than it can lets a healthy peer wait for a processor, and a time-out that is right for an idle one would fail
 * over again and again. So a peer that was late lately is given twice as long as that: its time-out is the least, and four of it the most.
 */
import type { ReplicaId } from "./messages.ts";

/** How much longer than it was ever silent lately a peer may be. */
const LATENESS_FACTOR = 2;
/** So many time-outs are the longest that a peer that is late may be silent. */
const TIMEOUTS_MAX = 4;
/** What a peer did in this time and the one before is lately. */
const LATELY_US = 60_000_000;

interface Watched {
  heardUs: number;
  /** How much of the silence since then is not the peer's. */
  excusedUs: number;
  timeoutUs: number;
  /** The longest silence that it broke by itself since `sinceUs`, and in the time before. */
  longestUs: number;
  longestBeforeUs: number;
  sinceUs: number;
}

export class FaultDetector {
  private readonly watched = new Map<ReplicaId, Watched>();

  /** Begins to watch a peer, or changes its time-out; being watched anew counts as a word, and how late it was is forgotten. */
  watch(peer: ReplicaId, timeoutUs: number, nowUs: number): void {
    this.watched.set(peer, { heardUs: nowUs, excusedUs: 0, timeoutUs, longestUs: 0, longestBeforeUs: 0, sinceUs: nowUs });
  }

  forget(peer: ReplicaId): void {
    this.watched.delete(peer);
  }

  heard(peer: ReplicaId, nowUs: number): void {
    const watched = this.watched.get(peer);
    if (watched === undefined) return;
    if (nowUs - watched.sinceUs >= LATELY_US) {
      watched.longestBeforeUs = nowUs - watched.sinceUs < 2 * LATELY_US ? watched.longestUs : 0;
      watched.longestUs = 0;
      watched.sinceUs = nowUs;
    }
    watched.longestUs = Math.max(watched.longestUs, nowUs - watched.heardUs - watched.excusedUs);
    watched.heardUs = nowUs;
    watched.excusedUs = 0;
  }

  /** What the peer answers was sent to it so much too late. */
  excuse(peer: ReplicaId, lateUs: number): void {
    const watched = this.watched.get(peer);
    if (watched !== undefined) watched.excusedUs += lateUs;
  }

  lastHeardUs(peer: ReplicaId): number | null {
    return this.watched.get(peer)?.heardUs ?? null;
  }

  silent(nowUs: number): readonly ReplicaId[] {
    const silent: ReplicaId[] = [];
    for (const [peer, watched] of this.watched) if (nowUs >= deadlineOf(watched)) silent.push(peer);
    return silent;
  }

  /** When the next peer becomes silent if nobody says anything; null: nobody is watched. */
  deadlineUs(): number | null {
    let deadline: number | null = null;
    for (const watched of this.watched.values()) {
      const at = deadlineOf(watched);
      if (deadline === null || at < deadline) deadline = at;
    }
    return deadline;
  }
}

function deadlineOf({ heardUs, excusedUs, timeoutUs, longestUs, longestBeforeUs }: Watched): number {
  const lateUs = LATENESS_FACTOR * Math.max(longestUs, longestBeforeUs);
  return heardUs + excusedUs + Math.min(Math.max(timeoutUs, lateUs), TIMEOUTS_MAX * timeoutUs) + 1;
}
