/**
 * What other control planes on the same database have committed: their events, once each and in order. Those of this process are
 * told to whoever asks by `Database.onCommitted`, sooner and without the database.
 */
import type { EventDraft } from "../domain/events.ts";
import type { Database } from "./database.ts";
import type { EventFeed } from "./event-feed.ts";
import { readEventBounds, readEvents } from "./queries/read-events.ts";

const PAGE = 500;
const RETRY_MS = 500;

export class ForeignEvents {
  private cursor: bigint | null = null;
  private reading: Promise<void> | null = null;
  private again = false;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;
  private stopListening: () => void = () => undefined;

  /** @param onEvents called with each page of them */
  constructor(
    private readonly database: Database,
    private readonly feed: EventFeed,
    private readonly onEvents: (events: readonly EventDraft[]) => void,
  ) {}

  /** From the newest event there is now. */
  async start(): Promise<void> {
    this.cursor = (await readEventBounds(this.database.db)).newest;
    this.stopListening = this.feed.onNews(() => this.look());
    this.look();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.stopListening();
    clearTimeout(this.retry);
    await this.reading;
  }

  private look(): void {
    this.again = true;
    this.reading ??= this.read().finally(() => {
      this.reading = null;
    });
  }

  private async read(): Promise<void> {
    while (this.again && !this.closed) {
      this.again = false;
      try {
        const events = await readEvents(this.database.db, { vmId: null, types: [], labels: [] }, this.cursor ?? 0n, PAGE);
        this.cursor = events.at(-1)?.seq ?? this.cursor;
        const foreign = events.filter(({ id }) => !this.database.wrote(id));
        if (foreign.length > 0 && !this.closed)
          this.onEvents(foreign.map((row) => ({ ...row, cause: row.cause ?? "", data: row.data as EventDraft["data"] & {} })));
        if (events.length === PAGE) this.again = true;
      } catch {
        // The feed may have nothing new to say: who waits for one of these events is not kept waiting.
        clearTimeout(this.retry);
        if (!this.closed) this.retry = setTimeout(() => this.look(), RETRY_MS);
        return;
      }
    }
  }
}
