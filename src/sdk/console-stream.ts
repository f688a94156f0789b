/**
 * A console that is attached: output as an async iterator that gives each byte once, input that is acknowledged.
 *
 *     connecting --hello--> open --socket lost, or closed with a code to return on--> waiting
 *         ^  |                |                                                          |
 *         |  '-- refused -----|-- close(), deleted, refused for good --> closed          |
 *         '------------------------------------ backoff over --------------------------- '
 *
 * Over `waiting` nothing is lost: the next connection asks for output from the first byte that is missing, and sends every
 * input byte that was not acknowledged again. After `reconnectTimeoutMs` without a connection it closes with the reason.
 */
import { assert } from "../base/assert.ts";
import { contentLength, decodeConsoleFrame, encodeConsoleFrame, type InputContent, TERMINAL_SIZE_MAX } from "../wire/console-frames.ts";
import type { Durability, WriteReceipt } from "./console-session.ts";
import { ConsoleSession } from "./console-session.ts";
import type { ClientError } from "./errors.ts";
import { ConnectionError, ConsoleClosedError, ConsoleGapError, errorFromProblem, ProtocolError } from "./errors.ts";
import type { Backoff } from "./retry.ts";
import { backoffMs } from "./retry.ts";
import type { OpenSocket, Socket, SocketListener } from "./socket.ts";

const CONSOLE_SUBPROTOCOL = "understudy.console.v1";

/** Output bytes that may be on their way or unread. */
const WINDOW_BYTES = 256 * 1024;
/** The service is told of consumption each time this much was read. */
const ACK_EVERY_BYTES = 64 * 1024;
/** Input bytes that may be sent and not acknowledged. */
const INPUT_IN_FLIGHT_BYTES = 16 * 1024;
/** What closes a console for good, where the reason does not begin with an error code. */
const CLOSE_CODES = {
  4401: "unauthenticated",
  4403: "scope_missing",
  4404: "vm_not_found",
  4410: "vm_deleted",
  4429: "quota_exceeded",
} as const;
/** Connections in a row that end in a contradiction, with no byte gained, before it is called an error. */
const CONTRADICTIONS_MAX = 5;
/** Time that the very first connection may take where nobody answers: the service is probably not there. */
const FIRST_CONNECTION_MS = 5_000;
/** A connection that lasted this long was a good one: the next is tried at once. */
const GOOD_CONNECTION_MS = 1_000;

/** One piece of output. */
export interface ConsoleChunk {
  /** Of `data[0]` in the VM's output since its creation. */
  readonly offset: bigint;
  readonly data: Uint8Array;
  /** The VM's term when the service sent it, low 32 bits. */
  readonly term: number;
}

export interface ConsoleGap {
  readonly requested: bigint;
  readonly resumedAt: bigint;
  readonly reason: string;
}

export interface ConsoleHello {
  readonly vmId: string;
  readonly state: string;
  readonly term: bigint;
  readonly outOldest: bigint;
  readonly outEnd: bigint;
  readonly from: bigint;
  readonly inputSession: string | null;
  readonly inputNext: bigint;
  readonly writer: string | null;
}

/** A failover happened, or another change of term; the stream goes on. */
export interface ConsoleTerm {
  readonly term: bigint;
  readonly cause: string | null;
  readonly outOffset: bigint | null;
  /** As the service measured it; null: unknown. */
  readonly gapMs: number | null;
}

export interface ConsoleEvents {
  connected: ConsoleHello;
  /** The connection was lost and another one is tried. */
  reconnecting: { readonly reason: string; readonly attempt: number; readonly delayMs: number };
  term: ConsoleTerm;
  gap: ConsoleGap;
  state: { readonly state: string };
  protection: { readonly state: string; readonly reason: string | null };
  writer: { readonly writer: string | null; readonly by: string | null };
  ack: { readonly inputNext: bigint; readonly durability: Durability };
}

export interface AttachOptions {
  /** Default `read`. */
  readonly mode?: "read" | "write";
  /** Offset of the first byte wanted. Default `start`: everything since the VM's creation that is still held. */
  readonly from?: bigint | "start" | "end" | `tail:${number}`;
  /** UUID; name the one of an earlier attachment to go on with its input. Default: a new one. */
  readonly inputSession?: string;
  /** Take the right to write from whoever has it. */
  readonly takeover?: boolean;
  /**
   * What happens where the service has trimmed bytes that were not read yet. `throw` (default): the iterator throws
   * `ConsoleGapError` once, in stream order, and the next read goes on behind the gap. `continue`: only the event `gap`.
   */
  readonly onGap?: "throw" | "continue";
  /** Time without a connection after which the console closes with the reason. Default 60 s. */
  readonly reconnectTimeoutMs?: number;
  /** Aborting closes the console. */
  readonly signal?: AbortSignal;
}

export interface ConsoleDependencies {
  readonly vm: string;
  /** Base URL of the API, `http:` or `https:`. */
  readonly url: string;
  readonly token: () => Promise<string | null>;
  readonly open: OpenSocket;
  readonly backoff: Backoff;
}

type QueueItem = { readonly kind: "chunk"; readonly chunk: ConsoleChunk } | { readonly kind: "gap"; readonly gap: ConsoleGap };

type State = "connecting" | "open" | "waiting" | "closed";

interface Reader {
  readonly resolve: (result: IteratorResult<ConsoleChunk, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export class ConsoleStream implements AsyncIterableIterator<ConsoleChunk, undefined> {
  readonly inputSession: string;
  readonly mode: "read" | "write";
  private readonly session = new ConsoleSession();
  private readonly dependencies: ConsoleDependencies;
  private readonly options: AttachOptions;
  private readonly listeners = new Map<keyof ConsoleEvents, Set<(event: never) => void>>();
  private readonly ready: Promise<void>;
  private settleReady: { resolve: () => void; reject: (error: unknown) => void } | null = null;
  private state: State = "connecting";
  private socket: Socket | null = null;
  /** Events of older connections are ignored by number. */
  private connection = 0;
  private attempt = 0;
  private contradictions = 0;
  private connectedOnce = false;
  /** Another session has taken the right to write. */
  private demoted = false;
  private lostAtMs: number;
  private openedAtMs = 0;
  /** This connection has brought a byte or an acknowledgement. */
  private progressed = false;
  private lastSignMs = 0;
  private heartbeat: ReturnType<typeof setInterval> | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private queue: QueueItem[] = [];
  private queuedBytes = 0;
  private readers: Reader[] = [];
  /** Everything below was given to the reader. */
  private consumed = 0n;
  /** What the service was told last on this connection. */
  private toldConsumed = 0n;
  private connectionFrom = 0n;
  private failure: unknown = null;
  private helloReceived: ConsoleHello | null = null;

  private constructor(dependencies: ConsoleDependencies, options: AttachOptions) {
    this.dependencies = dependencies;
    this.options = options;
    this.mode = options.mode ?? "read";
    this.inputSession = options.inputSession ?? crypto.randomUUID();
    this.lostAtMs = performance.now();
    this.ready = new Promise((resolve, reject) => {
      this.settleReady = { resolve, reject };
    });
  }

  /** @throws the service's refusal, or `ConnectionError` where there is none within `reconnectTimeoutMs` */
  static async attach(dependencies: ConsoleDependencies, options: AttachOptions = {}): Promise<ConsoleStream> {
    options.signal?.throwIfAborted();
    const stream = new ConsoleStream(dependencies, options);
    options.signal?.addEventListener("abort", () => stream.finish(null), { once: true });
    stream.connect();
    await stream.ready;
    return stream;
  }

  /** What the service said when the present connection began. */
  get hello(): ConsoleHello {
    assert(this.helloReceived !== null, "attach gives the console out after the first hello");
    return this.helloReceived;
  }

  /** Offset of the next byte that the iterator gives. */
  get offset(): bigint {
    return this.consumed;
  }

  get closed(): boolean {
    return this.state === "closed";
  }

  /** @returns a function that ends the subscription */
  on<K extends keyof ConsoleEvents>(name: K, listener: (event: ConsoleEvents[K]) => void): () => void {
    const set = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, set);
    set.add(listener as (event: never) => void);
    return () => void set.delete(listener as (event: never) => void);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Leaving a `for await` does not close the console: a later loop goes on where this one stopped. */
  async return(): Promise<IteratorResult<ConsoleChunk, undefined>> {
    return { done: true, value: undefined };
  }

  next(): Promise<IteratorResult<ConsoleChunk, undefined>> {
    const item = this.queue.shift();
    if (item !== undefined) return this.deliver(item);
    if (this.state === "closed") {
      return this.failure === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(this.failure);
    }
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
  }

  /**
   * Types `data` at the guest. Writes take effect in the order of the calls.
   *
   * @returns once every byte is acknowledged, over any number of reconnections and failovers
   */
  write(data: string | Uint8Array): Promise<WriteReceipt> {
    return this.send(typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /**
   * Says what size the terminal has, in characters, 1..65535 each; in its place among the writes, and as durable as they are. A program
   * on the guest's `hvc0` is told (SIGWINCH); `ttyS0` has the size that the guest gives it, as our image does.
   *
   * @returns once it is acknowledged; it takes one offset of the input session
   */
  async resize(cols: number, rows: number): Promise<WriteReceipt> {
    for (const length of [cols, rows]) {
      if (!Number.isInteger(length) || length < 1 || length > TERMINAL_SIZE_MAX)
        throw new TypeError(`Cannot make the terminal ${cols} by ${rows}: columns and rows are whole numbers of 1 to ${TERMINAL_SIZE_MAX}`);
    }
    return this.send({ cols, rows });
  }

  private send(content: InputContent): Promise<WriteReceipt> {
    if (this.mode !== "write") return Promise.reject(new TypeError('Cannot write to this console: it was attached with mode "read"'));
    if (this.demoted) return Promise.reject(writerTaken(null));
    if (this.state === "closed") return Promise.reject(this.failure ?? new ConsoleClosedError("Cannot write: the console is closed"));
    if (contentLength(content) === 0) return Promise.resolve({ durability: "replicated", inputNext: this.session.inputEnd });
    const receipt = this.session.write(content);
    this.flushInput();
    return receipt;
  }

  /** Ends the attachment; the VM goes on. Output that was received can still be read, writes that wait are refused. */
  close(): void {
    this.finish(null);
  }

  private emit<K extends keyof ConsoleEvents>(name: K, event: ConsoleEvents[K]): void {
    for (const listener of this.listeners.get(name) ?? []) (listener as (event: ConsoleEvents[K]) => void)(event);
  }

  // ---- output

  private deliver(item: QueueItem): Promise<IteratorResult<ConsoleChunk, undefined>> {
    if (item.kind === "gap") {
      this.consumed = item.gap.resumedAt;
      this.emit("gap", item.gap);
      if (this.options.onGap === "continue") return this.next();
      return Promise.reject(new ConsoleGapError(item.gap.requested, item.gap.resumedAt));
    }
    const { chunk } = item;
    this.queuedBytes -= chunk.data.length;
    this.consumed = chunk.offset + BigInt(chunk.data.length);
    if (this.state === "open" && this.consumed - this.toldConsumed >= BigInt(ACK_EVERY_BYTES)) this.tellConsumed();
    return Promise.resolve({ done: false, value: chunk });
  }

  private push(item: QueueItem): void {
    if (item.kind === "chunk") this.queuedBytes += item.chunk.data.length;
    this.queue.push(item);
    const reader = this.readers.shift();
    if (reader !== undefined) this.next().then(reader.resolve, reader.reject);
  }

  /** The window always ends at `consumed + WINDOW_BYTES`, also where this connection began beyond `consumed`. */
  private tellConsumed(): void {
    // The service does not take an ACK below where the connection began.
    const below = this.connectionFrom - this.consumed;
    const offset = below > 0n ? this.connectionFrom : this.consumed;
    const window = below > 0n ? Math.max(0, WINDOW_BYTES - Number(below)) : WINDOW_BYTES;
    this.toldConsumed = this.consumed;
    this.socket?.sendBinary(encodeConsoleFrame({ type: "ack", offset, window }));
  }

  /** Output that nobody read for long is given back: the service still has it, and it is asked for again. */
  private giveBackUnread(): void {
    let keep = this.queue.length;
    while (keep > 0 && this.queue[keep - 1]?.kind === "chunk") keep--;
    const first = this.queue[keep];
    if (first?.kind !== "chunk") return;
    this.session.next = first.chunk.offset;
    for (const item of this.queue.splice(keep)) if (item.kind === "chunk") this.queuedBytes -= item.chunk.data.length;
  }

  // ---- input

  private flushInput(): void {
    if (this.state !== "open") return;
    for (let piece = this.session.takeInput(INPUT_IN_FLIGHT_BYTES); piece !== null; piece = this.session.takeInput(INPUT_IN_FLIGHT_BYTES)) {
      const { offset, content } = piece;
      if (content instanceof Uint8Array) this.socket?.sendBinary(encodeConsoleFrame({ type: "in", offset, bytes: content }));
      else this.socket?.sendText(JSON.stringify({ type: "resize", ...content, offset: offset.toString() }));
    }
  }

  /** Everything below `inputNext` is with the VM for good; what lies above is sent again. */
  private restartInput(inputNext: bigint): void {
    if (!this.session.restartInput(inputNext)) {
      this.finish(
        errorFromProblem({
          type: "/docs/errors#input_session_expired",
          title: "Input session expired",
          status: 409,
          code: "input_session_expired",
          detail:
            `Cannot continue input session ${this.inputSession}: the service expects offset ${inputNext}, ` +
            `this client has bytes ${this.session.inputAcked} to ${this.session.inputEnd}`,
        }),
      );
      return;
    }
    // Whether a backup has it too is not said here: the weaker promise.
    if (inputNext > this.session.inputAcked) this.session.acknowledge(inputNext, "solo");
    this.flushInput();
  }

  private get writes(): boolean {
    return this.mode === "write" && !this.demoted;
  }

  // ---- connections

  private connect(): void {
    assert(this.state !== "closed", "a closed console does not connect");
    this.state = "connecting";
    const number = ++this.connection;
    const current = (action: () => void) => {
      if (this.connection === number && this.state !== "closed") action();
    };
    const listener: SocketListener = {
      onOpen: () => {},
      onSign: () => {
        this.lastSignMs = performance.now();
      },
      onText: (text) => current(() => this.onText(text)),
      onBinary: (bytes) => current(() => this.onBinary(bytes)),
      onClose: (code, reason, error) => current(() => this.onClose(code, reason, error)),
    };
    const url = this.address();
    this.dependencies
      .token()
      .then((token) => this.dependencies.open(url, CONSOLE_SUBPROTOCOL, token, listener))
      .then((socket) => {
        if (this.connection === number && this.state !== "closed") this.socket = socket;
        else socket.drop();
      })
      .catch((error: unknown) => current(() => this.finish(error)));
  }

  private address(): string {
    const url = new URL(`${this.dependencies.url}/v1/vms/${encodeURIComponent(this.dependencies.vm)}/console`);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const from = this.session.next ?? this.options.from ?? "start";
    url.searchParams.set("mode", this.writes ? "write" : "read");
    url.searchParams.set("from", from.toString());
    if (this.writes) {
      url.searchParams.set("inputSession", this.inputSession);
      // Who took the right to write once keeps asking for it only by the session, not by force.
      if (this.options.takeover === true && !this.connectedOnce) url.searchParams.set("takeover", "true");
    }
    return url.href;
  }

  private onText(text: string): void {
    const message = parseControl(text);
    if (message === null) {
      this.contradiction(`a control message that cannot be read: ${text.slice(0, 80)}`);
      return;
    }
    if (this.state !== "open") {
      if (message.type !== "hello") {
        this.contradiction(`"${String(message.type)}" before hello`);
        return;
      }
      this.onHello(message);
      return;
    }
    switch (message.type) {
      case "gap":
        this.onGap(message);
        return;
      case "ack":
        this.onAck(message);
        return;
      case "term":
        this.emit("term", {
          term: toBigInt(message.term ?? message.epoch) ?? 0n,
          cause: toText(message.cause),
          outOffset: toBigInt(message.outOffset),
          gapMs: typeof message.gapMs === "number" ? message.gapMs : null,
        });
        // The new primary may never have seen what was on its way to the old one.
        if (this.writes) this.restartInput(toBigInt(message.inputNext) ?? this.session.inputAcked);
        return;
      case "state":
        this.emit("state", { state: toText(message.state) ?? "" });
        return;
      case "protection":
        this.emit("protection", { state: toText(message.state) ?? "", reason: toText(message.reason) });
        return;
      case "writer":
        if (message.change === "demoted") this.onDemoted(toText(message.writer));
        this.emit("writer", { writer: toText(message.writer), by: toText(message.by) });
        return;
      case "ping":
        this.socket?.sendText(JSON.stringify({ type: "pong" }));
        return;
      default:
        // A newer service may say more than this build knows.
        return;
    }
  }

  private onHello(message: Record<string, unknown>): void {
    const from = toBigInt(message.from);
    const outEnd = toBigInt(message.outEnd);
    if (from === null || outEnd === null) {
      this.contradiction("a hello without offsets");
      return;
    }
    // Refused the right to write: the service closes the connection next, and says why.
    if (this.writes && message.mode === "read") return;
    const hello: ConsoleHello = {
      vmId: toText(message.vmId) ?? this.dependencies.vm,
      state: toText(message.state) ?? "",
      term: toBigInt(message.term) ?? 0n,
      outOldest: toBigInt(message.outOldest) ?? 0n,
      outEnd,
      from,
      inputSession: toText(message.inputSession),
      inputNext: toBigInt(message.inputNext) ?? 0n,
      writer: toText(message.writer),
    };
    this.state = "open";
    this.helloReceived = hello;
    this.openedAtMs = performance.now();
    this.progressed = false;
    // A `from` beyond what was asked for is a gap that the service declares in its next message.
    const asked = this.session.next ?? (typeof this.options.from === "bigint" ? this.options.from : null);
    if (this.session.next === null) {
      this.session.startOutput(asked ?? from);
      this.consumed = asked ?? from;
    }
    this.connectionFrom = from;
    this.toldConsumed = this.consumed;
    if (this.queuedBytes > 0) this.tellConsumed();
    this.startHeartbeat(typeof message.heartbeatMs === "number" && message.heartbeatMs > 0 ? message.heartbeatMs : 15_000);
    if (this.writes) this.restartInput(hello.inputNext);
    if (this.isClosed()) return;
    this.connectedOnce = true;
    this.settleReady?.resolve();
    this.settleReady = null;
    this.emit("connected", hello);
  }

  /** Somebody else may write now: what waits would wait for ever, so it is refused. The output goes on. */
  private onDemoted(writer: string | null): void {
    this.demoted = true;
    this.session.failWrites(writerTaken(writer));
  }

  private isClosed(): boolean {
    return this.state === "closed";
  }

  private onGap(message: Record<string, unknown>): void {
    const resumedAt = toBigInt(message.resumedAt);
    if (resumedAt === null) {
      this.contradiction("a gap without an offset");
      return;
    }
    assert(this.session.next !== null, "hello was seen");
    const requested = this.session.next;
    if (this.session.acceptGap(resumedAt))
      this.push({ kind: "gap", gap: { requested, resumedAt, reason: toText(message.reason) ?? "trimmed" } });
  }

  private onAck(message: Record<string, unknown>): void {
    const inputNext = toBigInt(message.inputNext);
    if (inputNext === null) {
      this.contradiction("an ack without an offset");
      return;
    }
    const durability: Durability = message.durability === "solo" ? "solo" : "replicated";
    if (!this.session.acknowledge(inputNext, durability)) {
      this.contradiction(`an ack of ${inputNext}, ${this.session.inputEnd} bytes were written`);
      return;
    }
    this.noteProgress();
    this.emit("ack", { inputNext, durability });
    this.flushInput();
  }

  private onBinary(bytes: Uint8Array): void {
    if (this.state !== "open") {
      this.contradiction("a data frame before hello");
      return;
    }
    let frame: ReturnType<typeof decodeConsoleFrame>;
    try {
      frame = decodeConsoleFrame(bytes);
    } catch (error) {
      this.contradiction(String(error));
      return;
    }
    if (frame.type !== "out") {
      this.contradiction(`a frame of type ${frame.type}, which only clients send`);
      return;
    }
    const verdict = this.session.acceptOutput(frame.offset, frame.bytes);
    switch (verdict.kind) {
      case "data":
        this.noteProgress();
        this.push({ kind: "chunk", chunk: { offset: verdict.offset, data: verdict.data, term: frame.term } });
        return;
      case "known":
        return;
      case "hole":
        this.contradiction(`output at ${frame.offset}, the next byte is ${verdict.expected}`);
        return;
    }
  }

  private noteProgress(): void {
    this.progressed = true;
    this.contradictions = 0;
  }

  /** The service broke the protocol: ask again from what is certain, and give up if it goes on like this. */
  private contradiction(what: string): void {
    this.contradictions++;
    if (this.contradictions >= CONTRADICTIONS_MAX) {
      this.finish(new ProtocolError(`Cannot follow the console of ${this.dependencies.vm}: the service sent ${what}`));
      return;
    }
    this.lose(what);
  }

  private onClose(code: number, reason: string, error: ClientError | null): void {
    if (error !== null) {
      if (error.retryable) {
        this.lose(error.message, error);
        return;
      }
      this.finish(error);
      return;
    }
    const said = reason === "" ? `the service closed the connection (${code})` : reason;
    switch (code) {
      case 1000:
        this.finish(null);
        return;
      case 4400:
        this.finish(new ProtocolError(`Cannot continue the console: ${said}`));
        return;
      case 4401:
      case 4403:
      case 4404:
      case 4410:
      case 4429:
        this.finish(closeError(code - 4000, /^([a-z_]+):/.exec(said)?.[1] ?? CLOSE_CODES[code], said));
        return;
      case 4408:
        this.giveBackUnread();
        this.lose(said);
        return;
      case 4409:
        // A hole in the input is of our making only over a failover: everything unacknowledged is sent again.
        if (/input_offset_gap|input_buffer_full|not_primary/.test(reason)) {
          this.contradiction(said);
          return;
        }
        this.finish(closeError(409, /input_session_expired/.test(reason) ? "input_session_expired" : "console_writer_busy", said));
        return;
      default:
        this.lose(said);
        return;
    }
  }

  private lose(reason: string, error: ClientError | null = null): void {
    if (this.state === "open") {
      this.lostAtMs = performance.now();
      if (this.progressed || this.lostAtMs - this.openedAtMs >= GOOD_CONNECTION_MS) this.attempt = 0;
    }
    this.state = "waiting";
    this.abandonSocket();
    let limitMs = this.options.reconnectTimeoutMs ?? 60_000;
    if (!this.connectedOnce && error instanceof ConnectionError) limitMs = Math.min(limitMs, FIRST_CONNECTION_MS);
    if (performance.now() - this.lostAtMs >= limitMs) {
      this.finish(error ?? new ConnectionError(this.dependencies.url, `no console connection for ${limitMs} ms: ${reason}`));
      return;
    }
    const attempt = this.attempt++;
    const jitterMs =
      attempt === 0 && this.contradictions === 0 && error === null ? 0 : backoffMs(this.dependencies.backoff, attempt, Math.random());
    const delayMs = Math.max(jitterMs, error?.problem?.retryAfterMs ?? 0);
    this.emit("reconnecting", { reason, attempt, delayMs });
    if (this.isClosed()) return;
    this.retry = setTimeout(() => {
      this.retry = null;
      this.connect();
    }, delayMs);
  }

  private abandonSocket(): void {
    this.connection++;
    if (this.heartbeat !== null) clearInterval(this.heartbeat);
    this.heartbeat = null;
    this.socket?.drop();
    this.socket = null;
  }

  private startHeartbeat(intervalMs: number): void {
    this.lastSignMs = performance.now();
    this.heartbeat = setInterval(() => {
      if (performance.now() - this.lastSignMs > 2.5 * intervalMs)
        this.lose(`the service was silent for ${Math.round(2.5 * intervalMs)} ms`);
      else this.socket?.sendText(JSON.stringify({ type: "ping" }));
    }, intervalMs);
  }

  /** The only way into `closed`. */
  private finish(error: unknown): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.failure = error;
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.heartbeat !== null) clearInterval(this.heartbeat);
    this.connection++;
    this.socket?.close(1000, "");
    this.socket = null;
    this.session.failWrites(error ?? new ConsoleClosedError("Cannot write: the console was closed before the input was acknowledged"));
    const readers = this.readers;
    this.readers = [];
    for (const reader of readers) error === null ? reader.resolve({ done: true, value: undefined }) : reader.reject(error);
    if (this.settleReady !== null) {
      this.settleReady.reject(
        error ?? this.options.signal?.reason ?? new ConsoleClosedError("Cannot attach: the service closed the console before it began"),
      );
      this.settleReady = null;
    }
  }
}

/** A close code says what the same refusal would have said as an HTTP status. */
function closeError(status: number, code: string, detail: string): ClientError {
  return errorFromProblem({ type: `/docs/errors#${code}`, title: "Console closed", status, code, detail });
}

function writerTaken(writer: string | null): ClientError {
  const by = writer === null ? "another session" : `session ${writer}`;
  return closeError(
    409,
    "console_writer_busy",
    `Cannot write: ${by} has taken the right to write; attach again with takeover to take it back`,
  );
}

function parseControl(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function toBigInt(value: unknown): bigint | null {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  return typeof value === "string" && /^\d+$/.test(value) ? BigInt(value) : null;
}

function toText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
