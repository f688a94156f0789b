/**
 * One attached client: its cursor over the output, its credit, and its frames in.
 *
 *     attached --credit, bytes--> sending --credit used up, or the socket is full--> waiting --ACK, drained--> sending
 *        |                                                                             '-- slowConsumerMs --> closed 4408
 *        |-- malformed frame --> closed 4400
 *        '-- twice a full socket of messages --> closed 4408, without a word where it takes none
 */
import type { WebSocket } from "ws";
import { UnderstudyError } from "../../base/errors.ts";
import { CONSOLE_PAYLOAD_MAX, decodeConsoleFrame, encodeConsoleFrame } from "../../wire/console-frames.ts";
import type { ConsoleClientMessage, ConsoleServerMessage } from "../schemas/console.ts";
import type { InputSession } from "./input-session.ts";
import type { OutputWindow } from "./output-window.ts";

/** Nothing more is written to a socket in which so much waits. */
const SOCKET_BUFFER_MAX = 1024 * 1024;

export interface ConsoleClientOptions {
  readonly sessionId: string;
  readonly from: bigint;
  readonly windowBytes: number;
  readonly slowConsumerMs: number;
  readonly heartbeatMs: number;
}

export interface ConsoleClientEvents {
  /** Bytes of the guest's input. */
  onInput(client: ConsoleClient, offset: bigint, bytes: Uint8Array): void;
  onMessage(client: ConsoleClient, message: ConsoleClientMessage): void;
  onClosed(client: ConsoleClient): void;
}

export class ConsoleClient {
  readonly sessionId: string;
  /** Null: it reads only. Kept while another has the right to write. */
  input: InputSession | null = null;
  private readonly socket: WebSocket;
  private readonly options: ConsoleClientOptions;
  private readonly events: ConsoleClientEvents;
  private cursor: bigint;
  private acked: bigint;
  private windowBytes: bigint;
  private alive = true;
  private stalled: NodeJS.Timeout | null = null;
  private readonly heartbeat: NodeJS.Timeout;
  private source: { window: OutputWindow; term: () => number } | null = null;
  /** Once its cursor comes to the end of the output, it is closed with this. */
  private ending: { code: number; reason: string } | null = null;

  constructor(socket: WebSocket, options: ConsoleClientOptions, events: ConsoleClientEvents) {
    this.socket = socket;
    this.options = options;
    this.events = events;
    this.sessionId = options.sessionId;
    this.cursor = options.from;
    this.acked = options.from;
    this.windowBytes = BigInt(options.windowBytes);
    this.heartbeat = setInterval(() => this.beat(), options.heartbeatMs);
    socket.on("message", (data, isBinary) => this.receive(data as Buffer, isBinary));
    socket.on("pong", () => {
      this.alive = true;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => this.closed());
  }

  /** Offset of the next byte to send. */
  get position(): bigint {
    return this.cursor;
  }

  /** Begins to send output, after the hello. */
  start(window: OutputWindow, term: () => number): void {
    this.source = { window, term };
    this.pump();
  }

  /** A client that reads nothing is let go before its messages fill the memory: their number has no credit of its own. */
  tell(message: ConsoleServerMessage): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.bufferedAmount > 2 * SOCKET_BUFFER_MAX) this.cutOff();
    else this.socket.send(JSON.stringify(message));
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason.slice(0, 120));
  }

  /** Closes once everything that the window holds has been sent. */
  closeAtEnd(code: number, reason: string): void {
    this.ending = { code, reason };
    this.pump();
  }

  /** No more input is taken from this client until `resume`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Sends what there is, as far as credit and socket allow. */
  pump(): void {
    if (this.source === null || this.socket.readyState !== this.socket.OPEN) return;
    const { window, term } = this.source;
    if (this.cursor < window.oldest) {
      this.tell({ type: "gap", requested: this.cursor.toString(), resumedAt: window.oldest.toString(), reason: "trimmed" });
      this.cursor = window.oldest;
      this.acked = this.cursor;
    }
    while (this.cursor < window.end) {
      const credit = this.windowBytes - (this.cursor - this.acked);
      if (credit <= 0n || this.socket.bufferedAmount > SOCKET_BUFFER_MAX) {
        this.stall();
        return;
      }
      const bytes = window.read(this.cursor, Math.min(CONSOLE_PAYLOAD_MAX, Number(credit)));
      const frame = encodeConsoleFrame({ type: "out", term: term(), offset: this.cursor, bytes });
      this.cursor += BigInt(bytes.length);
      this.socket.send(frame, () => {
        if (this.stalled !== null) this.pump();
      });
    }
    this.unstall();
    if (this.ending !== null) this.close(this.ending.code, this.ending.reason);
  }

  private receive(data: Buffer, isBinary: boolean): void {
    this.alive = true;
    try {
      if (isBinary) this.receiveFrame(data);
      else this.events.onMessage(this, parseMessage(data.toString("utf8")));
    } catch (error) {
      if (!(error instanceof UnderstudyError)) throw error;
      this.close(4400, error.message);
    }
  }

  private receiveFrame(data: Buffer): void {
    const frame = decodeConsoleFrame(data);
    switch (frame.type) {
      case "out":
        throw new UnderstudyError("bad_frame", "Cannot take an OUT frame: only the service sends them");
      case "in":
        this.events.onInput(this, frame.offset, frame.bytes);
        return;
      case "ack":
        if (frame.offset > this.cursor) {
          throw new UnderstudyError("bad_frame", `Cannot take an ACK of ${frame.offset}: only what is below ${this.cursor} was sent`);
        }
        if (frame.offset > this.acked) this.acked = frame.offset;
        this.windowBytes = BigInt(frame.window);
        this.unstall();
        this.pump();
        return;
    }
  }

  private stall(): void {
    this.stalled ??= setTimeout(() => {
      this.cutOff();
    }, this.options.slowConsumerMs);
  }

  private cutOff(): void {
    this.close(4408, "slow consumer: come back with from=<next offset>");
  }

  private unstall(): void {
    if (this.stalled !== null) clearTimeout(this.stalled);
    this.stalled = null;
  }

  private beat(): void {
    if (!this.alive) {
      this.socket.terminate();
      return;
    }
    this.alive = false;
    if (this.socket.readyState === this.socket.OPEN) this.socket.ping();
  }

  private closed(): void {
    clearInterval(this.heartbeat);
    this.unstall();
    this.source = null;
    this.events.onClosed(this);
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws {UnderstudyError} `bad_frame` */
function parseMessage(text: string): ConsoleClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnderstudyError("bad_frame", "Cannot read the text frame: it is not JSON");
  }
  const { type, inputSession } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  switch (type) {
    case "ping":
    case "pong":
    case "release_write":
      return { type };
    case "request_write":
      if (inputSession === undefined) return { type };
      if (typeof inputSession !== "string" || !UUID.test(inputSession)) {
        throw new UnderstudyError("bad_frame", "Cannot take request_write: inputSession is not a lower-case UUID");
      }
      return { type, inputSession };
    default:
      throw new UnderstudyError("bad_frame", `Cannot read the text frame: its type is ${JSON.stringify(type)?.slice(0, 40)}`);
  }
}
