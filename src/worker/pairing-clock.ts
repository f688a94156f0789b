/**
 * Times pairings as the primary's worker sees them, each by itself, and says how far each state transfer has come.
 *
 *     ordered --captured…--> copying --last round--> paused --guest runs--> following --in the synced set--> measured
 *        '------------- dropped, or its channel closed: forgotten -------------'
 */
import type { ReplicaId, ReplicaStatus } from "../hypervisor/messages.ts";
import type { PairingMeasurement, TransferProgress } from "./replica-report.ts";

interface Pairing {
  readonly orderedUs: number;
  bytes: number;
  sentBytes: number;
  round: number;
  pagesAtFirst: number | null;
  pagesLeft: number;
  pauseFromUs: number | null;
  pauseMs: number;
}

export class PairingClock {
  private readonly pairings = new Map<ReplicaId, Pairing>();
  private guestStoppedUs: number;
  private measured: PairingMeasurement | null = null;

  constructor(private readonly nowUs: () => number) {
    this.guestStoppedUs = nowUs();
  }

  /** The newest pairing that succeeded. */
  get last(): PairingMeasurement | null {
    return this.measured;
  }

  /** How far the state transfer to this backup has come; null: none has begun. */
  transferTo(backup: ReplicaId): TransferProgress | null {
    const pairing = this.pairings.get(backup);
    if (pairing === undefined || pairing.pagesAtFirst === null) return null;
    const { round, bytes, sentBytes, pagesLeft } = pairing;
    return { backup, round, stateBytes: bytes, sentBytes, remainingPages: pagesLeft, progress: progressOf(pairing) };
  }

  ordered(backup: ReplicaId): void {
    if (this.pairings.has(backup)) return;
    this.pairings.set(backup, {
      orderedUs: this.nowUs(),
      bytes: 0,
      sentBytes: 0,
      round: 1,
      pagesAtFirst: null,
      pagesLeft: 0,
      pauseFromUs: null,
      pauseMs: 0,
    });
  }

  forget(backup: ReplicaId): void {
    this.pairings.delete(backup);
  }

  guestStops(): void {
    this.guestStoppedUs = this.nowUs();
  }

  /** The last capture begins. A busy guest stands still since its epoch ended; one that waits loses nothing before now. */
  lastRound(backup: ReplicaId, waiting: boolean): void {
    const pairing = this.pairings.get(backup);
    if (pairing !== undefined) pairing.pauseFromUs = waiting ? this.nowUs() : this.guestStoppedUs;
  }

  /** @returns true where it has come a good deal further: to the next quarter, or to another round */
  captured(backup: ReplicaId, captured: { readonly bytes: number; readonly round: number; readonly pagesLeft: number }): boolean {
    const pairing = this.pairings.get(backup);
    if (pairing === undefined) return false;
    const before = milestoneOf(pairing);
    pairing.bytes += captured.bytes;
    pairing.round = captured.round;
    pairing.pagesAtFirst ??= captured.pagesLeft;
    pairing.pagesLeft = captured.pagesLeft;
    return milestoneOf(pairing) !== before;
  }

  /** Bytes of state that have been sent to it, compressed. */
  sent(backup: ReplicaId, bytes: number): void {
    const pairing = this.pairings.get(backup);
    if (pairing !== undefined) pairing.sentBytes = bytes;
  }

  /** The guest goes on, or, where it waits, could go on. */
  guestRuns(): void {
    for (const pairing of this.pairings.values()) {
      if (pairing.pauseFromUs === null) continue;
      pairing.pauseMs = (this.nowUs() - pairing.pauseFromUs) / 1000;
      pairing.pauseFromUs = null;
    }
  }

  statusChanged(status: ReplicaStatus): void {
    if (status.role !== "primary") return;
    for (const [backup, { orderedUs, pauseMs, round, bytes, sentBytes }] of this.pairings) {
      if (!status.synced.includes(backup)) continue;
      const totalMs = (this.nowUs() - orderedUs) / 1000;
      this.measured = { backup, totalMs, pauseMs, rounds: round, bytes: BigInt(bytes), sentBytes: BigInt(sentBytes) };
      this.pairings.delete(backup);
    }
  }
}

/** 0..1; a guest that writes can take it back. */
function progressOf({ pagesAtFirst, pagesLeft }: Pairing): number {
  if (pagesAtFirst === null) return 0;
  return pagesAtFirst === 0 ? 1 : Math.min(1, Math.max(0, 1 - pagesLeft / pagesAtFirst));
}

function milestoneOf(pairing: Pairing): string {
  return `${pairing.pagesAtFirst === null} ${pairing.round} ${Math.floor(4 * progressOf(pairing))}`;
}
