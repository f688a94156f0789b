/**
 * The logging channel over TCP, or TLS over that: dialling, listening, the handshake, and one socket per pair of replicas.
 *
 *     dialler (primary's worker)             listener (backup's worker)
 *        connect ------------------------------> accept
 *        (TLS: each looks who the other is; a dialler that is nobody is answered with refused)
 *        hello {vm, from, to, secret, build} --> checked against the replica `to`
 *        open <-------------------------- welcome | refused {code}, close
 *
 * A channel that ended, for whatever reason, says so exactly once through `onClosed`, and never gives a message after.
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket, Server as TlsServer } from "node:tls";
import { UnderstudyError } from "../base/errors.ts";
import { isLoopback } from "../base/tls-mode.ts";
import type { LoggingChannelMessage } from "../hypervisor/messages.ts";
import { workerIdentity, workerIdOf } from "../pki/identity.ts";
import {
  clientOptions,
  MAY_BE_PLAIN,
  SERVER_OPTIONS,
  secureContext,
  type TlsCredentials,
  tlsFailure,
  verifiedIdentity,
} from "../pki/tls-peer.ts";
import type { NetworkAddress } from "../wire/control-messages.ts";
import {
  type ChannelHandshake,
  type ChannelRefusal,
  type ConsoleHistoryPiece,
  LOGGING_CHANNEL_PROTOCOL,
  LoggingChannelDecoder,
  LoggingChannelEncoder,
  type LoggingChannelFrame,
} from "../wire/logging-channel.ts";
import { compressState, plainState } from "./state-compression.ts";

const HANDSHAKE_TIMEOUT_MS = 5000;

export type ChannelHello = Extract<ChannelHandshake, { kind: "hello" }>;

interface LoggingChannelHandlers {
  readonly onMessage: (message: LoggingChannelMessage) => void;
  /** Default: it is not taken. */
  readonly onHistory?: (piece: ConsoleHistoryPiece) => void;
  /** @param error why, unless one of the two ends closed it on purpose */
  readonly onClosed: (error: Error | null) => void;
}

/** Parts of the state that are compressed at once: the next one, while the first waits for this thread. The guest needs a processor too. */
const PACKING_MAX = 2;

interface WaitingState {
  readonly kind: "state";
  readonly pages: Uint8Array;
  /** As it travels. Null: its turn has not come. */
  packed: Promise<Uint8Array> | null;
}

/** One established channel. */
export class LoggingChannelSocket {
  private handlers: LoggingChannelHandlers | null = null;
  private error: Error | null = null;
  private closed = false;
  /** Bytes handed to the transport since the channel was opened. */
  bytesSent = 0;
  /** Of these, state. */
  stateBytesSent = 0;
  /** What waits for the part of the state in front to be packed, which is the first of them. */
  private readonly waiting: (LoggingChannelMessage | WaitingState)[] = [];

  /** @param compresses state, on its way to another host */
  constructor(
    private readonly socket: Socket,
    private readonly encoder: LoggingChannelEncoder,
    private readonly decoder: LoggingChannelDecoder,
    private readonly compresses = !isLoopback(socket.remoteAddress ?? ""),
  ) {
    decoder.acceptMessages();
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    socket.on("error", (error) => (this.error ??= error));
    // A half-closed peer will never acknowledge anything again: the same as closed.
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.ended());
    // Nothing is read before somebody listens.
    socket.pause();
  }

  /** Takes the channel into use. */
  open(handlers: LoggingChannelHandlers): void {
    this.handlers = handlers;
    if (this.socket.destroyed) this.ended();
    else this.socket.resume();
  }

  send(message: LoggingChannelMessage): void {
    if (this.closed || this.socket.destroyed) return;
    if (this.waiting.length > 0) this.waiting.push(message);
    else this.write(message);
  }

  /** Sends captured state in its place among the other messages. */
  sendState(pages: Uint8Array): void {
    if (this.closed || this.socket.destroyed) return;
    this.waiting.push({ kind: "state", pages, packed: null });
    if (this.waiting.length > 1) this.packNext();
    else this.sendWaiting().catch((error: Error) => this.socket.destroy(error));
  }

  /** Sends pieces of the console's history between the other messages: one, when the one before has been taken. */
  sendHistory(pieces: Iterator<Omit<ConsoleHistoryPiece, "kind">>): void {
    if (this.closed || this.socket.destroyed) return;
    const next = pieces.next();
    if (next.done === true) return;
    const bytes = this.encoder.encode({ kind: "consoleHistory", ...next.value });
    this.bytesSent += bytes.length;
    this.socket.write(bytes, () => this.sendHistory(pieces));
  }

  private packNext(): void {
    let packing = 0;
    for (const next of this.waiting) {
      if (next.kind !== "state") continue;
      if (++packing > PACKING_MAX) return;
      if (next.packed !== null) continue;
      next.packed = this.pack(next.pages);
      // Whoever waits for it hears of it; nobody does where the channel has ended.
      next.packed.catch(() => {});
    }
  }

  /** Not at once: whoever captured it has the guest to let go on first. */
  private pack(pages: Uint8Array): Promise<Uint8Array> {
    if (this.compresses) return compressState(pages);
    return new Promise((resolve) => setImmediate(() => resolve(plainState(pages))));
  }

  private async sendWaiting(): Promise<void> {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      this.packNext();
      const packed = next.kind === "state" ? await (next.packed ?? this.pack(next.pages)) : null;
      if (this.closed || this.socket.destroyed) return;
      this.waiting.shift();
      if (packed !== null) this.writeState(packed);
      else if (next.kind !== "state") this.write(next);
    }
  }

  private writeState(pages: Uint8Array): void {
    const before = this.bytesSent;
    this.write({ kind: "statePages", pages });
    this.stateBytesSent += this.bytesSent - before;
  }

  private write(message: LoggingChannelMessage): void {
    const bytes = this.encoder.encode(message);
    this.bytesSent += bytes.length;
    this.socket.write(bytes);
  }

  /** Sends what is queued, but for state that is still to be packed and what comes after it, then ends; the handlers hear nothing more. */
  close(): void {
    this.handlers = null;
    this.closed = true;
    this.waiting.length = 0;
    this.socket.end();
    // A stopped peer does not take the last bytes: do not hold them for ever.
    this.socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => this.socket.destroy());
  }

  /** Breaks it, as the end of a process does: what the system has not taken yet is not sent; the handlers hear nothing more. */
  abort(): void {
    this.handlers = null;
    this.closed = true;
    this.waiting.length = 0;
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    if (this.closed) return;
    let frames: LoggingChannelFrame[];
    try {
      frames = this.decoder.push(chunk);
    } catch (error) {
      this.socket.destroy(error as Error);
      return;
    }
    for (const frame of frames) {
      if (this.closed) return;
      if (frame.kind === "hello" || frame.kind === "welcome" || frame.kind === "refused") {
        this.socket.destroy(new UnderstudyError("malformed_message", `Cannot take a ${frame.kind} on an open logging channel`));
        return;
      }
      if (frame.kind === "consoleHistory") this.handlers?.onHistory?.(frame);
      else this.handlers?.onMessage(frame);
    }
  }

  private ended(): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers?.onClosed(this.error);
  }
}

/** How a dial failed for a reason that the peer gave. */
export class ChannelRefused extends UnderstudyError {
  constructor(readonly refusal: ChannelRefusal) {
    super(refusal, `Cannot open the logging channel: the backup's worker answered ${refusal}`);
  }
}

/** Who must answer, and what is shown to it. */
export interface SecurePeer {
  readonly workerId: string;
  readonly credentials: TlsCredentials;
}

/**
 * @param secure null: in plain
 * @throws {ChannelRefused} or the socket's error, with TLS an `UnderstudyError` of `tls-peer.ts`
 */
export function dialLoggingChannel(
  { host, port }: NetworkAddress,
  hello: Omit<ChannelHello, "kind" | "protocol">,
  signal: AbortSignal,
  secure: SecurePeer | null,
): Promise<LoggingChannelSocket> {
  return new Promise((resolve, reject) => {
    const socket =
      secure === null
        ? createConnection({ host, port, noDelay: true })
        : connectTls({ ...clientOptions(secure.credentials, workerIdentity(secure.workerId)), host, port });
    socket.setNoDelay(true);
    const encoder = new LoggingChannelEncoder();
    const decoder = new LoggingChannelDecoder();
    const fail = (error: Error) => {
      settle();
      socket.on("error", () => {});
      socket.destroy();
      reject(tlsFailure(error));
    };
    const onAbort = () => fail(new Error("Cannot open the logging channel: it is not wanted any more"));
    const onEnd = () =>
      fail(new Error(`Cannot open the logging channel: the peer closed it during the handshake${secure === null ? "" : MAY_BE_PLAIN}`));
    const onTimeout = () => fail(new Error(`Cannot open the logging channel: no answer within ${HANDSHAKE_TIMEOUT_MS} ms`));
    const onData = (chunk: Buffer) => {
      let frames: LoggingChannelFrame[];
      try {
        frames = decoder.push(chunk);
      } catch (error) {
        fail(error as Error);
        return;
      }
      const [answer, ...rest] = frames;
      if (answer === undefined) return;
      if (answer.kind === "refused") fail(new ChannelRefused(answer.code));
      else if (answer.kind !== "welcome" || rest.length > 0) {
        fail(new UnderstudyError("malformed_message", `Cannot take a ${answer.kind} as the answer to hello: only welcome or refused`));
      } else {
        settle();
        resolve(new LoggingChannelSocket(socket, encoder, decoder));
      }
    };
    const settle = () => {
      clearTimeout(timeout);
      signal.removeEventListener("abort", onAbort);
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener);
    };
    const listeners = {
      [secure === null ? "connect" : "secureConnect"]: () =>
        socket.write(encoder.encode({ kind: "hello", protocol: LOGGING_CHANNEL_PROTOCOL, ...hello })),
      data: onData,
      error: fail,
      end: onEnd,
    };
    const timeout = setTimeout(onTimeout, HANDSHAKE_TIMEOUT_MS);
    signal.addEventListener("abort", onAbort);
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    if (signal.aborted) onAbort();
  });
}

/** Who may connect: the refusal, or what takes the opened channel. */
export type ChannelAdmission = ChannelRefusal | ((channel: LoggingChannelSocket) => void);

export class LoggingChannelListener {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  /**
   * @param admit with the worker that the dialler's certificate is for; null: it was dialled in plain
   * @param secure TLS; nobody is accepted before `useCredentials`
   */
  constructor(
    private readonly admit: (hello: ChannelHello, workerId: string | null) => ChannelAdmission,
    private readonly onRejected: (error: Error, from: string) => void,
    secure = false,
  ) {
    this.server = secure
      ? createTlsServer({ ...SERVER_OPTIONS, noDelay: true, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, (socket) => this.identify(socket))
      : createServer({ noDelay: true }, (socket) => this.accept(socket, null));
    this.server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    this.server.on("tlsClientError", (error: Error, socket: Socket) => onRejected(tlsFailure(error), addressOf(socket)));
  }

  /** For connections from now on. */
  useCredentials(credentials: TlsCredentials): void {
    if (this.server instanceof TlsServer) this.server.setSecureContext(secureContext(credentials));
  }

  /**
   * @returns the address it listens on, with the port that the system chose for 0
   * @throws {UnderstudyError} `port_in_use` or `cannot_listen`
   */
  listen(address: NetworkAddress): Promise<NetworkAddress> {
    return new Promise((resolve, reject) => {
      this.server.once("error", (cause: NodeJS.ErrnoException) => {
        const [code, reason] =
          cause.code === "EADDRINUSE" ? ["port_in_use", "another process has this port"] : ["cannot_listen", cause.message];
        reject(new UnderstudyError(code, `Cannot listen for logging channels on ${address.host}:${address.port}: ${reason}`, { cause }));
      });
      this.server.listen(address.port, address.host, () => {
        const bound = this.server.address();
        resolve({ host: address.host, port: bound !== null && typeof bound === "object" ? bound.port : address.port });
      });
    });
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  /** A dialler that is nobody hears so: TLS lets it believe that it is connected. */
  private identify(socket: TLSSocket): void {
    try {
      const identity = verifiedIdentity(socket);
      const workerId = workerIdOf(identity);
      if (workerId === null) throw new UnderstudyError("certificate_of_another", `Cannot pair with ${identity}: a worker is wanted`);
      this.accept(socket, workerId);
    } catch (error) {
      socket.on("error", () => {});
      socket.end(new LoggingChannelEncoder().encode({ kind: "refused", code: "certificate_refused" }));
      this.onRejected(error as Error, addressOf(socket));
    }
  }

  private accept(socket: Socket, workerId: string | null): void {
    const from = addressOf(socket);
    const encoder = new LoggingChannelEncoder();
    const decoder = new LoggingChannelDecoder();
    const reject = (error: Error) => {
      settle();
      socket.on("error", () => {});
      socket.destroy();
      this.onRejected(error, from);
    };
    const onTimeout = () => reject(new Error(`Cannot accept the logging channel: no hello within ${HANDSHAKE_TIMEOUT_MS} ms`));
    const onEnd = () => reject(new Error("Cannot accept the logging channel: the peer closed it before its hello"));
    const onData = (chunk: Buffer) => {
      let frames: LoggingChannelFrame[];
      try {
        frames = decoder.push(chunk);
      } catch (error) {
        reject(error as Error);
        return;
      }
      const [hello, ...rest] = frames;
      if (hello === undefined) return;
      if (hello.kind !== "hello" || rest.length > 0) {
        reject(new UnderstudyError("malformed_message", `Cannot take a ${hello.kind} as the first frames: only a hello`));
        return;
      }
      const admission = hello.protocol === LOGGING_CHANNEL_PROTOCOL ? this.admit(hello, workerId) : "protocol_mismatch";
      settle();
      if (typeof admission === "string") {
        socket.on("error", () => {});
        socket.end(encoder.encode({ kind: "refused", code: admission }));
        this.onRejected(new ChannelRefused(admission), from);
        return;
      }
      socket.write(encoder.encode({ kind: "welcome" }));
      admission(new LoggingChannelSocket(socket, encoder, decoder));
    };
    const timeout = setTimeout(onTimeout, HANDSHAKE_TIMEOUT_MS);
    const settle = () => {
      clearTimeout(timeout);
      socket.off("data", onData).off("error", reject).off("end", onEnd);
    };
    socket.on("data", onData).on("error", reject).on("end", onEnd);
  }
}

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
