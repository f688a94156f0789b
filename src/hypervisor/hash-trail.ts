/**
 * State hashes that went out with the log: when the next one is due, and up to where each backup is known to be equal.
 */
import type { EpochRecord, ReplicaId } from "./messages.ts";

const TICKS_PER_MS = 10_000n;

interface HashPoint {
  readonly epoch: bigint;
  readonly instant: bigint;
  readonly stateHash: bigint;
}

interface Compared {
  applied: bigint | null;
  lastEqualInstant: bigint | null;
}

export class HashTrail {
  private points: HashPoint[] = [];
  private readonly compared = new Map<ReplicaId, Compared>();
  private readonly intervalTicks: bigint;

  /** @param lastTime guest time from which the first interval counts */
  constructor(
    intervalMs: number,
    private lastTime: bigint,
  ) {
    this.intervalTicks = BigInt(intervalMs) * TICKS_PER_MS;
  }

  /** An epoch starts at guest time `time`: shall its end be hashed? Only where somebody compares. */
  due(time: bigint): boolean {
    if (this.intervalTicks === 0n || this.compared.size === 0 || time - this.lastTime < this.intervalTicks) return false;
    this.lastTime = time;
    return true;
  }

  /** A backup follows the log: at `instant` its state is the primary's, or it will not be verified. */
  follow(backup: ReplicaId, instant: bigint): void {
    this.compared.set(backup, { applied: null, lastEqualInstant: instant });
  }

  forget(backup: ReplicaId): void {
    this.compared.delete(backup);
    this.prune();
  }

  sent(record: EpochRecord): void {
    if (record.stateHash === null) return;
    this.points.push({ epoch: record.epoch, instant: record.endInstant, stateHash: record.stateHash });
  }

  /** A backup has executed `epoch`, so it found every hash up to there equal. */
  applied(backup: ReplicaId, epoch: bigint): void {
    const compared = this.compared.get(backup);
    if (compared === undefined) return;
    compared.applied = epoch;
    for (const { epoch: hashed, instant } of this.points) {
      if (hashed <= epoch && (compared.lastEqualInstant === null || instant > compared.lastEqualInstant))
        compared.lastEqualInstant = instant;
    }
    this.prune();
  }

  /** The hash that went out with this epoch's record. */
  expected(epoch: bigint): bigint | null {
    return this.points.find((point) => point.epoch === epoch)?.stateHash ?? null;
  }

  lastEqualInstant(backup: ReplicaId): bigint | null {
    return this.compared.get(backup)?.lastEqualInstant ?? null;
  }

  private prune(): void {
    this.points = this.points.filter((point) =>
      [...this.compared.values()].some(({ applied }) => applied === null || applied < point.epoch),
    );
  }
}
