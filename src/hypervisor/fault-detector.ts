/**
 * Who has been silent for too long.
 *
 * A peer that says nothing for its time-out is suspected, nothing more: the arbiter decides. Whatever arrives counts as a
 * word, so a busy pair needs no heartbeats; an idle one exchanges one per interval, and the time-out spans three of them.
 * The check is made at the top of every step, with the clock of that very moment. So a process that was stopped suspects
 * its peers before it reads what they sent it meanwhile: it cannot know whether it was replaced, and must ask.
 */
import type { ReplicaId } from "./messages.ts";

interface Watched {
  heardUs: number;
  timeoutUs: number;
}

export class FaultDetector {
  private readonly watched = new Map<ReplicaId, Watched>();

  /** Begins to watch a peer, or changes its time-out; being watched anew counts as a word. */
  watch(peer: ReplicaId, timeoutUs: number, nowUs: number): void {
    this.watched.set(peer, { heardUs: nowUs, timeoutUs });
  }

  forget(peer: ReplicaId): void {
    this.watched.delete(peer);
  }

  heard(peer: ReplicaId, nowUs: number): void {
    const watched = this.watched.get(peer);
    if (watched !== undefined) watched.heardUs = nowUs;
  }

  lastHeardUs(peer: ReplicaId): number | null {
    return this.watched.get(peer)?.heardUs ?? null;
  }

  silent(nowUs: number): readonly ReplicaId[] {
    const silent: ReplicaId[] = [];
    for (const [peer, { heardUs, timeoutUs }] of this.watched) if (nowUs - heardUs > timeoutUs) silent.push(peer);
    return silent;
  }

  /** When the next peer becomes silent if nobody says anything; null: nobody is watched. */
  deadlineUs(): number | null {
    let deadline: number | null = null;
    for (const { heardUs, timeoutUs } of this.watched.values()) {
      const at = heardUs + timeoutUs + 1;
      if (deadline === null || at < deadline) deadline = at;
    }
    return deadline;
  }
}
