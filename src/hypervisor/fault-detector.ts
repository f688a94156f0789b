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
 */
import type { ReplicaId } from "./messages.ts";

interface Watched {
  heardUs: number;
  /** How much of the silence since then is not the peer's. */
  excusedUs: number;
  timeoutUs: number;
}

export class FaultDetector {
  private readonly watched = new Map<ReplicaId, Watched>();

  /** Begins to watch a peer, or changes its time-out; being watched anew counts as a word. */
  watch(peer: ReplicaId, timeoutUs: number, nowUs: number): void {
    this.watched.set(peer, { heardUs: nowUs, excusedUs: 0, timeoutUs });
  }

  forget(peer: ReplicaId): void {
    this.watched.delete(peer);
  }

  heard(peer: ReplicaId, nowUs: number): void {
    const watched = this.watched.get(peer);
    if (watched === undefined) return;
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

function deadlineOf({ heardUs, excusedUs, timeoutUs }: Watched): number {
  return heardUs + excusedUs + timeoutUs + 1;
}
