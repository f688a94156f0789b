/**
 * The event stream: server-sent events over `fetch`, resumed by sequence number over every disconnect.
 *
 *     open --event--> open          the cursor moves with each event, bookmarks too
 *      |  stream ends, network error, silence, 502-504
 *      v
 *     wait --backoff--> open        with `after=<cursor>`
 *      |  410 event_cursor_expired
 *      v
 *     resync                        one `resync` item: list again, then go on from the oldest event that is held
 */
import type { Schemas } from "./client.ts";
import { EventCursorExpiredError, errorFromAnswer, ProtocolError, UnderstudyError } from "./errors.ts";
import { backoffMs } from "./retry.ts";
import { SseParser } from "./sse.ts";
import type { Transport } from "./transport.ts";
import { pause, STREAM_HEADER } from "./transport.ts";

/** One event, as the service numbered it. */
export interface UnderstudyEvent {
  readonly seq: string;
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly vmId?: string | null;
  readonly term?: string | number | null;
  readonly cause?: string | null;
  /** Who brought it about, by token or worker. */
  readonly actor?: { readonly type: string; readonly id?: string; readonly name?: string };
  readonly operationId?: string | null;
  readonly requestId?: string | null;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly [extension: string]: unknown;
}

/** Events are missing between the last item and the next one: read the state of what you follow again. */
export interface Resync {
  readonly type: "resync";
  readonly seq: string;
}

export interface WatchOptions {
  /** Event types; `vm.failover.*` stands for all that begin so. Default: all. */
  readonly types?: readonly string[];
  /** Id or name of a VM. */
  readonly vm?: string;
  /** Only of VMs that have such labels now: `env=prod,tier!=db`. */
  readonly labelSelector?: string;
  /** Only events behind this sequence number. Default: from now on. */
  readonly after?: string | bigint;
  readonly signal?: AbortSignal;
  /** Silence after which the connection is thought dead. The service sends a bookmark every 15 s. */
  readonly silenceTimeoutMs?: number;
  /** Called when a connection was lost and another one is tried. */
  readonly onReconnect?: (reason: string) => void;
}

export class Events {
  private readonly transport: Transport;
  private readonly backoff: { readonly baseMs: number; readonly capMs: number };

  constructor(transport: Transport, backoff: { readonly baseMs: number; readonly capMs: number }) {
    this.transport = transport;
    this.backoff = backoff;
  }

  /** What is held, from the oldest event or from behind `after` up to the present. */
  async *list(options: Omit<WatchOptions, "silenceTimeoutMs" | "onReconnect"> = {}): AsyncGenerator<UnderstudyEvent, void, undefined> {
    for (let cursor = options.after?.toString() ?? null; ; ) {
      const url = this.address(options, cursor);
      const response = await this.transport.send(
        new Request(url, { headers: { accept: "application/json" }, signal: options.signal ?? null }),
      );
      if (!response.ok) throw errorFromAnswer(url, response.status, await response.text(), response.headers.get("request-id"));
      const page = (await response.json()) as Schemas["EventPage"];
      yield* page.items;
      if (page.items.length === 0 || page.nextAfter === cursor) return;
      cursor = page.nextAfter;
    }
  }

  /** Ends when `signal` aborts or the loop is left, also while it waits; throws where the service refuses for good. */
  watch(options: WatchOptions = {}): AsyncGenerator<UnderstudyEvent | Resync, void, undefined> {
    const ended = new AbortController();
    const events = this.follow(options, ended);
    const leave = events.return.bind(events);
    // A generator by itself would first wait for the event that it is asked for.
    events.return = (value) => {
      ended.abort();
      return leave(value);
    };
    return events;
  }

  /** @param ended aborted where the caller wants no more; by this too, where `signal` says so */
  private async *follow(options: WatchOptions, ended: AbortController): AsyncGenerator<UnderstudyEvent | Resync, void, undefined> {
    const end = () => ended.abort();
    if (options.signal?.aborted === true) return;
    options.signal?.addEventListener("abort", end, { once: true });
    try {
      yield* this.reconnecting(options, ended.signal);
    } finally {
      options.signal?.removeEventListener("abort", end);
    }
  }

  private async *reconnecting(options: WatchOptions, ended: AbortSignal): AsyncGenerator<UnderstudyEvent | Resync, void, undefined> {
    let cursor = options.after === undefined ? null : options.after.toString();
    for (let attempt = 0; !ended.aborted; ) {
      const connection = new AbortController();
      const stop = () => connection.abort();
      ended.addEventListener("abort", stop, { once: true });
      let reason = "the stream ended";
      try {
        const body = await this.open(options, cursor, connection.signal);
        for await (const event of readEvents(body, options.silenceTimeoutMs ?? 45_000, connection.signal)) {
          attempt = 0;
          cursor = event.seq;
          if (event.type !== "bookmark") yield event;
        }
      } catch (error) {
        if (ended.aborted) return;
        if (error instanceof EventCursorExpiredError) {
          const oldest = String(error.problem?.oldest ?? "0");
          cursor = oldest === "0" ? "0" : (BigInt(oldest) - 1n).toString();
          yield { type: "resync", seq: cursor };
          continue;
        }
        if (error instanceof UnderstudyError && !("retryable" in error && error.retryable === true)) throw error;
        reason = error instanceof Error ? error.message : String(error);
      } finally {
        ended.removeEventListener("abort", stop);
        connection.abort();
      }
      if (ended.aborted) return;
      options.onReconnect?.(reason);
      await pause(backoffMs(this.backoff, attempt++, Math.random()), ended).catch(() => {});
    }
  }

  private async open(options: WatchOptions, cursor: string | null, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const url = this.address(options, cursor);
    const headers = { accept: "text/event-stream", [STREAM_HEADER]: "1" };
    const response = await this.transport.send(new Request(url, { headers, signal }));
    if (!response.ok || response.body === null) {
      throw errorFromAnswer(url, response.status, await response.text(), response.headers.get("request-id"));
    }
    const type = response.headers.get("content-type") ?? "none";
    if (!type.startsWith("text/event-stream"))
      throw new ProtocolError(`Cannot watch events of ${url}: the answer is ${type}, not text/event-stream`);
    return response.body;
  }

  private address(options: Pick<WatchOptions, "types" | "vm" | "labelSelector">, cursor: string | null): string {
    const url = new URL(`${this.transport.url}/v1/events`);
    if (options.types !== undefined && options.types.length > 0) url.searchParams.set("types", options.types.join(","));
    if (options.vm !== undefined) url.searchParams.set("vm", options.vm);
    if (options.labelSelector !== undefined) url.searchParams.set("labelSelector", options.labelSelector);
    if (cursor !== null) url.searchParams.set("after", cursor);
    return url.href;
  }
}

/** @param signal ends the reading by itself: the request's own link to it may have been collected with the request */
async function* readEvents(
  body: ReadableStream<Uint8Array>,
  silenceTimeoutMs: number,
  signal: AbortSignal,
): AsyncGenerator<UnderstudyEvent, void, undefined> {
  const parser = new SseParser();
  const reader = body.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  let silence: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      const silent = new Promise<never>((_resolve, reject) => {
        const error = new ProtocolError(`Cannot follow the events: nothing came for ${silenceTimeoutMs} ms`, { retryable: true });
        silence = setTimeout(() => reject(error), silenceTimeoutMs);
      });
      const { done, value } = await Promise.race([reader.read(), silent]);
      clearTimeout(silence);
      if (done) return;
      for (const message of parser.push(value)) {
        const event: unknown = JSON.parse(message.data);
        if (!isEvent(event)) throw new ProtocolError(`Cannot read an event: ${message.data.slice(0, 80)}`);
        yield event;
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
    clearTimeout(silence);
    await reader.cancel().catch(() => {});
  }
}

function isEvent(value: unknown): value is UnderstudyEvent {
  if (typeof value !== "object" || value === null) return false;
  const event = value as Record<string, unknown>;
  return typeof event.seq === "string" && typeof event.type === "string";
}
