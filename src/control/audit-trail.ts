/**
 * Writes the audit log: what came of each call, many calls at a time, so that no call waits for it.
 *
 *     answered --queued--> (auditDelayMs) --one statement--> completed
 *                 '-- the database is away: kept, up to a bound, and tried again
 *
 * A call that writes has begun its entry in its own transaction. Where its control plane is lost before the end of that, the leader
 * completes it, without an answer.
 */
import type { FastifyBaseLogger } from "fastify";
import type { Database } from "./db/database.ts";
import type { Presence } from "./db/presence.ts";
import { type CompletedCall, completeAuditEntries, giveUpAuditEntries } from "./db/queries/audit-log.ts";
import { isDatabaseUnavailable } from "./db/unavailable.ts";
import type { ApiCall, CallOutcome } from "./domain/api-call.ts";
import type { ControlSettings } from "./settings.ts";

/** Entries that one statement writes. */
const BATCH_MAX = 500;
/** While the database is away; the oldest beyond that are dropped, and counted. */
const QUEUE_MAX = 20_000;
const RETRY_MS = 1000;
const SWEEP_MS = 10_000;

export interface AuditTrailOptions {
  readonly database: Database;
  readonly presence: Pick<Presence, "instance" | "present" | "isLeader">;
  readonly settings: Pick<ControlSettings, "auditDelayMs" | "auditAbandonedMs">;
  readonly log: FastifyBaseLogger;
}

export class AuditTrail {
  private readonly options: AuditTrailOptions;
  private readonly queue: CompletedCall[] = [];
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> | null = null;
  private droppedCalls = 0;
  private readonly sweeper: NodeJS.Timeout;

  constructor(options: AuditTrailOptions) {
    this.options = options;
    this.sweeper = setInterval(() => void this.sweep(), SWEEP_MS);
    this.sweeper.unref();
  }

  /** Entries that were dropped because the database was away for too long. */
  get dropped(): number {
    return this.droppedCalls;
  }

  complete(call: ApiCall, outcome: CallOutcome): void {
    this.queue.push({ call, outcome });
    if (this.queue.length > QUEUE_MAX) {
      this.queue.shift();
      if (this.droppedCalls++ === 0) this.options.log.error("the audit log cannot be written for so long that entries are dropped");
    }
    if (this.writing === null) this.timer ??= setTimeout(() => void this.flush(), this.options.settings.auditDelayMs);
  }

  /** Resolves when everything that was completed before is written, or cannot be now. */
  async flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    // What was queued while others wrote is written next.
    await this.writing;
    this.writing ??= this.write().finally(() => {
      this.writing = null;
    });
    await this.writing;
  }

  /** Completes the calls of control planes that are gone; only the leader does. */
  async sweep(): Promise<void> {
    const { database, presence, settings, log } = this.options;
    if (!presence.isLeader) return;
    try {
      const lost = await giveUpAuditEntries(database, await presence.present(), settings.auditAbandonedMs);
      if (lost > 0) log.warn({ calls: lost }, "completed the audit entries of calls whose control plane is gone");
    } catch (error) {
      if (!isDatabaseUnavailable(error)) log.error({ err: error }, "the audit log was not swept");
    }
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper);
    await this.flush();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.queue.length > 0) this.options.log.error({ calls: this.queue.length }, "the audit entries of the last calls are not written");
  }

  private async write(): Promise<void> {
    const { database, presence, log } = this.options;
    while (this.queue.length > 0) {
      const batch = this.queue.slice(0, BATCH_MAX);
      try {
        await completeAuditEntries(database.db, batch, presence.instance);
        const written = new Set(batch);
        // The front may have been dropped meanwhile.
        while (this.queue[0] !== undefined && written.has(this.queue[0])) this.queue.shift();
      } catch (error) {
        if (!isDatabaseUnavailable(error)) log.error({ err: error }, "the audit log was not written: trying again");
        this.timer ??= setTimeout(() => void this.flush(), RETRY_MS);
        return;
      }
    }
  }
}
