/**
 * Invariant 5: with a slow or stopped backup nothing grows without limit: neither the part of the log that a verified backup has
 * not executed, nor the output that waits for acks.
 */
import { Violation } from "./violation.ts";

/** The primary waits for a backup that trails by 100 ms of its execution (EpochPacing), and notices at the end of an epoch. */
const LAG_MS = 100;
/** What may have been on its way in both directions when the primary looked, and jitter of the measured speed. */
const SLACK = 2;
const UNRELEASED_BYTES = 64 * 1024;

export class BoundedMemory {
  /** @param instructionsPerUs the fastest that any engine of the simulation is */
  constructor(
    private readonly maxLagMs: number,
    private readonly instructionsPerUs: number,
  ) {}

  /** An epoch ended on a primary. */
  epochEnded(primary: string, instant: bigint, unreleasedBytes: number, epochBytes: number): void {
    if (unreleasedBytes - epochBytes > UNRELEASED_BYTES)
      throw new Violation("bounded memory", `${unreleasedBytes} bytes of ${primary} at instant ${instant} wait for acks`);
  }

  /** A record came to a backup that has its state. */
  recordHeld(backup: string, receivedInstant: bigint, executedInstant: bigint): void {
    const lag = Number(receivedInstant - executedInstant);
    const bound = SLACK * (LAG_MS + this.maxLagMs) * 1000 * this.instructionsPerUs;
    if (lag > bound)
      throw new Violation("bounded memory", `${backup} holds ${lag} instructions of log that it has not executed, the bound is ${bound}`);
  }
}
