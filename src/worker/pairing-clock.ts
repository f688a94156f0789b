/**
 * Times one pairing as the primary's worker sees it.
 *
 *     ordered --captured…--> copying --last round--> paused --guest runs--> following --in the synced set--> measured
 */
import type { ReplicaId, ReplicaStatus } from "../hypervisor/messages.ts";
import type { PairingMeasurement } from "./replica-report.ts";

interface Pairing {
  readonly backup: ReplicaId;
  readonly orderedUs: number;
  bytes: number;
  pagesAtFirst: number | null;
  pagesLeft: number;
  pauseFromUs: number | null;
  pauseMs: number;
}

export class PairingClock {
  private current: Pairing | null = null;
  private guestStoppedUs: number;
  private measured: PairingMeasurement | null = null;

  constructor(private readonly nowUs: () => number) {
    this.guestStoppedUs = nowUs();
  }

  /** The newest pairing that succeeded. */
  get last(): PairingMeasurement | null {
    return this.measured;
  }

  /** 0..1 of the state that has been read; null: nothing yet. */
  get progress(): number | null {
    const { current } = this;
    if (current === null || current.pagesAtFirst === null) return null;
    return current.pagesAtFirst === 0 ? 1 : Math.min(1, Math.max(0, 1 - current.pagesLeft / current.pagesAtFirst));
  }

  ordered(backup: ReplicaId): void {
    if (this.current?.backup === backup) return;
    this.current = { backup, orderedUs: this.nowUs(), bytes: 0, pagesAtFirst: null, pagesLeft: 0, pauseFromUs: null, pauseMs: 0 };
  }

  guestStops(): void {
    this.guestStoppedUs = this.nowUs();
  }

  /** The last capture begins. A busy guest stands still since its epoch ended; one that waits loses nothing before now. */
  lastRound(waiting: boolean): void {
    if (this.current !== null) this.current.pauseFromUs = waiting ? this.nowUs() : this.guestStoppedUs;
  }

  captured(bytes: number, pagesLeft: number): void {
    if (this.current === null) return;
    this.current.bytes += bytes;
    this.current.pagesAtFirst ??= pagesLeft;
    this.current.pagesLeft = pagesLeft;
  }

  /** The guest goes on, or, where it waits, could go on. */
  guestRuns(): void {
    const { current } = this;
    if (current === null || current.pauseFromUs === null) return;
    current.pauseMs = (this.nowUs() - current.pauseFromUs) / 1000;
    current.pauseFromUs = null;
  }

  statusChanged(status: ReplicaStatus): void {
    const { current } = this;
    if (current === null || status.role !== "primary" || !status.synced.includes(current.backup)) return;
    this.measured = {
      backup: current.backup,
      totalMs: (this.nowUs() - current.orderedUs) / 1000,
      pauseMs: current.pauseMs,
      bytes: BigInt(current.bytes),
    };
    this.current = null;
  }
}
