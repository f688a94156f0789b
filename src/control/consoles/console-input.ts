/**
 * What is typed into the console of one VM: its input sessions, each from its clients to whoever is primary, and back to them what a
 * primary has acknowledged.
 *
 *     client --type--> session --forward--> primary --acknowledged--> session --ack--> its clients
 *                        ^  '-- where the primary stands elsewhere, or had no room: again from there
 *                        '----- unknown until a primary says where it stands, and again after each failover
 */
import type { InputContent } from "../../wire/console-frames.ts";
import type { ReplicaReport, WorkerMessage } from "../../wire/control-messages.ts";
import type { WorkerLink } from "../workers/worker-link.ts";
import type { ConsoleClient } from "./console-client.ts";
import { type AcceptVerdict, InputSession } from "./input-session.ts";

/** Input that a session may have unacknowledged here, before its client is not read any more. */
const INPUT_PAUSE_BYTES = 256 * 1024;
/** A primary whose input buffer was full is asked again after this. */
const INPUT_RETRY_MS = 50;

/** A console's way to its VM's primary. */
export interface ConsoleSubscription {
  readonly id: number;
  readonly link: WorkerLink;
  readonly replicaId: string;
  /** What said that it is the primary. */
  readonly report: ReplicaReport;
  /** The worker has answered it. */
  confirmed: boolean;
}

export interface ConsoleInputOptions {
  readonly clients: ReadonlySet<ConsoleClient>;
  readonly subscription: () => ConsoleSubscription | null;
  readonly onAcknowledged: (delayMs: number) => void;
  /** Those who wait for a session may look again. */
  readonly onChanged: () => void;
}

export class ConsoleInput {
  private readonly options: ConsoleInputOptions;
  private readonly sessions = new Map<string, InputSession>();
  /** Sessions of calls that wait for their acknowledgement. */
  private readonly held = new Set<InputSession>();
  private readonly retries = new Map<InputSession, NodeJS.Timeout>();
  private readonly paused = new Set<ConsoleClient>();

  constructor(options: ConsoleInputOptions) {
    this.options = options;
  }

  get all(): Iterable<InputSession> {
    return this.sessions.values();
  }

  /** As it is known here; asks the primary where it stands. */
  session(id: string): InputSession {
    let session = this.sessions.get(id);
    if (session === undefined) {
      session = new InputSession(id);
      this.sessions.set(id, session);
    }
    if (!session.isKnown) this.ask(session);
    return session;
  }

  /** Keeps a session that no client has. @returns what ends that */
  hold(session: InputSession): () => void {
    this.held.add(session);
    return () => {
      this.held.delete(session);
      this.forgetIdle();
    };
  }

  type(session: InputSession, offset: bigint, content: InputContent): AcceptVerdict {
    const verdict = session.accept(offset, content);
    if (verdict.kind === "accepted") session.ackDelays.received(session.inputEnd, performance.now());
    this.forward(session);
    return verdict;
  }

  /** A client that types faster than is acknowledged is not read for a while. */
  pauseIfBehind(client: ConsoleClient, session: InputSession): void {
    if (session.unackedBytes <= INPUT_PAUSE_BYTES) return;
    client.pause();
    this.paused.add(client);
  }

  /** A client is gone. */
  forget(client: ConsoleClient): void {
    this.paused.delete(client);
  }

  /** A session that nobody holds and that waits for nothing is the machine's alone. */
  forgetIdle(): void {
    const held = new Set([...this.options.clients].map((client) => client.input));
    for (const [id, session] of this.sessions) {
      if (held.has(session) || this.held.has(session) || session.unackedBytes > 0) continue;
      this.sessions.delete(id);
      clearTimeout(this.retries.get(session));
      this.retries.delete(session);
    }
  }

  close(): void {
    for (const timer of this.retries.values()) clearTimeout(timer);
    this.retries.clear();
  }

  // ---- what the primary says

  /** Another primary is there, or the same one again: where does each session stand? */
  askAll(): void {
    for (const session of this.sessions.values()) this.ask(session);
  }

  disconnected(): void {
    for (const session of this.sessions.values()) session.disconnected();
  }

  stands(id: string, inputNext: bigint): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    const current = this.options.subscription() as ConsoleSubscription;
    const protects = (current.link.reports.get(current.replicaId)?.synced.length ?? 0) > 0;
    if (!session.resume(inputNext, protects ? "replicated" : "solo")) {
      this.expire(session, "input_session_expired: the primary does not know this session any more");
    } else {
      this.acknowledgeToClients(session);
      this.forward(session);
    }
    this.options.onChanged();
  }

  acknowledged(message: Extract<WorkerMessage, { type: "consoleInputAck" }>): void {
    const session = this.sessions.get(message.inputSession);
    const inputNext = BigInt(message.inputNext);
    if (session === undefined || !session.acknowledge(inputNext, message.durability)) return;
    for (const delayMs of session.ackDelays.acknowledged(inputNext, performance.now())) this.options.onAcknowledged(delayMs);
    this.acknowledgeToClients(session);
    this.forward(session);
    this.options.onChanged();
  }

  refused({ inputSession, inputNext, code }: Extract<WorkerMessage, { type: "consoleInputRefused" }>): void {
    const session = this.sessions.get(inputSession);
    if (session === undefined) return;
    switch (code) {
      case "not_primary":
        // Another primary will be heard of, and the session is asked for there.
        session.disconnected();
        return;
      case "input_session_expired":
        this.expire(session, "input_session_expired: the machine does not know this session any more, open a new one");
        return;
      case "input_offset_gap":
      case "input_buffer_full":
        if (!session.rewind(BigInt(inputNext))) {
          this.expire(session, "input_session_expired: the machine stands below what was acknowledged");
        } else if (!this.retries.has(session)) {
          this.retries.set(
            session,
            setTimeout(() => {
              this.retries.delete(session);
              this.forward(session);
            }, INPUT_RETRY_MS),
          );
        }
        return;
    }
  }

  // ---- inside

  private forward(session: InputSession): void {
    const current = this.options.subscription();
    if (current === null || !current.confirmed || this.retries.has(session)) return;
    session.forward((offset, content) =>
      current.link.sendConsoleFrame({ type: "input", subscription: current.id, inputSession: session.id, offset, content }),
    );
  }

  private ask(session: InputSession): void {
    const current = this.options.subscription();
    if (current?.confirmed === true) current.link.send({ type: "consoleSession", subscription: current.id, inputSession: session.id });
  }

  private acknowledgeToClients(session: InputSession): void {
    const { durability } = session;
    for (const client of this.options.clients) {
      if (client.input !== session) continue;
      client.tell({ type: "ack", inputSession: session.id, inputNext: session.inputNext.toString(), durability });
      if (this.paused.has(client) && session.unackedBytes < INPUT_PAUSE_BYTES / 2) {
        this.paused.delete(client);
        client.resume();
      }
    }
  }

  private expire(session: InputSession, reason: string): void {
    this.sessions.delete(session.id);
    session.expired = true;
    for (const client of this.options.clients) if (client.input === session) client.close(4409, reason);
    this.options.onChanged();
  }
}
