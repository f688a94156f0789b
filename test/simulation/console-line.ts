/**
 * A console line: what a gateway and the worker with a replica say to each other over a connection of the network. The gateway attaches
 * at the offset up to which its client has read; the worker sends what is released from there on, acks, and refusals.
 */
import type { TerminalSize } from "../../src/engine/epoch.ts";
import { outputBetween } from "./history.ts";
import type { Connection, Receiver } from "./network.ts";
import type { HostedReplica } from "./worker.ts";

export type ConsoleFrame =
  // gateway -> worker
  | { readonly kind: "attach"; readonly from: number }
  | { readonly kind: "input"; readonly inputSession: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "resize"; readonly inputSession: string; readonly offset: number; readonly size: TerminalSize }
  // worker -> gateway
  | { readonly kind: "output"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "acknowledged"; readonly inputSession: string; readonly next: number }
  | { readonly kind: "refused"; readonly inputSession: string; readonly next: number; readonly code: string };

/** Of a frame, beside what it carries. */
const FRAME_BYTES = 16;

export function frameBytes(frame: ConsoleFrame): number {
  return "bytes" in frame ? FRAME_BYTES + frame.bytes.length : FRAME_BYTES;
}

/** The worker's end. */
export class ConsolePort {
  private connection: Connection<ConsoleFrame> | null = null;
  private sentTo: number | null = null;
  readonly receiver: Receiver<ConsoleFrame>;

  constructor(private readonly replica: HostedReplica) {
    this.receiver = {
      process: replica.process,
      received: (frame) => this.received(frame),
      closed: () => replica.ports.delete(this),
    };
  }

  connected(connection: Connection<ConsoleFrame>): void {
    this.connection = connection;
    this.replica.ports.add(this);
  }

  /** Something more is released. */
  pump(): void {
    const { replica, sentTo } = this;
    if (sentTo === null || replica.released <= sentTo) return;
    const bytes = outputBetween(replica.head, sentTo, replica.released);
    this.sentTo = replica.released;
    this.send({ kind: "output", offset: replica.released - bytes.length, bytes });
  }

  send(frame: ConsoleFrame): void {
    this.connection?.send(1, frame, frameBytes(frame));
  }

  close(): void {
    this.replica.ports.delete(this);
    this.connection?.close(1);
  }

  private received(frame: ConsoleFrame): void {
    switch (frame.kind) {
      case "attach":
        if (!this.replica.alive) {
          this.close();
          return;
        }
        this.sentTo = frame.from;
        this.pump();
        return;
      case "input":
      case "resize":
        this.replica.feed({
          kind: "deviceInput",
          inputSession: frame.inputSession,
          offset: BigInt(frame.offset),
          content: frame.kind === "resize" ? frame.size : frame.bytes,
        });
        return;
      default:
        throw new Error(`a gateway does not send "${frame.kind}"`);
    }
  }
}
