/**
 * Invariant 5: with a slow or stopped backup nothing grows without limit: neither the part of the log that a verified backup has
 * not executed, nor the output that waits for acks.
 */
import { Violation } from "./violation.ts";

/**
 * The primary waits for a backup that trails by 20 ms of its own execution (EpochPacing). It looks at the end of an epoch, what it knows
 * of the backup is older than what is true, and a newcomer it lets be until it hears, over a link that may be slow, that its state is verified.
 */
const LAG_MS = 115;
const UNRELEASED_BYTES = 64 * 1024;

export class BoundedMemory {
  private readonly lagMax: number;
  /** What came while a backup verified its state, or before it went on with another primary: it cannot help having that much. */
  private readonly backlogs = new Map<string, number>();

  /** @param instructionsPerUs the fastest that any engine of the simulation is */
  constructor(instructionsPerUs: number) {
    this.lagMax = LAG_MS * 1000 * instructionsPerUs;
  }

  /** An epoch ended on a primary. */
  epochEnded(primary: string, instant: bigint, unreleasedBytes: number, epochBytes: number): void {
    if (unreleasedBytes - epochBytes > UNRELEASED_BYTES)
      throw new Violation("bounded memory", `${unreleasedBytes} bytes of ${primary} at instant ${instant} wait for acks`);
  }

  /** A backup goes on with a primary that was promoted. */
  resumed(backup: string): void {
    this.backlogs.delete(backup);
  }

  /** A record came to a backup that has its state. */
  recordHeld(backup: string, receivedInstant: bigint, executedInstant: bigint): void {
    const lag = Number(receivedInstant - executedInstant);
    const backlog = this.backlogs.get(backup) ?? lag;
    this.backlogs.set(backup, backlog);
    const bound = this.lagMax + backlog;
    if (lag > bound)
      throw new Violation("bounded memory", `${backup} holds ${lag} instructions of log that it has not executed, the bound is ${bound}`);
  }
}
