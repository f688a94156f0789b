/**
 * One attached client: its cursor over the output, its credit, and its frames in.
 *
 *     attached --credit, bytes--> sending --credit used up, or the socket is full--> waiting --ACK, drained--> sending
 *        |                                                                             '-- slowConsumerMs --> closed 4408
 *        |-- malformed frame --> closed 4400
 *        |-- its credential is good no more --> closed 4401
 *        '-- twice a full socket of messages --> closed 4408, without a word where it takes none
 */
import type { WebSocket } from "ws";
import { UnderstudyError } from "../../base/errors.ts";
import { contentLength, type InputContent } from "../../wire/console-frames.ts";
import type { ApiCall } from "../domain/api-call.ts";
import type { ConsoleClientMessage, ConsoleServerMessage } from "../schemas/console.ts";
import type { ConsoleFraming } from "./framing.ts";
import type { InputSession } from "./input-session.ts";
import type { OutputFrames } from "./output-frames.ts";

/** Nothing more is written to a socket in which so much waits. */
const SOCKET_BUFFER_MAX = 1024 * 1024;

/** Whose attachment it is, as the credential said. */
export interface ConsoleIdentity {
  /** Token that was shown, or that made the ticket. */
  readonly tokenId: string;
  /** When that is good no more; null: it stays good. */
  readonly expiresAt: Date | null;
  readonly mayWrite: boolean;
  /** The call that was upgraded. */
  readonly call: ApiCall;
}

export interface ConsoleClientOptions {
  readonly sessionId: string;
  readonly identity: ConsoleIdentity;
  readonly framing: ConsoleFraming;
  readonly from: bigint;
  readonly windowBytes: number;
  readonly slowConsumerMs: number;
  readonly heartbeatMs: number;
}

export interface ConsoleClientEvents {
  /** Bytes of the guest's input, or its terminal's size; `offset` null: at the end of what was typed before. */
  onInput(client: ConsoleClient, offset: bigint | null, content: InputContent): void;
  /** Output that it came for is no longer held. */
  onGap(): void;
  onMessage(client: ConsoleClient, message: Exclude<ConsoleClientMessage, { type: "resize" }>): void;
  onClosed(client: ConsoleClient, why: { readonly code: number; readonly reason: string }): void;
}

export class ConsoleClient {
  readonly sessionId: string;
  readonly identity: ConsoleIdentity;
  readonly attachedAt = new Date();
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
  private source: OutputFrames | null = null;
  /** Once its cursor comes to the end of the output, it is closed with this. */
  private ending: { code: number; reason: string } | null = null;

  constructor(socket: WebSocket, options: ConsoleClientOptions, events: ConsoleClientEvents) {
    this.socket = socket;
    this.options = options;
    this.events = events;
    this.sessionId = options.sessionId;
    this.identity = options.identity;
    this.cursor = options.from;
    this.acked = options.from;
    this.windowBytes = BigInt(options.windowBytes);
    this.heartbeat = setInterval(() => this.beat(), options.heartbeatMs);
    socket.on("message", (data, isBinary) => this.receive(data as Buffer, isBinary));
    socket.on("pong", () => {
      this.alive = true;
    });
    socket.on("error", () => undefined);
    socket.on("close", (code, reason) => this.closed({ code, reason: reason.toString("utf8") }));
  }

  /** Offset of the next byte to send. */
  get position(): bigint {
    return this.cursor;
  }

  /** Sent, and not consumed by the client yet, as far as it says so. */
  get unackedBytes(): number {
    return Number(this.cursor - this.acked);
  }

  get subprotocol(): ConsoleFraming["subprotocol"] {
    return this.options.framing.subprotocol;
  }

  /** Begins to send output, after the hello. */
  start(source: OutputFrames): void {
    this.source = source;
    this.pump();
  }

  /** A client that reads nothing is let go before its messages fill the memory: their number has no credit of its own. */
  tell(message: ConsoleServerMessage): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    const frame = this.options.framing.message(message);
    if (frame === null) return;
    if (typeof frame !== "string") this.close(frame.code, frame.reason);
    else if (this.socket.bufferedAmount > 2 * SOCKET_BUFFER_MAX) this.cutOff();
    else this.socket.send(frame);
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
    const { source } = this;
    if (source === null || this.socket.readyState !== this.socket.OPEN) return;
    const { window } = source;
    while (this.cursor < window.end) {
      const held = window.heldFrom(this.cursor);
      if (held !== this.cursor) {
        this.events.onGap();
        this.tell({ type: "gap", requested: this.cursor.toString(), resumedAt: held.toString(), reason: "trimmed" });
        // A connection that has no words for a gap ends here.
        if (this.socket.readyState !== this.socket.OPEN) return;
        this.cursor = held;
        this.acked = this.cursor;
        continue;
      }
      const credit = this.windowBytes - (this.cursor - this.acked);
      if (credit <= 0n || this.socket.bufferedAmount > SOCKET_BUFFER_MAX) {
        this.stall();
        return;
      }
      const { data, length } = source.frame(this.options.framing, this.cursor, Number(credit));
      this.cursor += BigInt(length);
      if (!this.options.framing.acknowledges) this.acked = this.cursor;
      this.socket.send(data, { binary: true }, () => {
        if (this.stalled !== null) this.pump();
      });
    }
    this.unstall();
    if (this.ending !== null) this.close(this.ending.code, this.ending.reason);
  }

  private receive(data: Buffer, isBinary: boolean): void {
    this.alive = true;
    try {
      const receipt = this.options.framing.receive(data, isBinary);
      switch (receipt.kind) {
        case "message":
          this.events.onMessage(this, receipt.message);
          return;
        case "input":
          if (contentLength(receipt.content) > 0) this.events.onInput(this, receipt.offset, receipt.content);
          return;
        case "ack":
          this.acknowledged(receipt.offset, receipt.window);
          return;
      }
    } catch (error) {
      if (!(error instanceof UnderstudyError)) throw error;
      this.close(4400, error.message);
    }
  }

  private acknowledged(offset: bigint, window: number): void {
    if (offset > this.cursor) {
      throw new UnderstudyError("bad_frame", `Cannot take an ACK of ${offset}: only what is below ${this.cursor} was sent`);
    }
    if (offset > this.acked) this.acked = offset;
    this.windowBytes = BigInt(window);
    // Without credit it waits for this; else for its turn.
    if (this.stalled === null) return;
    this.unstall();
    this.pump();
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
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.socket.ping();
    // Pages see no WebSocket ping.
    this.tell({ type: "ping" });
  }

  private closed(why: { readonly code: number; readonly reason: string }): void {
    clearInterval(this.heartbeat);
    this.unstall();
    this.source = null;
    this.events.onClosed(this, why);
  }
}
