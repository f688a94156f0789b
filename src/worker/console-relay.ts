/**
 * Console subscriptions of one control plane: released output of primaries up, input down, acks and refusals back.
 *
 * There is one relay for each connection to a control plane, and it ends with that. Output waits in the replica's history, not
 * here: a subscription is a cursor, and it moves only as fast as the control channel takes bytes.
 */
import { CONSOLE_PAYLOAD_MAX, type ControlConsoleFrame, contentLength, encodeControlConsoleFrame } from "../wire/console-frames.ts";
import type { ControlMessage, WorkerMessage } from "../wire/control-messages.ts";
import type { ReplicaDriver } from "./replica-driver.ts";

/** No more output is handed over while so much of it waits in the control channel's socket. */
const QUEUED_BYTES_MAX = 1024 * 1024;

interface ConsoleTransport {
  send(message: WorkerMessage): boolean;
  sendConsoleFrame(frame: Uint8Array, onSent: () => void): void;
  readonly queuedBytes: number;
}

interface Subscription {
  readonly id: number;
  readonly replica: ReplicaDriver;
  /** Offset of the next byte to send. */
  next: bigint;
}

type ClosedCode = Extract<WorkerMessage, { type: "consoleClosed" }>["code"];

export class ConsoleRelay {
  private readonly subscriptions = new Map<number, Subscription>();
  /** `replica inputSession` -> the subscription that spoke for it last: there its acks go. */
  private readonly speakers = new Map<string, number>();
  private congested = false;

  constructor(
    private readonly transport: ConsoleTransport,
    private readonly findReplica: (replicaId: string) => ReplicaDriver | undefined,
  ) {}

  subscribe({ subscription: id, replicaId, from }: Extract<ControlMessage, { type: "consoleSubscribe" }>): void {
    const replica = this.findReplica(replicaId);
    const code = replica === undefined ? "replica_gone" : closedCode(replica);
    if (replica === undefined || code !== null) {
      this.transport.send({ type: "consoleClosed", subscription: id, code: code ?? "replica_gone" });
      return;
    }
    const { history } = replica;
    const asked = BigInt(from);
    // Beyond the end: another primary has released it, and this one is about to; the stream begins when it has.
    const next = asked > history.base ? history.heldFrom(asked) : history.keptFrom(asked);
    this.subscriptions.set(id, { id, replica, next });
    this.transport.send({
      type: "consoleSubscribed",
      subscription: id,
      from: next.toString(),
      base: history.base.toString(),
      oldest: history.oldest.toString(),
      end: history.released.toString(),
      term: replica.status().term.toString(),
    });
    this.pumpAll();
  }

  unsubscribe(id: number): void {
    this.subscriptions.delete(id);
    for (const [session, speaker] of this.speakers) if (speaker === id) this.speakers.delete(session);
  }

  /** A client resumes an input session. */
  session({ subscription: id, inputSession }: Extract<ControlMessage, { type: "consoleSession" }>): void {
    const subscription = this.subscriptions.get(id);
    if (subscription === undefined) return;
    this.speakers.set(speakerKey(subscription.replica, inputSession), id);
    const inputNext = subscription.replica.inputNext(inputSession).toString();
    this.transport.send({ type: "consoleSession", subscription: id, inputSession, inputNext });
  }

  input({ subscription: id, inputSession, offset, content }: Extract<ControlConsoleFrame, { type: "input" }>): void {
    const subscription = this.subscriptions.get(id);
    if (subscription === undefined || contentLength(content) === 0) return;
    this.speakers.set(speakerKey(subscription.replica, inputSession), id);
    // The frame's buffer is the socket's; the core keeps the bytes until they are delivered.
    subscription.replica.deviceInput(inputSession, offset, content instanceof Uint8Array ? content.slice() : content);
  }

  inputAcknowledged(replica: ReplicaDriver, inputSession: string, inputNext: bigint, durability: "replicated" | "solo"): void {
    const subscription = this.speakers.get(speakerKey(replica, inputSession));
    if (subscription === undefined) return;
    this.transport.send({ type: "consoleInputAck", subscription, inputSession, inputNext: inputNext.toString(), durability });
  }

  inputRefused(
    replica: ReplicaDriver,
    {
      inputSession,
      inputNext,
      code,
    }: Pick<Extract<WorkerMessage, { type: "consoleInputRefused" }>, "inputSession" | "code"> & { inputNext: bigint },
  ): void {
    const subscription = this.speakers.get(speakerKey(replica, inputSession));
    if (subscription === undefined) return;
    this.transport.send({ type: "consoleInputRefused", subscription, inputSession, inputNext: inputNext.toString(), code });
  }

  /** More output is released, or the replica's role or state is another. */
  replicaChanged(): void {
    this.pumpAll();
  }

  /** What it wrote last is sent first: another control plane, which had read it all, may have dropped it. */
  replicaDropped(replica: ReplicaDriver): void {
    for (const subscription of [...this.subscriptions.values()]) {
      if (subscription.replica !== replica) continue;
      while (this.pump(subscription));
      if (this.subscriptions.has(subscription.id)) this.close(subscription, "replica_gone");
    }
  }

  /** Gives each subscription a frame in turn, until there is nothing to send or the socket has enough. */
  private pumpAll(): void {
    for (let progress = true; progress; ) {
      progress = false;
      for (const subscription of [...this.subscriptions.values()]) {
        if (this.transport.queuedBytes > QUEUED_BYTES_MAX) {
          this.congested = true;
          return;
        }
        if (this.pump(subscription)) progress = true;
      }
    }
  }

  /** @returns true where a frame was sent, so that there may be more */
  private pump(subscription: Subscription): boolean {
    const { id, replica } = subscription;
    const { history } = replica;
    // The reader was too slow and the bytes are gone, or it is at the end of the head: the jump of the offset tells it so.
    subscription.next = history.heldFrom(subscription.next);
    const bytes = history.read(subscription.next, CONSOLE_PAYLOAD_MAX);
    if (bytes.length === 0) {
      const code = closedCode(replica);
      if (code !== null) this.close(subscription, code);
      else if (!replica.running && replica.status().haltReason === "guest_halted") this.close(subscription, "guest_halted");
      return false;
    }
    const frame = encodeControlConsoleFrame({ type: "output", subscription: id, offset: subscription.next, bytes });
    subscription.next += BigInt(bytes.length);
    this.transport.sendConsoleFrame(frame, () => this.relieved());
    return true;
  }

  private relieved(): void {
    if (!this.congested || this.transport.queuedBytes > QUEUED_BYTES_MAX / 2) return;
    this.congested = false;
    this.pumpAll();
  }

  private close(subscription: Subscription, code: ClosedCode): void {
    this.unsubscribe(subscription.id);
    this.transport.send({ type: "consoleClosed", subscription: subscription.id, code });
  }
}

/** Why nobody may read this replica's console; null: anybody may. */
function closedCode(replica: ReplicaDriver): ClosedCode | null {
  const { role, haltReason } = replica.status();
  if (role !== "primary") return "not_primary";
  if (replica.running || haltReason === "guest_halted") return null;
  return haltReason === "fenced" || haltReason === "handed_over" ? "not_primary" : "replica_gone";
}

function speakerKey(replica: ReplicaDriver, inputSession: string): string {
  return `${replica.replicaId} ${inputSession}`;
}
