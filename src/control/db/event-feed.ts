/**
 * Says "there is something new" after each commit of events, by this process or another.
 *
 * LISTEN on a connection of its own. What is lost while that is down is made up for: a listener is always called again
 * once it is back, and reads the table from its own cursor.
 */
import type pg from "pg";
import type { Database } from "./database.ts";

const RECONNECT_MS = 500;

export class EventFeed {
  private readonly listeners = new Set<() => void>();
  private client: pg.Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;
  private readonly stopLocal: () => void;
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
    this.stopLocal = database.onCommitted(() => this.wake());
  }

  async start(): Promise<void> {
    await this.connect();
  }

  onNews(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves at the next news, after `timeoutMs`, or when `signal` says so. */
  next(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stop();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      const stop = this.onNews(done);
      signal?.addEventListener("abort", done);
      if (signal?.aborted) done();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.stopLocal();
    if (this.retry !== null) clearTimeout(this.retry);
    const client = this.client;
    this.client = null;
    this.wake();
    await client?.end().catch(() => undefined);
  }

  /** Has every listener look again. */
  wake(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private async connect(): Promise<void> {
    if (this.closed) return;
    const client = this.database.newClient({ application_name: "understudy-event-feed" });
    client.on("error", () => this.reconnectLater(client));
    client.on("end", () => this.reconnectLater(client));
    client.on("notification", () => this.wake());
    this.client = client;
    try {
      await client.connect();
      await client.query("LISTEN understudy_events");
      this.wake();
    } catch {
      this.reconnectLater(client);
    }
  }

  private reconnectLater(client: pg.Client): void {
    if (this.client !== client || this.closed) return;
    this.client = null;
    client.end().catch(() => undefined);
    this.retry = setTimeout(() => void this.connect(), RECONNECT_MS);
  }
}
