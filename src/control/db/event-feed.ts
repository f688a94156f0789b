/**
 * Says "there is something new" after each commit of events, by this process or another.
 *
 * LISTEN on a connection of its own. What is lost while that is down is made up for: a listener is always called again
 * once it is back, and reads the table from its own cursor.
 *
 * Who waits for one VM or one operation is woken by events about that alone: those of this process as they are committed, those of
 * others as `ForeignEvents` reads them.
 */
import type pg from "pg";
import type { EventDraft } from "../domain/events.ts";
import type { Database } from "./database.ts";

const EVENTS = "understudy_events";
const RECONNECT_MS = 500;

export class EventFeed {
  private readonly listeners = new Set<() => void>();
  /** By the id of a VM or an operation. */
  private readonly waiters = new Map<string, Set<() => void>>();
  /** By channel, beside that of the events: who hears what is said there. */
  private readonly channels = new Map<string, (payload: string) => void>();
  private client: pg.Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;
  private readonly stopLocal: () => void;
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
    this.stopLocal = database.onCommitted((events) => {
      this.heard(events);
      this.tellListeners();
    });
  }

  async start(): Promise<void> {
    await this.connect();
  }

  /** Before the start. What is said while the connection is down is lost. */
  hear(channel: string, listener: (payload: string) => void): void {
    this.channels.set(channel, listener);
  }

  onNews(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves at the next news, after `timeoutMs`, or when `signal` says so. */
  next(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return woken((wake) => this.onNews(wake), timeoutMs, signal);
  }

  /** As `next`, and woken by events about that VM or operation alone. Ask before you read: what is committed from here on wakes. */
  nextAbout(id: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return woken((wake) => this.onEventsAbout(id, wake), timeoutMs, signal);
  }

  /** Events that were committed, here or elsewhere: wakes who waits for one of them. */
  heard(events: readonly EventDraft[]): void {
    if (this.waiters.size === 0) return;
    const about = new Set(events.flatMap(({ vmId, operationId }) => [vmId ?? "", operationId ?? ""]));
    for (const id of about) for (const wake of [...(this.waiters.get(id) ?? [])]) wake();
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

  /** Has everybody look again. */
  wake(): void {
    this.tellListeners();
    for (const waiters of [...this.waiters.values()]) for (const wake of [...waiters]) wake();
  }

  private tellListeners(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private onEventsAbout(id: string, wake: () => void): () => void {
    const waiters = this.waiters.get(id) ?? new Set();
    this.waiters.set(id, waiters.add(wake));
    return () => {
      waiters.delete(wake);
      if (waiters.size === 0 && this.waiters.get(id) === waiters) this.waiters.delete(id);
    };
  }

  private async connect(): Promise<void> {
    if (this.closed) return;
    const client = this.database.newClient({ application_name: "understudy-event-feed" });
    client.on("error", () => this.reconnectLater(client));
    client.on("end", () => this.reconnectLater(client));
    client.on("notification", ({ channel, payload = "" }) => {
      if (channel === EVENTS) this.tellListeners();
      else this.channels.get(channel)?.(payload);
    });
    this.client = client;
    try {
      await client.connect();
      for (const channel of [EVENTS, ...this.channels.keys()]) await client.query(`LISTEN ${channel}`);
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

/** Resolves when it is woken, after `timeoutMs`, or when `signal` says so. */
function woken(subscribe: (wake: () => void) => () => void, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    const stop = subscribe(done);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
