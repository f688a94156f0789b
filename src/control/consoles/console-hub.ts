/**
 * The gateway between clients' console sockets and the workers: finds the console of a VM, resolves where a client begins,
 * and hands each of the workers' messages to the console that subscribed.
 */
import { randomUUID } from "node:crypto";
import type { FastifyBaseLogger } from "fastify";
import type { WebSocket } from "ws";
import type { ControlConsoleFrame } from "../../wire/console-frames.ts";
import type { WorkerMessage } from "../../wire/control-messages.ts";
import { type Database, newId } from "../db/database.ts";
import type { Presence } from "../db/presence.ts";
import type { VmRow } from "../db/schema.ts";
import type { EventDraft } from "../domain/events.ts";
import { hasGuest, type VmState } from "../domain/vm-state.ts";
import { ApiError, invalidField } from "../errors/api-error.ts";
import type { ConsoleServerMessage } from "../schemas/console.ts";
import type { ControlSettings } from "../settings.ts";
import type { WorkerLink } from "../workers/worker-link.ts";
import type { WorkerRegistry } from "../workers/worker-registry.ts";
import { ConsoleClient } from "./console-client.ts";
import { ConsoleWriters } from "./console-writers.ts";
import { VmConsole } from "./vm-console.ts";

/** How long an attach may wait for a primary to answer. */
const ANSWER_MS = 5000;
/** How long a console that nobody looks at is followed. */
const IDLE_MS = 30_000;
/** What a guest that ended wrote last is waited for so long. */
const DRAIN_MS = 3000;
/** Consoles of ended VMs that are kept for readers who come late. */
const ENDED_MAX = 64;

export interface AttachRequest {
  readonly mode: "read" | "write";
  /** `start`, `end`, `tail:<n>`, or an offset. */
  readonly from: string;
  readonly inputSession: string | null;
  readonly takeover: boolean;
}

export interface PreparedAttachment {
  readonly console: VmConsole;
  readonly mode: "read" | "write";
  readonly from: bigint;
  readonly inputSession: string;
  readonly takeover: boolean;
}

export interface ConsoleHubOptions {
  readonly database: Database;
  readonly presence: Pick<Presence, "instance" | "present">;
  readonly workers: WorkerRegistry;
  readonly settings: ControlSettings;
  readonly log: FastifyBaseLogger;
}

type ConsoleMessage = Extract<WorkerMessage, { subscription: number }>;

export class ConsoleHub {
  private readonly options: ConsoleHubOptions;
  private readonly consoles = new Map<string, VmConsole>();
  private readonly writers: ConsoleWriters;
  private readonly drainingSince = new Map<string, number>();
  private lastSubscription = 0;
  private readonly sweeper: NodeJS.Timeout;
  private readonly stopListening: () => void;

  constructor(options: ConsoleHubOptions) {
    this.options = options;
    const { workers, database, presence, settings, log } = options;
    this.writers = new ConsoleWriters({
      database,
      presence,
      log,
      onTaken: (vmId, writer) => this.consoles.get(vmId)?.writerIsElsewhere(writer.sessionId),
    });
    workers.on("joined", (link) => this.followAll(link));
    workers.on("left", (link) => this.linkLeft(link));
    workers.on("report", (link, report, significant) => {
      if (significant && this.consoles.has(report.vmId)) this.followAll(link);
    });
    this.stopListening = database.onCommitted((events) => this.tell(events));
    this.sweeper = setInterval(() => this.sweep(), Math.min(IDLE_MS, settings.consoleHeartbeatMs));
    this.sweeper.unref();
  }

  /** Reads who writes to consoles on other control planes. */
  async start(): Promise<void> {
    await this.writers.start();
  }

  /** Console session that may write to the VM. */
  writerOf(vmId: string): string | null {
    return this.consoles.get(vmId)?.writer?.sessionId ?? this.writers.of(vmId)?.sessionId ?? null;
  }

  /** Events that another control plane has committed. */
  committedElsewhere(events: readonly EventDraft[]): void {
    this.tell(events);
    for (const { type, vmId } of events) if (type === "vm.console.writer.changed" && vmId != null) this.writers.changed(vmId);
  }

  /**
   * Everything that can be refused about an attach is refused here, before the upgrade.
   * @throws {ApiError} `console_writer_busy`, `validation_failed`, `worker_timeout`, `input_session_expired`
   */
  async prepare(vm: VmRow, request: AttachRequest): Promise<PreparedAttachment> {
    const console = this.consoleOf(vm);
    const busy = request.mode === "write" && !request.takeover ? await this.otherWriter(console, request.inputSession) : null;
    if (busy !== null) {
      throw new ApiError("console_writer_busy", `Cannot write: session ${busy} does. Attach with takeover=true, or with mode=read`, {
        details: { writer: busy },
      });
    }
    this.follow(console);
    const answers = hasGuest(vm.state);
    if (answers && !(await console.settled(() => console.isFollowing || console.isEnded, ANSWER_MS))) {
      throw new ApiError("worker_timeout", `Cannot attach: no primary of the VM answered within ${ANSWER_MS} ms`, {
        details: { retryAfterMs: 1000 },
      });
    }
    const from = await resolveFrom(console, request.from);
    const inputSession = request.inputSession ?? randomUUID();
    if (request.mode === "write" && answers && !console.isEnded) {
      const session = console.session(inputSession);
      if (!(await console.settled(() => session.isKnown || console.isEnded, ANSWER_MS))) {
        throw new ApiError("worker_timeout", `Cannot write: the primary did not answer within ${ANSWER_MS} ms`, {
          details: { retryAfterMs: 1000 },
        });
      }
    }
    return { console, mode: request.mode, from, inputSession, takeover: request.takeover };
  }

  /** Takes over the socket of an attach that was prepared. */
  attach(prepared: PreparedAttachment, socket: WebSocket): void {
    const { console, mode, from } = prepared;
    const { settings, log } = this.options;
    const sessionId = newId("con");
    const client = new ConsoleClient(
      socket,
      {
        sessionId,
        from,
        windowBytes: settings.consoleWindowBytes,
        slowConsumerMs: settings.slowConsumerMs,
        heartbeatMs: settings.consoleHeartbeatMs,
      },
      {
        onInput: (sender, offset, bytes) => console.input(sender, offset, bytes),
        onMessage: (sender, message) => console.clientSaid(sender, message),
        onClosed: (gone) => {
          console.remove(gone);
          log.debug({ vmId: console.vmId, sessionId }, "console detached");
        },
      },
    );
    const busy = console.writer;
    const busyElsewhere = busy === null ? this.writers.of(console.vmId) : null;
    const writes = mode === "write" && (busy === null || prepared.takeover || busy.input?.id === prepared.inputSession);
    const session = writes ? console.session(prepared.inputSession) : null;
    console.add(client);
    const hello: ConsoleServerMessage = {
      type: "hello",
      vmId: console.vmId,
      sessionId,
      mode: writes ? "write" : "read",
      state: console.state,
      term: console.currentTerm,
      outOldest: console.oldest.toString(),
      outEnd: console.end.toString(),
      from: from.toString(),
      inputSession: session?.id ?? null,
      inputNext: (session?.inputNext ?? 0n).toString(),
      writer: writes ? sessionId : (busy?.sessionId ?? busyElsewhere?.sessionId ?? null),
      window: settings.consoleWindowBytes,
      heartbeatMs: settings.consoleHeartbeatMs,
    };
    client.tell(hello);
    if (mode === "write" && session === null) client.close(4409, `console_writer_busy: session ${busy?.sessionId} writes`);
    if (session !== null) console.grant(client, session);
    console.begin(client);
    log.debug({ vmId: console.vmId, sessionId, mode, from: from.toString() }, "console attached");
  }

  workerSaid(_link: WorkerLink, message: ConsoleMessage): void {
    const console = this.find(message.subscription);
    if (console === null) return;
    console.workerSaid(message, (replicaId) => {
      const promotion = this.options.workers.lastReport(replicaId)?.promotion;
      return promotion == null ? null : promotion.detectMs + promotion.arbitrateMs + promotion.promoteMs;
    });
    // Whoever closed it may have a successor already.
    if (message.type === "consoleClosed") this.follow(console);
  }

  workerOutput(link: WorkerLink, frame: Extract<ControlConsoleFrame, { type: "output" }>): void {
    const console = this.find(frame.subscription);
    if (console !== null) console.output(frame);
    else link.send({ type: "consoleUnsubscribe", subscription: frame.subscription });
  }

  /** For a VM that ended: takes over what its guest wrote last. True when that is done, or cannot be. */
  drained(vmId: string): boolean {
    const nowMs = performance.now();
    const primary = this.options.workers.primaryOf(vmId);
    const since = this.drainingSince.get(vmId) ?? nowMs;
    this.drainingSince.set(vmId, since);
    const console =
      this.consoles.get(vmId) ?? (primary === null ? null : this.newConsole(vmId, "stopped", BigInt(primary.report.term), 0n, 0n));
    if (console !== null) this.follow(console);
    const done = console === null || console.isEnded || primary === null || primary.report.guestHalt === null || nowMs - since > DRAIN_MS;
    if (!done) return false;
    this.drainingSince.delete(vmId);
    console?.finish("vm_ended");
    return true;
  }

  close(): void {
    clearInterval(this.sweeper);
    this.stopListening();
    for (const console of this.consoles.values()) console.close();
    this.consoles.clear();
  }

  private consoleOf(vm: VmRow): VmConsole {
    const console = this.consoles.get(vm.id) ?? this.newConsole(vm.id, vm.state, vm.term, vm.guestTerm, vm.consoleEnd);
    console.state = vm.state;
    return console;
  }

  private newConsole(vmId: string, state: VmState, term: bigint, guestTerm: bigint, consoleEnd: bigint): VmConsole {
    const { settings, log } = this.options;
    const console = new VmConsole({
      vmId,
      keepBytes: settings.consoleWindowBytes,
      state,
      term: Number(term),
      guestTerm,
      consoleEnd,
      log,
      nextSubscription: () => {
        this.lastSubscription = (this.lastSubscription + 1) >>> 0;
        return this.lastSubscription;
      },
      onWriterChanged: (id, writer, by) => this.writers.record(id, writer, by),
    });
    this.consoles.set(vmId, console);
    return console;
  }

  private follow(console: VmConsole): void {
    const primary = this.options.workers.primaryOf(console.vmId, console.guestTerm);
    if (primary !== null) console.follow(primary.link, primary.report);
  }

  private followAll(link: WorkerLink): void {
    const concerned = new Set([...link.reports.values()].map((report) => report.vmId));
    for (const console of this.consoles.values()) if (concerned.has(console.vmId)) this.follow(console);
  }

  private linkLeft(link: WorkerLink): void {
    for (const console of this.consoles.values()) {
      console.linkClosed(link);
      this.follow(console);
    }
  }

  private find(subscription: number): VmConsole | null {
    for (const console of this.consoles.values()) if (console.owns(subscription)) return console;
    return null;
  }

  /** @returns the session of another input session that writes, here or on another control plane */
  private async otherWriter(console: VmConsole, inputSession: string | null): Promise<string | null> {
    const { writer } = console;
    if (writer !== null) return writer.input?.id === inputSession ? null : writer.sessionId;
    const elsewhere = await this.writers.lookUp(console.vmId);
    return elsewhere === null || elsewhere.inputSession === inputSession ? null : elsewhere.sessionId;
  }

  /** What events mean to who looks at a console. */
  private tell(events: readonly EventDraft[]): void {
    for (const event of events) {
      const console = event.vmId == null ? undefined : this.consoles.get(event.vmId);
      if (console === undefined) continue;
      const data = (event.data ?? {}) as Record<string, never>;
      switch (event.type) {
        case "vm.state.changed":
          console.state = data["state"] as unknown as VmState;
          console.broadcast({ type: "state", state: console.state, reason: event.cause ?? null });
          if (console.state === "provisioning") console.beginGuest(event.term ?? 0n);
          // A guest that ended itself says so on its console, after all that it wrote.
          else if ((console.state === "stopped" || console.state === "failed") && !event.cause?.startsWith("guest_"))
            console.finish("vm_ended");
          break;
        case "vm.deleted":
          console.closeClients(4410, "vm_deleted");
          console.close();
          this.consoles.delete(console.vmId);
          break;
        case "vm.protection.changed":
          console.broadcast({ type: "protection", state: data["state"] as never, reason: (data["reason"] ?? null) as never });
          break;
        case "vm.failover.started":
          console.failoverCause = event.cause ?? "worker_lost";
          break;
        default:
          break;
      }
    }
  }

  private sweep(): void {
    void this.writers.sweep();
    const nowMs = performance.now();
    const ended: VmConsole[] = [];
    for (const console of this.consoles.values()) {
      if (console.isEnded) ended.push(console);
      else if (console.isIdle && nowMs - console.idleSinceMs > IDLE_MS) {
        console.close();
        this.consoles.delete(console.vmId);
      }
    }
    const idle = ended.filter((console) => console.isIdle);
    for (const console of idle.slice(0, Math.max(0, ended.length - ENDED_MAX))) this.consoles.delete(console.vmId);
  }
}

/** @throws {ApiError} `validation_failed` for an offset that no byte has yet */
async function resolveFrom(console: VmConsole, from: string): Promise<bigint> {
  if (from === "start") return console.oldest;
  if (from === "end") return console.end;
  if (from.startsWith("tail:")) {
    const wanted = console.end - BigInt(from.slice("tail:".length));
    return wanted > console.oldest ? wanted : console.oldest;
  }
  const offset = BigInt(from);
  // A new primary may be about to release what the old one had released: it gets the time for it.
  if (offset > console.end) await console.settled(() => offset <= console.end, 1000);
  if (offset > console.end) {
    throw invalidField(
      "/query/from",
      "beyond_end",
      `the console ends at ${console.end}, ${offset} lies beyond. Attach with from=end, or with an offset up to the end`,
    );
  }
  return offset;
}
