/**
 * The worker's side of the control channel: dials the control plane, for ever.
 *
 *     connecting --open, hello--> greeting --welcome--> connected
 *         ^                          |                     |
 *         '------ backoff with jitter, at most 1 s <-------'   (closed, silent, or not reachable)
 *
 * Refused (a wrong join token, a name that is taken): `onRefused` says whether this is to be tried on. Running pairs go on.
 */
import { randomInt } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP, type LookupFunction } from "node:net";
import { WebSocket } from "ws";
import { UnderstudyError } from "../base/errors.ts";
import { tlsFailure } from "../pki/tls-peer.ts";
import { decodeControlMessage, encodeControlChannelMessage } from "../wire/control-codec.ts";
import type { ControlMessage, WorkerHello, WorkerMessage } from "../wire/control-messages.ts";
import { type ControlAccess, readText, refusalOf } from "./control-requests.ts";
import type { WorkerLog } from "./log.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1000;
const HANDSHAKE_TIMEOUT_MS = 5000;
const PING_INTERVAL_MS = 5000;

export interface ControlChannelOptions {
  readonly url: URL;
  /** Address to dial in place of what the URL's host name resolves to; null: that. */
  readonly address: string | null;
  /** Looked at anew for each connection: certificates are renewed. */
  readonly access: () => ControlAccess;
  /** Made anew for each connection: it carries the replicas as they are then. */
  readonly hello: () => WorkerHello;
  readonly onWelcome: (workerId: string) => void;
  readonly onMessage: (message: ControlMessage) => void;
  readonly onConsoleFrame: (frame: Uint8Array) => void;
  /** A connection that had been welcomed is gone. */
  readonly onDisconnected: () => void;
  /** The control plane will not have this worker. @returns false: it is not dialled again */
  readonly onRefused: (error: UnderstudyError) => boolean;
  readonly log: WorkerLog;
}

export class ControlChannel {
  private socket: WebSocket | null = null;
  private connected = false;
  private closed = false;
  private backoffMs = BACKOFF_FIRST_MS;
  private retry: NodeJS.Timeout | undefined;

  constructor(private readonly options: ControlChannelOptions) {}

  connect(): void {
    if (this.closed) return;
    const { url, address, log } = this.options;
    const { headers, tls } = this.options.access();
    const socket = new WebSocket(url, {
      ...tls,
      headers,
      ...(address === null ? {} : { lookup: lookupOf(address) }),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      perMessageDeflate: false,
    });
    this.socket = socket;
    let alive = true;
    let failure: Error | null = null;
    const check = () => {
      if (!alive) {
        failure = new Error(`the control plane did not answer a ping within ${PING_INTERVAL_MS} ms`);
        socket.terminate();
        return;
      }
      alive = false;
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    };
    // After what the socket has to say: this process may have been stopped for a while.
    const ping = setInterval(() => setImmediate(check), PING_INTERVAL_MS);
    socket.on("open", () => socket.send(encodeControlChannelMessage(this.options.hello())));
    socket.on("pong", () => (alive = true));
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      alive = true;
      if (this.socket === socket && !this.closed) this.receive(socket, data, isBinary);
    });
    socket.on("unexpected-response", (_request: unknown, response: IncomingMessage) => {
      const status = response.statusCode ?? 0;
      failure = new Error(`the control plane answered HTTP ${status}`);
      if (status === 401 || status === 403) {
        const text = readText(response).catch(() => "");
        void text.then((body) => {
          this.refused(refusalOf(url, status, body));
          socket.terminate();
        });
        return;
      }
      response.resume();
      socket.terminate();
    });
    socket.on("error", (error) => (failure ??= url.protocol === "wss:" ? tlsFailure(error) : plainFailure(error)));
    socket.on("close", (code, reason) => {
      clearInterval(ping);
      const wasConnected = this.connected && this.socket === socket;
      this.connected = false;
      if (this.closed) return;
      const why = failure?.message ?? (reason.length > 0 ? reason.toString() : `closed with code ${code}`);
      if (wasConnected) {
        log.warn({ code: "control_channel_lost", reason: why }, "control channel lost: running pairs go on, trying to reconnect");
        this.options.onDisconnected();
      } else {
        log.debug({ reason: why }, "control plane not reached");
      }
      this.scheduleRetry(why, failure);
    });
  }

  /** @returns false, and nothing happens, unless the control plane has welcomed this connection */
  send(message: WorkerMessage): boolean {
    if (!this.connected || this.socket === null) return false;
    this.socket.send(encodeControlChannelMessage(message));
    return true;
  }

  /** @param onSent called when the frame has left this process, or will not */
  sendConsoleFrame(frame: Uint8Array, onSent: () => void): void {
    if (this.connected && this.socket !== null) this.socket.send(frame, onSent);
  }

  get isConnected(): boolean {
    return this.connected;
  }

  /** Bytes that are queued here because the control plane does not take them. */
  get queuedBytes(): number {
    return this.socket?.bufferedAmount ?? 0;
  }

  /** Says goodbye and stays away. */
  close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    const { socket } = this;
    if (socket === null || socket.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const forced = setTimeout(() => socket.terminate(), 500);
      socket.once("close", () => {
        clearTimeout(forced);
        resolve();
      });
      if (socket.readyState === WebSocket.OPEN) socket.close(1001, "the worker stops");
      else socket.terminate();
    });
  }

  private receive(socket: WebSocket, data: Buffer, isBinary: boolean): void {
    try {
      if (isBinary) {
        if (this.connected) this.options.onConsoleFrame(data);
        return;
      }
      const message = decodeControlMessage(data.toString("utf8"));
      if (message.type === "refused") {
        this.refused(
          new UnderstudyError("join_refused", `Cannot join the control plane at ${this.options.url}: ${message.code}: ${message.message}`, {
            details: { reason: message.code },
          }),
        );
        socket.close();
      } else if (message.type === "welcome") {
        this.connected = true;
        this.backoffMs = BACKOFF_FIRST_MS;
        this.options.onWelcome(message.workerId);
      } else if (this.connected) {
        this.options.onMessage(message);
      }
    } catch (error) {
      if (!(error instanceof UnderstudyError)) throw error;
      this.options.log.error(
        { code: error.code, err: error },
        "control channel closed: the control plane sent what this worker does not understand",
      );
      socket.close(1002, error.code);
    }
  }

  private refused(error: UnderstudyError): void {
    if (!this.closed && !this.options.onRefused(error)) this.closed = true;
  }

  private scheduleRetry(why: string, failure: Error | null): void {
    const delayMs = randomInt(Math.ceil(this.backoffMs / 2), this.backoffMs + 1);
    if (this.backoffMs < BACKOFF_MAX_MS && this.backoffMs * 2 >= BACKOFF_MAX_MS) {
      this.options.log.warn(
        { code: failure instanceof UnderstudyError ? failure.code : "control_plane_unreachable", reason: why },
        `control plane at ${this.options.url} not reachable: trying for ever`,
      );
    }
    this.backoffMs = Math.min(BACKOFF_MAX_MS, this.backoffMs * 2);
    this.retry = setTimeout(() => this.connect(), delayMs);
  }
}

/** A server that speaks TLS hangs up on who does not. */
function plainFailure(error: NodeJS.ErrnoException): Error {
  if (error.code !== "ECONNRESET") return error;
  return new Error(`${error.message}: where the control plane speaks TLS, write wss:// in UNDERSTUDY_CONTROL_URL`, { cause: error });
}

/** Resolves every name to `address`. */
function lookupOf(address: string): LookupFunction {
  const family = isIP(address);
  return (_hostname, options, callback) => {
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}
