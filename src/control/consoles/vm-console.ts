/**
 * The console of one VM: one subscription to whoever is primary, one window of output, one writer, any number of readers.
 *
 *     waiting --a primary is heard of--> subscribing --consoleSubscribed--> following --channel closed, or another primary--> waiting
 *                                                                             '-- guest_halted --> ended (all it wrote is here)
 *     ended --another guest begins--> waiting
 *     subscribing, following --consoleClosed--> waiting (for another primary, or another report of this one)
 *
 * Over a failover the next subscription begins at this window's end, so clients see one stream, and a `term` message.
 */
import type { FastifyBaseLogger } from "fastify";
import type { ControlConsoleFrame, InputContent } from "../../wire/console-frames.ts";
import type { ReplicaReport, WorkerMessage } from "../../wire/control-messages.ts";
import type { ConsoleRetention } from "../domain/console-retention.ts";
import type { VmState } from "../domain/vm-state.ts";
import type { ConsoleClientMessage, ConsoleServerMessage } from "../schemas/console.ts";
import type { WorkerLink } from "../workers/worker-link.ts";
import type { ConsoleClient } from "./console-client.ts";
import { ConsoleInput, type ConsoleSubscription } from "./console-input.ts";
import type { AcceptVerdict, InputSession } from "./input-session.ts";
import { OutputFrames } from "./output-frames.ts";
import { OutputGathering } from "./output-gathering.ts";
import { OutputWindow } from "./output-window.ts";

/** What a reader who is behind may make us hold. */
const WINDOW_MAX_BYTES = 8 * 1024 * 1024;
export interface VmConsoleOptions {
  readonly vmId: string;
  readonly retention: ConsoleRetention;
  readonly state: VmState;
  readonly term: number;
  /** The term in which the present guest began. */
  readonly guestTerm: bigint;
  readonly consoleEnd: bigint;
  readonly log: FastifyBaseLogger;
  readonly nextSubscription: () => number;
  readonly onWriterChanged: (
    vmId: string,
    writer: { readonly sessionId: string; readonly inputSession: string } | null,
    by: ConsoleClient,
  ) => void;
  /** Those who are attached had no output for so long over the promotion of this replica. */
  readonly onSilenceEnded: (replicaId: string, silentMs: number) => void;
  readonly onInputAcknowledged: (delayMs: number) => void;
  /** A client asks for the right to write; `inputSession` null: in whichever session. */
  readonly onWriteRequested: (console: VmConsole, client: ConsoleClient, inputSession: string | null) => void;
}

type ConsoleMessage = Extract<WorkerMessage, { subscription: number }>;

export class VmConsole {
  readonly vmId: string;
  readonly window: OutputWindow;
  private readonly frames: OutputFrames;
  state: VmState;
  /** Whoever was primary in an older term had another guest. */
  guestTerm: bigint;
  /** Why the newest failover happened, as its event says. */
  failoverCause = "worker_lost";
  private readonly options: VmConsoleOptions;
  private readonly clients = new Set<ConsoleClient>();
  private readonly typed: ConsoleInput;
  private readonly waiters = new Set<() => void>();
  /** Who writes waits for the echo: it has the output at once. */
  private readonly gathering = new OutputGathering(() => {
    for (const client of this.clients) if (client !== this.writerClient) client.pump();
  });
  private subscription: ConsoleSubscription | null = null;
  /** Where the first byte came from: nothing is in the window before. */
  private primed = false;
  private lastPrimary: string | null = null;
  /** By which it was followed when its worker would not have that: an older word than the worker's own. */
  private disproved: ReplicaReport | null = null;
  private writerClient: ConsoleClient | null = null;
  private endReason: string | null = null;
  private lastOutputMs: number | null = null;
  /** Nothing has come since the console followed this new primary. */
  private silence: { readonly replicaId: string; readonly sinceMs: number } | null = null;
  private term: number;
  /** The end of the output as workers told it: bytes up to there are on their way. */
  private toldEnd: bigint;
  idleSinceMs = performance.now();

  constructor(options: VmConsoleOptions) {
    this.options = options;
    this.vmId = options.vmId;
    this.state = options.state;
    this.guestTerm = options.guestTerm;
    this.term = options.term;
    this.toldEnd = options.consoleEnd;
    this.window = new OutputWindow(options.consoleEnd, options.retention, WINDOW_MAX_BYTES);
    this.frames = new OutputFrames(this.window, () => this.term);
    this.typed = new ConsoleInput({
      clients: this.clients,
      subscription: () => this.subscription,
      onAcknowledged: options.onInputAcknowledged,
      onChanged: () => this.wake(),
    });
  }

  get writer(): ConsoleClient | null {
    return this.writerClient;
  }

  get isIdle(): boolean {
    return this.clients.size === 0;
  }

  get attached(): ReadonlySet<ConsoleClient> {
    return this.clients;
  }

  get inputSessions(): Iterable<InputSession> {
    return this.typed.all;
  }

  /** Somebody who is not attached looks at it: it is followed for a while longer. */
  touch(): void {
    this.idleSinceMs = performance.now();
  }

  /** The guest ended, and everything it wrote is in the window. */
  get isEnded(): boolean {
    return this.endReason !== null;
  }

  get isFollowing(): boolean {
    return this.subscription?.confirmed === true;
  }

  get currentTerm(): number {
    return this.term;
  }

  get end(): bigint {
    return this.window.end > this.toldEnd ? this.window.end : this.toldEnd;
  }

  get oldest(): bigint {
    return this.window.oldest;
  }

  /** How much is kept from now on. */
  retain(retention: ConsoleRetention): void {
    this.window.retain(retention);
    this.window.trim(this.slowestReader());
  }

  // ---- primaries

  /** The VM's primary, as reported: follow it, unless it is followed already, or its worker has answered that this is not so. */
  follow(link: WorkerLink, report: ReplicaReport): void {
    const current = this.subscription;
    if (report === this.disproved) return;
    if (this.endReason !== null || (current !== null && current.link === link && current.replicaId === report.replicaId)) return;
    if (current !== null) this.unsubscribe();
    const id = this.options.nextSubscription();
    this.subscription = { id, link, replicaId: report.replicaId, report, confirmed: false };
    const from = this.primed ? this.window.end : 0n;
    link.send({ type: "consoleSubscribe", subscription: id, replicaId: report.replicaId, from: from.toString() });
  }

  /** The worker's channel is gone, and with it the subscription. */
  linkClosed(link: WorkerLink): void {
    if (this.subscription?.link === link) this.dropSubscription();
  }

  owns(subscription: number): boolean {
    return this.subscription?.id === subscription;
  }

  output({ offset, bytes }: Extract<ControlConsoleFrame, { type: "output" }>): void {
    if (!this.window.append(offset, bytes)) return;
    const nowMs = performance.now();
    if (this.silence !== null && this.clients.size > 0) this.options.onSilenceEnded(this.silence.replicaId, nowMs - this.silence.sinceMs);
    this.silence = null;
    this.lastOutputMs = nowMs;
    this.writerClient?.pump();
    this.gathering.output();
    this.window.trim(this.slowestReader());
    this.wake();
  }

  workerSaid(message: ConsoleMessage, promotionGapMs: (replicaId: string) => number | null): void {
    switch (message.type) {
      case "consoleSubscribed":
        this.subscribed(message, promotionGapMs);
        return;
      case "consoleClosed":
        this.closedByWorker(message.code);
        return;
      case "consoleSession":
        this.typed.stands(message.inputSession, BigInt(message.inputNext));
        return;
      case "consoleInputAck":
        this.typed.acknowledged(message);
        return;
      case "consoleInputRefused":
        this.typed.refused(message);
        return;
    }
  }

  /** Stops following, as nobody looks. */
  unsubscribe(): void {
    const current = this.subscription;
    if (current === null) return;
    current.link.send({ type: "consoleUnsubscribe", subscription: current.id });
    this.dropSubscription();
  }

  // ---- clients

  add(client: ConsoleClient): void {
    this.clients.add(client);
  }

  /** Sends output to a client that has had its hello. */
  begin(client: ConsoleClient): void {
    client.start(this.frames);
    if (this.endReason !== null) client.closeAtEnd(1000, this.endReason);
  }

  remove(client: ConsoleClient): void {
    this.clients.delete(client);
    this.typed.forget(client);
    if (this.writerClient === client) this.setWriter(null, client);
    if (this.clients.size === 0) this.idleSinceMs = performance.now();
    this.typed.forgetIdle();
    this.window.trim(this.slowestReader());
  }

  /** The input session as this gateway knows it; asks the primary where it stands. */
  session(id: string): InputSession {
    return this.typed.session(id);
  }

  /** Keeps a session that no client has. @returns what ends that */
  hold(session: InputSession): () => void {
    const release = this.typed.hold(session);
    return () => {
      this.touch();
      release();
    };
  }

  /** Makes `client` the one that may write, in place of whoever did. */
  grant(client: ConsoleClient, session: InputSession): void {
    for (const other of this.clients) {
      if (other !== client && other.input === session) other.close(4409, "input session was resumed by another connection");
    }
    client.input = session;
    this.setWriter(client, client);
  }

  /** A session on another control plane has the right to write now. */
  writerIsElsewhere(sessionId: string): void {
    this.announceWriter(null, sessionId, sessionId);
  }

  /** @param offset null: at the end of what the session has typed */
  input(client: ConsoleClient, offset: bigint | null, content: InputContent): void {
    if (client.input === null) {
      client.close(4409, "console_writer_busy: attached for reading, send request_write first");
      return;
    }
    // Bytes that crossed the demotion on their way: their client still has them, and sends them when it may write again.
    if (this.writerClient !== client) return;
    const session = client.input;
    const verdict = this.type(session, offset ?? session.inputEnd, content);
    if (verdict.kind === "gap") {
      client.close(4409, `input_offset_gap: the next byte is ${verdict.expected}, these begin at ${offset}`);
      return;
    }
    this.typed.pauseIfBehind(client, session);
  }

  /** Types in a session, whoever has the right to write. */
  type(session: InputSession, offset: bigint, content: InputContent): AcceptVerdict {
    return this.typed.type(session, offset, content);
  }

  clientSaid(client: ConsoleClient, message: Exclude<ConsoleClientMessage, { type: "resize" }>): void {
    switch (message.type) {
      case "ping":
        client.tell({ type: "pong" });
        return;
      case "pong":
        return;
      case "release_write":
        if (this.writerClient === client) this.setWriter(null, client);
        return;
      case "request_write":
        this.options.onWriteRequested(this, client, message.inputSession ?? client.input?.id ?? null);
        return;
    }
  }

  broadcast(message: ConsoleServerMessage): void {
    this.gathering.flush();
    for (const client of this.clients) client.tell(message);
  }

  closeClients(code: number, reason: string): void {
    this.gathering.flush();
    for (const client of this.clients) client.close(code, reason);
  }

  closeSession(sessionId: string, code: number, reason: string): void {
    for (const client of this.clients) if (client.sessionId === sessionId) client.close(code, reason);
  }

  /** No more output will come. */
  finish(reason: string): void {
    if (this.endReason !== null) return;
    this.endReason = reason;
    this.dropSubscription();
    for (const client of this.clients) client.closeAtEnd(1000, reason);
    this.wake();
  }

  /** The VM gets another guest, whose output goes on where this window ends, or beyond; it knows no input session. */
  beginGuest(term: bigint): void {
    if (term <= this.guestTerm) return;
    this.guestTerm = term;
    this.unsubscribe();
    this.endReason = null;
    this.lastPrimary = null;
    this.typed.forgetIdle();
    this.wake();
  }

  /** Resolves when `condition` holds, looked at whenever something comes from a worker; or after `timeoutMs`. */
  settled(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const look = (): void => {
        if (condition()) finish(true);
      };
      const finish = (reached: boolean): void => {
        clearTimeout(timer);
        this.waiters.delete(look);
        resolve(reached);
      };
      const timer = setTimeout(() => finish(condition()), timeoutMs);
      this.waiters.add(look);
    });
  }

  close(): void {
    this.unsubscribe();
    this.typed.close();
    this.gathering.flush();
    this.gathering.close();
    for (const client of this.clients) client.close(1001, "the control plane stops, come back at once");
    this.wake();
  }

  // ---- what the worker said

  private subscribed(
    message: Extract<ConsoleMessage, { type: "consoleSubscribed" }>,
    promotionGapMs: (replicaId: string) => number | null,
  ): void {
    const current = this.subscription as ConsoleSubscription;
    current.confirmed = true;
    const from = BigInt(message.from);
    if (!this.primed) this.window.restart(from);
    this.primed = true;
    if (message.base !== undefined) this.window.beginHead(BigInt(message.base));
    const end = BigInt(message.end);
    if (end > this.toldEnd) this.toldEnd = end;
    this.term = Number(message.term);
    const moved = this.lastPrimary !== null && this.lastPrimary !== current.replicaId;
    this.lastPrimary = current.replicaId;
    this.typed.askAll();
    if (moved) {
      const writing = this.writerClient?.input ?? null;
      this.options.log.info(
        { vmId: this.vmId, replicaId: current.replicaId, outOffset: this.window.end.toString() },
        "console follows the new primary",
      );
      if (this.lastOutputMs !== null) this.silence = { replicaId: current.replicaId, sinceMs: this.lastOutputMs };
      for (const client of this.clients) {
        client.tell({
          type: "term",
          term: this.term,
          epoch: this.term,
          cause: this.failoverCause,
          outOffset: this.window.end.toString(),
          inputNext: client.input === writing && writing !== null ? writing.inputNext.toString() : null,
          gapMs: promotionGapMs(current.replicaId),
        });
      }
    }
    this.wake();
  }

  private closedByWorker(code: Extract<ConsoleMessage, { type: "consoleClosed" }>["code"]): void {
    this.disproved = this.subscription?.report ?? null;
    if (code === "guest_halted") this.finish("guest_halted");
    else this.dropSubscription();
    this.wake();
  }

  // ---- inside

  private setWriter(client: ConsoleClient | null, by: ConsoleClient): void {
    if (this.writerClient === client) return;
    this.announceWriter(client, client?.sessionId ?? null, by.sessionId);
    this.options.onWriterChanged(
      this.vmId,
      client === null ? null : { sessionId: client.sessionId, inputSession: (client.input as InputSession).id },
      by,
    );
  }

  private announceWriter(client: ConsoleClient | null, writer: string | null, by: string): void {
    const former = this.writerClient;
    this.writerClient = client;
    for (const other of this.clients) {
      if (other === client) {
        const session = other.input as InputSession;
        other.tell({ type: "writer", change: "granted", writer, by, inputSession: session.id, inputNext: session.inputNext.toString() });
      } else {
        other.tell({ type: "writer", change: other === former ? "demoted" : "changed", writer, by });
      }
    }
  }

  private dropSubscription(): void {
    this.subscription = null;
    this.typed.disconnected();
  }

  private slowestReader(): bigint {
    let slowest = this.window.end;
    for (const client of this.clients) if (client.position < slowest) slowest = client.position;
    return slowest;
  }

  /** Has those who wait look again. */
  wake(): void {
    for (const look of [...this.waiters]) look();
  }
}
