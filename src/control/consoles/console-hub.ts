/**
 * The gateway between clients and the workers: finds the console of a VM, follows its primary, and hands each of the workers'
 * messages to the console that subscribed. What callers do with a console is in `attach.ts` and `calls.ts`.
 */
import { randomUUID } from "node:crypto";
import type { FastifyBaseLogger } from "fastify";
import type { ControlConsoleFrame } from "../../wire/console-frames.ts";
import type { WorkerMessage } from "../../wire/control-messages.ts";
import type { AuditTrail } from "../audit-trail.ts";
import { type Database, newId } from "../db/database.ts";
import type { Presence } from "../db/presence.ts";
import { inputSessionExpired, openInputSession } from "../db/queries/console-input-sessions.ts";
import { recordClientGap } from "../db/queries/end-failover.ts";
import type { ConsoleSessionRow, StoredVmSpec, VmRow } from "../db/schema.ts";
import { type ConsoleRetention, retentionOf } from "../domain/console-retention.ts";
import type { EventDraft } from "../domain/events.ts";
import { hasGuest, type VmState } from "../domain/vm-state.ts";
import { ApiError } from "../errors/api-error.ts";
import type { Activity } from "../metrics/activity.ts";
import type { ControlSettings } from "../settings.ts";
import type { WorkerLink } from "../workers/worker-link.ts";
import type { WorkerRegistry } from "../workers/worker-registry.ts";
import type { ConsoleClient } from "./console-client.ts";
import { ConsoleSessions } from "./console-sessions.ts";
import { ConsoleWriters } from "./console-writers.ts";
import type { InputSession } from "./input-session.ts";
import { VmConsole } from "./vm-console.ts";

/** How long a call may wait for a primary to answer. */
const ANSWER_MS = 5000;
/** How long a console that nobody looks at is followed. */
const IDLE_MS = 30_000;
/** What a guest that ended wrote last is waited for so long. */
const DRAIN_MS = 3000;
/** Consoles of ended VMs that are kept for readers who come late. */
const ENDED_MAX = 64;

export interface ConsoleHubOptions {
  readonly database: Database;
  readonly presence: Pick<Presence, "instance" | "present">;
  readonly workers: WorkerRegistry;
  readonly audit: Pick<AuditTrail, "complete">;
  readonly activity: Pick<Activity, "consoleGap" | "inputAcknowledged" | "failoverGap">;
  readonly settings: ControlSettings;
  readonly log: FastifyBaseLogger;
}

type ConsoleMessage = Extract<WorkerMessage, { subscription: number }>;

export class ConsoleHub {
  readonly sessions: ConsoleSessions;
  readonly writers: ConsoleWriters;
  private readonly options: ConsoleHubOptions;
  private readonly consoles = new Map<string, VmConsole>();
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
    this.sessions = new ConsoleSessions({ database, presence, log });
    workers.on("joined", (link) => this.followAll(link));
    workers.on("left", (link) => this.linkLeft(link));
    workers.on("report", (_link, report, significant) => {
      const console = this.consoles.get(report.vmId);
      if (console !== undefined && (significant || !console.isFollowing)) this.follow(console);
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

  /** Consoles that are open here. */
  get all(): Iterable<VmConsole> {
    return this.consoles.values();
  }

  get activity(): ConsoleHubOptions["activity"] {
    return this.options.activity;
  }

  get settings(): ControlSettings {
    return this.options.settings;
  }

  get log(): FastifyBaseLogger {
    return this.options.log;
  }

  /**
   * The console of a VM, once its primary has said where it stands.
   *
   * @throws {ApiError} `worker_timeout`
   */
  async open(vm: VmRow): Promise<VmConsole> {
    const console =
      this.consoles.get(vm.id) ?? this.newConsole(vm.id, vm.state, vm.term, vm.guestTerm, vm.consoleEnd, retentionOf(vm.spec));
    console.state = vm.state;
    console.touch();
    this.follow(console);
    if (hasGuest(vm.state) && !(await console.settled(() => console.isFollowing || console.isEnded, ANSWER_MS))) {
      throw new ApiError("worker_timeout", `Cannot use the console: no primary of the VM answered within ${ANSWER_MS} ms`, {
        details: { retryAfterMs: 1000 },
      });
    }
    return console;
  }

  /**
   * The input session, opened or resumed, once the primary has said where it stands; where there is no guest it stands nowhere.
   *
   * @throws {ApiError} `input_session_expired`, `worker_timeout`
   */
  async openInput(console: VmConsole, id: string): Promise<InputSession> {
    const { database, settings } = this.options;
    const acknowledged = await openInputSession(database, console.vmId, id, settings.inputSessionTtlMs);
    const session = console.session(id);
    if (!hasGuest(console.state) || console.isEnded) return session;
    if (!(await console.settled(() => session.isKnown || session.expired || console.isEnded, ANSWER_MS))) {
      throw new ApiError("worker_timeout", `Cannot write: the primary did not answer within ${ANSWER_MS} ms`, {
        details: { retryAfterMs: 1000 },
      });
    }
    if (session.expired || (session.isKnown && session.inputNext < acknowledged)) throw inputSessionExpired(id);
    return session;
  }

  /**
   * @param inputSession the caller's own, which is no other
   * @throws {ApiError} `console_writer_busy`
   */
  async refuseOtherWriter(console: VmConsole, inputSession: string | null): Promise<void> {
    const busy = await this.otherWriter(console, inputSession);
    if (busy === null) return;
    throw new ApiError("console_writer_busy", `Cannot write: session ${busy} does. Attach with takeover=true, or with mode=read`, {
      details: { writer: busy },
    });
  }

  /** Offset after the last byte of the VM's output, as far as it is known here. */
  endOf(vm: VmRow): bigint {
    const here = this.consoles.get(vm.id)?.end ?? 0n;
    const reported = BigInt(this.options.workers.primaryOf(vm.id, vm.guestTerm)?.report.consoleEnd ?? 0);
    return [here, reported, vm.consoleEnd].reduce((a, b) => (a > b ? a : b));
  }

  /** Who is attached to the VM's console, on all control planes. */
  async listSessions(vmId: string): Promise<readonly ConsoleSessionRow[]> {
    return await this.sessions.list(vmId, this.consoles.get(vmId)?.attached ?? new Set());
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
  drained(vmId: string, retention: ConsoleRetention): boolean {
    const nowMs = performance.now();
    const primary = this.options.workers.primaryOf(vmId);
    const since = this.drainingSince.get(vmId) ?? nowMs;
    this.drainingSince.set(vmId, since);
    const console =
      this.consoles.get(vmId) ??
      (primary === null ? null : this.newConsole(vmId, "stopped", BigInt(primary.report.term), 0n, 0n, retention));
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

  private newConsole(
    vmId: string,
    state: VmState,
    term: bigint,
    guestTerm: bigint,
    consoleEnd: bigint,
    retention: ConsoleRetention,
  ): VmConsole {
    const { log } = this.options;
    const console = new VmConsole({
      vmId,
      retention,
      state,
      term: Number(term),
      guestTerm,
      consoleEnd,
      log,
      nextSubscription: () => {
        this.lastSubscription = (this.lastSubscription + 1) >>> 0;
        return this.lastSubscription;
      },
      onWriterChanged: (id, writer, { sessionId, identity }) => this.writers.record(id, writer, { sessionId, tokenId: identity.tokenId }),
      onSilenceEnded: (replicaId, silentMs) => {
        this.options.activity.failoverGap("client", silentMs);
        recordClientGap(this.options.database.db, replicaId, Math.round(silentMs * 10) / 10).catch((error: unknown) =>
          log.debug({ vmId, replicaId, silentMs, err: error }, "what a viewer saw of a failover could not be recorded"),
        );
      },
      onInputAcknowledged: (delayMs) => this.options.activity.inputAcknowledged(delayMs),
      onWriteRequested: (about, client, inputSession) => void this.grant(about, client, inputSession ?? randomUUID()),
    });
    this.consoles.set(vmId, console);
    return console;
  }

  /** Gives a client the right to write; taking it from another one is in the audit log, as a call of its own. */
  grantTo(console: VmConsole, client: ConsoleClient, session: InputSession): void {
    const former = this.writerOf(console.vmId);
    const ownSession = console.writer?.input === session;
    console.grant(client, session);
    if (former === null || former === client.sessionId || ownSession) return;
    const { call } = client.identity;
    const takeover = { ...call, id: newId("aud"), operation: "takeOverConsole", startedMs: performance.now() };
    this.options.audit.complete(takeover, { status: 101, code: null, durationMs: 0 });
    this.log.info(
      { vmId: console.vmId, sessionId: client.sessionId, former, tokenId: call.token?.id },
      "the right to write to the console was taken over",
    );
  }

  /** A client asks for the right to write, and gets it: that is taking it over. */
  private async grant(console: VmConsole, client: ConsoleClient, inputSession: string): Promise<void> {
    if (!client.identity.mayWrite) {
      client.close(4403, "scope_missing: the credential is not good for console:write");
      return;
    }
    try {
      const session = await this.openInput(console, inputSession);
      if (console.attached.has(client)) this.grantTo(console, client, session);
    } catch (error) {
      if (error instanceof ApiError && error.code === "input_session_expired") {
        client.close(4409, error.message);
        return;
      }
      this.log.debug({ vmId: console.vmId, sessionId: client.sessionId, err: error }, "the right to write could not be granted");
      client.tell({ type: "writer", change: "refused", writer: this.writerOf(console.vmId), by: client.sessionId });
    }
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
      if (event.type === "token.revoked") this.revoked(String(event.data?.["tokenId"]));
      const console = event.vmId == null ? undefined : this.consoles.get(event.vmId);
      if (console === undefined) continue;
      const data = (event.data ?? {}) as Record<string, never>;
      switch (event.type) {
        case "vm.state.changed":
          console.state = data["state"] as unknown as VmState;
          console.broadcast({ type: "state", state: console.state, reason: (data["reason"] ?? null) as string | null });
          if (console.state === "provisioning") console.beginGuest(event.term ?? 0n);
          // A guest that ended itself says so on its console, after all that it wrote.
          else if ((console.state === "stopped" || console.state === "failed") && !event.cause?.startsWith("guest_"))
            console.finish("vm_ended");
          break;
        case "vm.spec.changed":
          console.retain(retentionOf(data["spec"] as unknown as StoredVmSpec));
          break;
        case "vm.deleted":
          console.closeClients(4410, "vm_deleted");
          console.close();
          this.consoles.delete(console.vmId);
          break;
        case "vm.protection.changed":
          console.broadcast({ type: "protection", state: data["state"] as never, reason: (data["reason"] ?? null) as never });
          break;
        case "vm.console.detached":
          if (event.data?.["endedBy"] != null)
            console.closeSession(String(data["session"]), 4403, "ended: somebody has ended this console session");
          break;
        case "vm.failover.started":
          console.failoverCause = event.cause ?? "worker_lost";
          break;
        default:
          break;
      }
    }
  }

  private revoked(tokenId: string): void {
    for (const console of this.consoles.values()) {
      for (const client of console.attached) {
        if (client.identity.tokenId === tokenId) client.close(4401, "unauthenticated: the token was revoked");
      }
    }
  }

  private sweep(): void {
    void this.writers.sweep();
    void this.sessions.sweep(this.consoles.values());
    const now = Date.now();
    for (const console of this.consoles.values()) {
      for (const client of console.attached) {
        const { expiresAt } = client.identity;
        if (expiresAt !== null && expiresAt.getTime() <= now) client.close(4401, "token_expired: the token has expired");
      }
    }
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
