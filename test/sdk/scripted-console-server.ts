/**
 * A real HTTP and WebSocket server that speaks the public console protocol about a make-believe VM, and misbehaves by seed:
 * it cuts connections, repeats output that was sent, refuses upgrades, loses input that was not acknowledged (as a
 * failover does) and keeps acknowledgements to itself. It checks what the client sends and records what it accepted.
 */
import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";
import type { Prng } from "../../src/base/prng.ts";
import { decodeConsoleFrame, encodeConsoleFrame } from "../../src/wire/console-frames.ts";

export interface Faults {
  /** Chances in percent, for each frame. */
  readonly cut: number;
  readonly repeat: number;
  readonly refuse: number;
  readonly failover: number;
  readonly withholdAck: number;
}

export const NO_FAULTS: Faults = { cut: 0, repeat: 0, refuse: 0, failover: 0, withholdAck: 0 };

interface InputSession {
  /** What the guest has been given for good. */
  readonly replicated: number[];
  /** What the primary has and no backup: a failover loses it. */
  volatile: number[];
}

export interface Viewer {
  readonly socket: WebSocket;
  readonly mode: string;
  readonly url: URL;
  sent: bigint;
  limit: bigint;
}

export class ScriptedConsoleServer {
  readonly output: number[] = [];
  /** Output below it is trimmed. */
  oldest = 0n;
  term = 1n;
  readonly sessions = new Map<string, InputSession>();
  readonly viewers = new Set<Viewer>();
  /** Every upgrade that was asked for. */
  readonly upgrades: { readonly url: URL; readonly authorization: string | undefined; readonly subprotocol: string | undefined }[] = [];
  readonly violations: string[] = [];
  heartbeatMs = 15_000;
  /** Silent servers answer nothing more on open sockets. */
  silent = false;
  frameBytes = 1024;
  /** Another session writes: says so in hello, and closes. */
  refuseWriting = false;
  private readonly prng: Prng;
  private faults: Faults;
  private readonly server = createServer();
  private readonly sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  private readonly connections = new Set<Duplex>();
  private readonly watchers: (() => void)[] = [];
  /** Takes an upgrade instead of the ordinary answer. */
  onUpgrade: ((request: IncomingMessage, socket: Duplex) => boolean) | null = null;

  constructor(prng: Prng, faults: Faults = NO_FAULTS) {
    this.prng = prng;
    this.faults = faults;
    this.server.on("connection", (socket) => {
      this.connections.add(socket);
      socket.on("close", () => this.connections.delete(socket));
    });
    this.server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => this.upgrade(request, socket, head));
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(port, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  stopMisbehaving(): void {
    this.faults = NO_FAULTS;
  }

  /** The guest prints. */
  print(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.output.push(byte);
    for (const viewer of [...this.viewers]) this.pump(viewer);
  }

  /** What the guest has read from a session, for good. */
  typed(inputSession: string): string {
    return Buffer.from(this.sessions.get(inputSession)?.replicated ?? []).toString("utf8");
  }

  /** Resolves when `condition` holds; it is looked at after each frame, upgrade and close. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        const at = this.watchers.indexOf(look);
        if (at >= 0) this.watchers.splice(at, 1);
        resolve();
      };
      this.watchers.push(look);
      look();
    });
  }

  /** The primary dies: what no backup had is gone. */
  failover(): void {
    this.term++;
    for (const session of this.sessions.values()) session.volatile = [];
    for (const viewer of this.viewers) {
      const id = viewer.url.searchParams.get("inputSession");
      const inputNext = id === null ? 0 : (this.sessions.get(id)?.replicated.length ?? 0);
      this.say(viewer, {
        type: "term",
        term: this.term.toString(),
        cause: "worker_lost",
        outOffset: `${this.output.length}`,
        inputNext: `${inputNext}`,
        gapMs: 12,
      });
    }
  }

  cutAll(): void {
    for (const viewer of [...this.viewers]) viewer.socket.terminate();
  }

  private changed(): void {
    for (const look of [...this.watchers]) look();
  }

  private happens(percent: number): boolean {
    return percent > 0 && this.prng.between(1, 100) <= percent;
  }

  private say(viewer: Viewer, message: Record<string, unknown>): void {
    if (!this.silent) viewer.socket.send(JSON.stringify(message));
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? "/", "http://localhost");
    this.upgrades.push({ url, authorization: request.headers.authorization, subprotocol: request.headers["sec-websocket-protocol"] });
    this.changed();
    if (this.onUpgrade?.(request, socket) === true) return;
    if (this.happens(this.faults.refuse)) {
      refuse(socket, 503, "arbiter_unavailable", { retryable: true });
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (client) => this.attach(client, url));
  }

  private attach(socket: WebSocket, url: URL): void {
    const asked = url.searchParams.get("from") ?? "start";
    const end = BigInt(this.output.length);
    const requested = this.requestedOffset(asked, end);
    const trimmed = requested < this.oldest;
    const from = trimmed ? this.oldest : requested;
    const viewer: Viewer = { socket, url, mode: url.searchParams.get("mode") ?? "read", sent: from, limit: from + 256n * 1024n };
    this.viewers.add(viewer);
    socket.on("close", () => {
      this.viewers.delete(viewer);
      this.changed();
    });
    socket.on("message", (data: Buffer, isBinary) => {
      if (!this.silent) this.receive(viewer, data, isBinary);
      this.changed();
    });
    const id = url.searchParams.get("inputSession");
    if (id !== null && !this.sessions.has(id)) this.sessions.set(id, { replicated: [], volatile: [] });
    const session = id === null ? undefined : this.sessions.get(id);
    this.say(viewer, {
      type: "hello",
      vmId: "vm_1",
      state: "running",
      term: this.term.toString(),
      outOldest: this.oldest.toString(),
      outEnd: end.toString(),
      from: from.toString(),
      inputSession: id,
      inputNext: String(session?.replicated.length ?? 0),
      mode: this.refuseWriting ? "read" : viewer.mode,
      writer: id,
      window: 256 * 1024,
      heartbeatMs: this.heartbeatMs,
    });
    if (this.refuseWriting) {
      socket.close(4409, "console_writer_busy: session con_2 writes");
      return;
    }
    if (trimmed) this.say(viewer, { type: "gap", requested: requested.toString(), resumedAt: from.toString(), reason: "trimmed" });
    // Frames may overlap what the client has: it must cut them.
    if (this.happens(this.faults.repeat)) viewer.sent -= BigInt(this.prng.between(0, Math.min(200, Number(from - this.oldest))));
    this.pump(viewer);
    this.changed();
  }

  private requestedOffset(asked: string, end: bigint): bigint {
    if (asked === "start") return this.oldest;
    if (asked === "end") return end;
    if (!asked.startsWith("tail:")) return BigInt(asked);
    const from = end - BigInt(asked.slice("tail:".length));
    return from < this.oldest ? this.oldest : from;
  }

  private pump(viewer: Viewer): void {
    while (!this.silent && viewer.sent < BigInt(this.output.length) && viewer.sent < viewer.limit) {
      if (viewer.socket.readyState !== viewer.socket.OPEN) return;
      const room = Number(viewer.limit - viewer.sent);
      const bytes = this.output.slice(Number(viewer.sent), Number(viewer.sent) + Math.min(room, this.prng.between(1, this.frameBytes)));
      viewer.socket.send(encodeConsoleFrame({ type: "out", term: Number(this.term), offset: viewer.sent, bytes: Uint8Array.from(bytes) }));
      viewer.sent += BigInt(bytes.length);
      if (this.happens(this.faults.cut)) {
        viewer.socket.terminate();
        return;
      }
    }
  }

  private receive(viewer: Viewer, data: Buffer, isBinary: boolean): void {
    if (!isBinary) {
      const message = JSON.parse(data.toString("utf8")) as { type: string; offset: string; cols: number; rows: number };
      if (message.type === "ping") this.say(viewer, { type: "pong" });
      if (message.type === "resize") this.receiveInput(viewer, Number(message.offset), Uint8Array.of(sizeByte(message)));
      return;
    }
    const frame = decodeConsoleFrame(data);
    if (frame.type === "ack") {
      if (frame.offset > BigInt(this.output.length)) this.violations.push(`ack of ${frame.offset}, output ends at ${this.output.length}`);
      viewer.limit = frame.offset + BigInt(frame.window);
      this.pump(viewer);
      return;
    }
    if (frame.type !== "in") {
      this.violations.push(`a client sent ${frame.type}`);
      return;
    }
    this.receiveInput(viewer, Number(frame.offset), frame.bytes);
  }

  /** @param offset of the first of the bytes in the input session */
  private receiveInput(viewer: Viewer, offset: number, bytes: Uint8Array): void {
    const session = this.sessions.get(viewer.url.searchParams.get("inputSession") ?? "");
    if (session === undefined || viewer.mode !== "write") {
      this.violations.push("input from a viewer that may not write");
      return;
    }
    const next = session.replicated.length + session.volatile.length;
    const skip = next - offset;
    if (skip < 0) {
      viewer.socket.close(4409, "input_offset_gap");
      return;
    }
    // What is known is not acknowledged a second time: hello has said so already.
    if (skip >= bytes.length && session.volatile.length === 0) return;
    if (skip < bytes.length) session.volatile.push(...bytes.subarray(skip));
    if (this.happens(this.faults.failover)) {
      this.failover();
      return;
    }
    if (this.happens(this.faults.withholdAck)) {
      // The backup has it, the client never hears of it: the connection dies first.
      session.replicated.push(...session.volatile.splice(0));
      viewer.socket.terminate();
      return;
    }
    if (this.happens(this.faults.cut)) {
      viewer.socket.terminate();
      return;
    }
    session.replicated.push(...session.volatile.splice(0));
    this.say(viewer, { type: "ack", inputNext: String(session.replicated.length), durability: "replicated" });
  }
}

/** What `typed` shows of a size of the terminal, in its place: a control character. */
export function sizeByte({ cols, rows }: { readonly cols: number; readonly rows: number }): number {
  return 1 + ((cols + rows) % 8);
}

/** Refuses an upgrade with a problem document, as the service does. */
export function refuse(socket: Duplex, status: number, code: string, extra: Record<string, unknown> = {}): void {
  const body = JSON.stringify({
    type: `/docs/errors#${code}`,
    title: code,
    status,
    code,
    detail: `Cannot attach: ${code}`,
    requestId: "req_1",
    ...extra,
  });
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
