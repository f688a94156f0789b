/** The fake service's consoles: `understudy.console.v1` over a real WebSocket, for output and input of a guest that a test speaks for. */
import type { WebSocket } from "ws";
import { CONSOLE_PAYLOAD_MAX, decodeConsoleFrame, encodeConsoleFrame, type InputContent } from "../../wire/console-frames.ts";
import type { FakeVm } from "./fake-vm.ts";

export const CONSOLE_SUBPROTOCOL = "understudy.console.v1";
const WINDOW_BYTES = 256 * 1024;
const HEARTBEAT_MS = 15_000;

export interface FakeAttachment {
  readonly mode: "read" | "write";
  /** `start`, `end`, `tail:<bytes>` or an offset. */
  readonly from: string;
  readonly inputSession: string | null;
  readonly takeover: boolean;
}

interface Client extends FakeAttachment {
  readonly id: string;
  readonly socket: WebSocket;
  session: string;
  writes: boolean;
  /** Offset of the next byte to send. */
  next: number;
  acked: number;
  window: number;
}

export class FakeConsoles {
  private readonly clients = new Map<FakeVm, Set<Client>>();
  private count = 0;

  /** @returns the session that may write, where it is another than this input session's */
  otherWriter(vm: FakeVm, inputSession: string | null): string | null {
    const writer = this.writerOf(vm);
    return writer === undefined || writer.session === inputSession ? null : writer.id;
  }

  attach(vm: FakeVm, socket: WebSocket, attachment: FakeAttachment): void {
    const from = offsetOf(attachment.from, vm.output.length);
    const session = attachment.inputSession ?? crypto.randomUUID();
    const id = `con_${String(++this.count).padStart(26, "0")}`;
    const client: Client = { ...attachment, id, socket, session, writes: false, next: from, acked: from, window: WINDOW_BYTES };
    this.of(vm).add(client);
    if (attachment.mode === "write") this.grant(vm, client);
    const { status } = vm.resource;
    const input = client.mode === "write" ? { inputSession: session, inputNext: String(vm.sessions.get(session) ?? 0n) } : null;
    this.send(client, {
      ...{ type: "hello", vmId: vm.id, sessionId: id, mode: client.mode, state: status.state, term: status.term },
      ...{ outOldest: "0", outEnd: String(vm.output.length), from: String(from), inputSession: null, inputNext: "0", ...input },
      ...{ writer: this.writerOf(vm)?.id ?? null, window: WINDOW_BYTES, heartbeatMs: HEARTBEAT_MS },
    });
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.onFrame(vm, client, data);
      else this.onControl(vm, client, data.toString("utf8"));
    });
    socket.on("close", () => {
      this.of(vm).delete(client);
      vm.resource.status.console.writer = this.writerOf(vm)?.id ?? null;
    });
    this.pump(vm, client);
  }

  /** Sends what the windows allow. */
  written(vm: FakeVm): void {
    for (const client of this.of(vm)) this.pump(vm, client);
  }

  tell(vm: FakeVm, message: Readonly<Record<string, unknown>>): void {
    for (const client of this.of(vm)) this.send(client, message);
  }

  cut(vm: FakeVm): void {
    for (const client of this.of(vm)) client.socket.terminate();
  }

  close(vm: FakeVm, code: number, reason: string): void {
    for (const client of this.of(vm)) client.socket.close(code, reason);
  }

  private of(vm: FakeVm): Set<Client> {
    const clients = this.clients.get(vm) ?? new Set();
    this.clients.set(vm, clients);
    return clients;
  }

  private writerOf(vm: FakeVm): Client | undefined {
    return [...this.of(vm)].find(({ writes }) => writes);
  }

  private grant(vm: FakeVm, client: Client): void {
    const before = this.writerOf(vm);
    if (before !== undefined && before !== client) {
      before.writes = false;
      // Its own input session came back on another connection, or somebody took the right to write.
      if (before.session === client.session) before.socket.close(4409, "console_writer_busy: the input session was resumed elsewhere");
      else this.send(before, { type: "writer", change: "demoted", writer: client.id, by: client.id });
    }
    client.writes = true;
    vm.resource.status.console.writer = client.id;
  }

  private onControl(vm: FakeVm, client: Client, text: string): void {
    const message = JSON.parse(text) as { readonly type: string; readonly cols: number; readonly rows: number; readonly offset?: string };
    const { type } = message;
    if (type === "resize") this.onInput(vm, client, message.offset === undefined ? null : BigInt(message.offset), message);
    else if (type === "ping") this.send(client, { type: "pong" });
    else if (type === "request_write") {
      const other = this.otherWriter(vm, client.session);
      if (other !== null) this.send(client, { type: "writer", change: "refused", writer: other, by: null });
      else {
        this.grant(vm, client);
        const inputNext = String(vm.sessions.get(client.session) ?? 0n);
        this.send(client, { type: "writer", change: "granted", writer: client.id, by: client.id, inputSession: client.session, inputNext });
      }
    } else if (type === "release_write" && client.writes) {
      client.writes = false;
      vm.resource.status.console.writer = null;
      this.send(client, { type: "writer", change: "demoted", writer: null, by: client.id });
    }
  }

  private onFrame(vm: FakeVm, client: Client, data: Buffer): void {
    const frame = decodeConsoleFrame(data);
    if (frame.type === "ack") {
      client.acked = Math.max(client.acked, Number(frame.offset));
      client.window = frame.window;
      this.pump(vm, client);
      return;
    }
    if (frame.type !== "in") {
      client.socket.close(4400, "bad_request: a frame that only the service sends");
      return;
    }
    this.onInput(vm, client, frame.offset, frame.bytes);
  }

  /** @param at null: at the end of what was typed before */
  private onInput(vm: FakeVm, client: Client, at: bigint | null, content: InputContent): void {
    if (!client.writes) {
      client.socket.close(4409, "console_writer_busy: this session may not write");
      return;
    }
    const wanted = vm.sessions.get(client.session) ?? 0n;
    const offset = at ?? wanted;
    if (offset > wanted) {
      client.socket.close(4409, `input_offset_gap: the next byte is ${wanted}, these begin at ${offset}`);
      return;
    }
    if (!(content instanceof Uint8Array)) {
      if (offset === wanted) vm.resized(client.session, content);
    } else {
      const fresh = content.subarray(Number(wanted - offset));
      if (fresh.length > 0) vm.typed(client.session, fresh);
    }
    const inputNext = String(vm.sessions.get(client.session) ?? 0n);
    const durability = vm.isProtected ? "replicated" : "solo";
    this.send(client, { type: "ack", inputSession: client.session, inputNext, durability });
  }

  private pump(vm: FakeVm, client: Client): void {
    const limit = Math.min(vm.output.length, client.acked + client.window);
    while (client.next < limit) {
      const bytes = vm.output.subarray(client.next, Math.min(limit, client.next + CONSOLE_PAYLOAD_MAX));
      client.socket.send(encodeConsoleFrame({ type: "out", term: vm.resource.status.term, offset: BigInt(client.next), bytes }));
      client.next += bytes.length;
    }
  }

  private send(client: Client, message: Readonly<Record<string, unknown>>): void {
    client.socket.send(JSON.stringify(message));
  }
}

function offsetOf(from: string, end: number): number {
  if (from === "start") return 0;
  if (from === "end") return end;
  if (from.startsWith("tail:")) return Math.max(0, end - Number(from.slice(5)));
  return Math.min(Number(from), end);
}
