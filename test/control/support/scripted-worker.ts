/**
 * A worker that speaks the real control channel over a real WebSocket, with replicas that a test moves by hand.
 *
 * Replicas of a VM share a `ScriptedGuest`: whatever one primary released, the next one has too, as determinism gives it.
 */

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { WebSocket } from "ws";
import { decodeControlConsoleFrame, encodeControlConsoleFrame } from "../../../src/wire/console-frames.ts";
import { decodeControlMessage } from "../../../src/wire/control-codec.ts";
import {
  CONTROL_PROTOCOL,
  type ControlMessage,
  type ReplicaReport,
  type WorkerHello,
  type WorkerMessage,
} from "../../../src/wire/control-messages.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type ArbiterAnswer = Extract<ControlMessage, { type: "arbiterAnswer" }>;
type ArbiterRequest = Extract<WorkerMessage, { type: "arbiterRequest" }>["request"];

/** Output and input sessions of a guest, as its log has them: on every synced replica alike. */
export class ScriptedGuest {
  output = Buffer.alloc(0);
  /** @param base offset of its first byte */
  constructor(readonly base = 0n) {}

  readonly sessions = new Map<string, bigint>();
  /** What was typed; a size of the terminal in its place as `<cols x rows>`. */
  input = "";
}

export interface ScriptedWorkerOptions {
  readonly internalUrl: string;
  readonly joinToken: string;
  readonly name: string;
  /** By VM; shared by the workers of a test. */
  readonly guests: Map<string, ScriptedGuest>;
  readonly memoryMiB?: number;
  readonly host?: string;
  readonly zone?: string;
  readonly buildDigest?: string;
  readonly incarnation?: string;
  readonly protocol?: number;
  /** Where `pair` orders are carried out at once. Default: true. */
  readonly pairs?: boolean;
  /** A primary's guest begins as soon as it is created. Default: true. */
  readonly starts?: boolean;
  /** It can be told to cut off another one. Default: not, as one of an older version. */
  readonly cutsOff?: boolean;
  /** Input is acknowledged as it comes. Default: true. */
  readonly acknowledges?: boolean;
}

export class ScriptedWorker {
  readonly options: ScriptedWorkerOptions;
  readonly incarnation: string;
  readonly reports = new Map<string, Mutable<ReplicaReport>>();
  /** Everything the control plane said, in order. */
  readonly orders: ControlMessage[] = [];
  acknowledges: boolean;
  pairs: boolean;
  /** `setPaused` is carried out at once. */
  pauses = true;
  /** A backup that shall take over does. */
  promotes = true;
  /** A primary that shall fail does. */
  fails = true;
  /** A guest that shall power itself off does. */
  shutsDown = true;
  workerId = "";
  private internalUrl: string;
  private socket: WebSocket;
  private readonly subscriptions = new Map<number, { replicaId: string; next: bigint }>();
  private readonly answers = new Map<string, (answer: ArbiterAnswer) => void>();
  private readonly watchers = new Set<() => void>();

  private constructor(options: ScriptedWorkerOptions) {
    this.options = options;
    this.incarnation = options.incarnation ?? randomUUID();
    this.internalUrl = options.internalUrl;
    this.acknowledges = options.acknowledges ?? true;
    this.pairs = options.pairs ?? true;
    this.socket = this.dial();
  }

  /** Joined when this resolves. */
  static async join(options: ScriptedWorkerOptions): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(options);
    await worker.welcomed();
    return worker;
  }

  /** The socket breaks, as that of a killed process does. */
  kill(): void {
    this.socket.terminate();
  }

  /** The same process dials again, with what it has. */
  async reconnect(internalUrl = this.internalUrl): Promise<void> {
    this.internalUrl = internalUrl;
    this.subscriptions.clear();
    this.socket = this.dial();
    await this.welcomed();
  }

  /** Resolves when its socket is closed, or at once where it is. */
  async closed(): Promise<void> {
    if (this.socket.readyState !== WebSocket.CLOSED) await once(this.socket, "close");
  }

  /** Reads nothing and answers nothing, as a stopped process. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  send(message: WorkerMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  async order<T extends ControlMessage["type"]>(type: T, matches: (order: Extract<ControlMessage, { type: T }>) => boolean = () => true) {
    return this.until(() =>
      this.orders.find((order): order is Extract<ControlMessage, { type: T }> => order.type === type && matches(order as never)),
    );
  }

  /** Resolves with what `look` finds, looked for whenever something comes. */
  async until<T>(look: () => T | undefined | false | null): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false && found !== null) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.watchers.delete(wake);
          resolve();
        };
        this.watchers.add(wake);
      });
    }
  }

  primaryOf(vmId: string): Mutable<ReplicaReport> {
    const found = [...this.reports.values()].find((report) => report.vmId === vmId && report.role === "primary");
    if (found === undefined) throw new Error(`${this.options.name} holds no primary of ${vmId}`);
    return found;
  }

  report(replicaId: string, change: Partial<ReplicaReport> = {}): void {
    const report = this.reports.get(replicaId);
    if (report === undefined) throw new Error(`${this.options.name} does not hold ${replicaId}`);
    Object.assign(report, change);
    this.send({ type: "replicaReport", report });
  }

  ask(vmId: string, replicaId: string, request: ArbiterRequest): Promise<ArbiterAnswer> {
    const requestId = randomUUID();
    return new Promise((resolve) => {
      this.answers.set(requestId, resolve);
      this.send({ type: "arbiterRequest", requestId, vmId, replicaId, request });
    });
  }

  /** A backup that lost its primary asks, and does no more. */
  askForPromotion(replicaId: string): Promise<ArbiterAnswer> {
    const { vmId, term } = this.reports.get(replicaId) as ReplicaReport;
    return this.ask(vmId, replicaId, { kind: "promote", term, keepsOthers: true });
  }

  /** A backup that lost its primary asks, and goes live if it may, with whom the answer says to follow it. */
  async promote(replicaId: string): Promise<ArbiterAnswer> {
    const report = this.reports.get(replicaId) as Mutable<ReplicaReport>;
    const answer = await this.askForPromotion(replicaId);
    if (answer.outcome === "granted") {
      const promotion = {
        detectMs: 3,
        arbitrateMs: 2,
        promoteMs: 1,
        instant: report.instant,
        consoleEnd: this.end(report).toString(),
        verified: { instant: "900", stateHash: "0123456789abcdef" },
      };
      this.report(replicaId, {
        role: "primary",
        state: "live",
        term: answer.term,
        synced: answer.synced ?? [],
        joining: null,
        promotion,
        consoleEnd: this.end(report).toString(),
      });
    }
    return answer;
  }

  /** The guest of a primary here writes. */
  write(vmId: string, text: string): void {
    const guest = this.guest(vmId);
    guest.output = Buffer.concat([guest.output, Buffer.from(text)]);
    const primary = this.primaryOf(vmId);
    primary.consoleEnd = this.end(primary).toString();
    this.pump();
  }

  /** Input that was not acknowledged becomes the guest's, and is acknowledged. */
  acknowledge(vmId: string, subscription: number, inputSession: string): void {
    const inputNext = this.guest(vmId).sessions.get(inputSession) ?? 0n;
    this.send({ type: "consoleInputAck", subscription, inputSession, inputNext: inputNext.toString(), durability: "replicated" });
  }

  close(): void {
    this.socket.terminate();
  }

  private guest(vmId: string): ScriptedGuest {
    let guest = this.options.guests.get(vmId);
    if (guest === undefined) {
      guest = new ScriptedGuest();
      this.options.guests.set(vmId, guest);
    }
    return guest;
  }

  private end(report: ReplicaReport): bigint {
    const { base, output } = this.guest(report.vmId);
    return base + BigInt(output.length);
  }

  private dial(): WebSocket {
    const socket = new WebSocket(`${this.internalUrl.replace("http", "ws")}/internal/v1/workers`, {
      headers: { authorization: `Bearer ${this.options.joinToken}` },
    });
    socket.on("open", () => socket.send(JSON.stringify(this.hello())));
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.receiveInput(data);
      else this.receive(decodeControlMessage(data.toString()));
      this.wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => this.wake());
    return socket;
  }

  private wake(): void {
    for (const watcher of [...this.watchers]) watcher();
  }

  private async welcomed(): Promise<void> {
    const before = this.orders.length;
    const answer = await this.until(() => {
      if (this.socket.readyState === WebSocket.CLOSED) return { type: "refused" as const, code: "closed", message: "the socket closed" };
      return this.orders.slice(before).find((order) => order.type === "welcome" || order.type === "refused");
    });
    if (answer.type !== "welcome") throw new Error((answer as { code: string }).code);
    this.workerId = answer.workerId;
  }

  private hello(): WorkerHello {
    return {
      type: "hello",
      protocol: this.options.protocol ?? CONTROL_PROTOCOL,
      name: this.options.name,
      incarnation: this.incarnation,
      pid: process.pid,
      host: this.options.host ?? "host",
      zone: this.options.zone ?? null,
      loggingAddress: { host: "127.0.0.1", port: 1 },
      ...(this.options.cutsOff === undefined ? {} : { cutsOff: this.options.cutsOff }),
      memoryMiB: this.options.memoryMiB ?? 8192,
      cores: 2,
      version: "0.0.0",
      nodeVersion: process.version,
      buildDigest: this.options.buildDigest ?? "b".repeat(64),
      replicas: [...this.reports.values()],
    };
  }

  private receive(message: ControlMessage): void {
    this.orders.push(message);
    switch (message.type) {
      case "createReplica": {
        const { replicaId, vmId, role, term, spec, paused = false } = message;
        if (!this.reports.has(replicaId)) {
          const base = BigInt(spec.consoleBase);
          if (this.guest(vmId).base !== base) this.options.guests.set(vmId, new ScriptedGuest(base));
          const state = role === "primary" && this.options.starts !== false ? "live" : "syncing";
          const console = { consoleOldest: spec.consoleBase, consoleEnd: spec.consoleBase };
          this.reports.set(replicaId, {
            ...newReport(replicaId, vmId, role, state, term, spec.maxLagMs, spec.console),
            ...console,
            paused,
          });
        }
        this.report(replicaId);
        return;
      }
      case "setMaxLag": {
        const lag = this.reports.get(message.replicaId)?.lag;
        if (lag !== undefined) this.report(message.replicaId, { lag: { ...lag, maxMs: message.maxLagMs } });
        return;
      }
      case "setConsoleRetention": {
        const { headBytes, tailBytes } = message;
        this.report(message.replicaId, { console: { headBytes, tailBytes } });
        return;
      }
      case "pair":
        if (this.pairs) void this.pair(message.replicaId, message.backup.replicaId);
        return;
      case "dropReplica":
        {
          const report = this.reports.get(message.replicaId);
          this.reports.delete(message.replicaId);
          const consoleEnd = report?.role === "primary" ? report.consoleEnd : null;
          this.send({ type: "replicaGone", replicaId: message.replicaId, consoleEnd });
        }
        return;
      case "promote":
        if (this.promotes && this.reports.get(message.replicaId)?.role === "backup") void this.promote(message.replicaId);
        return;
      case "failPrimary":
        if (this.fails && this.reports.get(message.replicaId)?.role === "primary")
          this.report(message.replicaId, { state: "stopped", haltReason: "test_failover" });
        return;
      case "setPaused":
        if (this.pauses && this.reports.get(message.replicaId)?.role === "primary")
          this.report(message.replicaId, { paused: message.paused });
        return;
      case "shutDown": {
        const report = this.reports.get(message.replicaId);
        // As a guest whose last words are out.
        if (this.shutsDown && report?.role === "primary")
          this.report(message.replicaId, {
            state: "stopped",
            guestHalt: "poweroff",
            haltReason: "guest_halted",
            consoleEnd: this.end(report).toString(),
          });
        return;
      }
      case "arbiterAnswer":
        this.answers.get(message.requestId)?.(message);
        this.answers.delete(message.requestId);
        return;
      case "consoleSubscribe": {
        const { subscription, replicaId } = message;
        const report = this.reports.get(replicaId);
        if (report?.role !== "primary") {
          this.send({ type: "consoleClosed", subscription, code: report === undefined ? "replica_gone" : "not_primary" });
          return;
        }
        const { base } = this.guest(report.vmId);
        const from = BigInt(message.from) > base ? BigInt(message.from) : base;
        this.subscriptions.set(subscription, { replicaId, next: from });
        const end = this.end(report).toString();
        const oldest = base.toString();
        this.send({ type: "consoleSubscribed", subscription, from: from.toString(), base: oldest, oldest, end, term: report.term });
        this.pump();
        return;
      }
      case "consoleUnsubscribe":
        this.subscriptions.delete(message.subscription);
        return;
      case "consoleSession": {
        const report = this.reports.get(this.subscriptions.get(message.subscription)?.replicaId ?? "");
        if (report === undefined) return;
        const inputNext = this.guest(report.vmId).sessions.get(message.inputSession) ?? 0n;
        this.send({
          type: "consoleSession",
          subscription: message.subscription,
          inputSession: message.inputSession,
          inputNext: inputNext.toString(),
        });
        return;
      }
      default:
        return;
    }
  }

  private receiveInput(data: Buffer): void {
    const frame = decodeControlConsoleFrame(data);
    if (frame.type !== "input") return;
    const report = this.reports.get(this.subscriptions.get(frame.subscription)?.replicaId ?? "");
    if (report === undefined || !this.acknowledges) return;
    const guest = this.guest(report.vmId);
    const next = guest.sessions.get(frame.inputSession) ?? 0n;
    const { subscription, inputSession, offset, content } = frame;
    if (offset > next) {
      this.send({ type: "consoleInputRefused", subscription, inputSession, inputNext: next.toString(), code: "input_offset_gap" });
      return;
    }
    if (content instanceof Uint8Array) {
      const fresh = Buffer.from(content).subarray(Number(next - offset));
      guest.input += fresh.toString();
      guest.sessions.set(inputSession, next + BigInt(fresh.length));
    } else if (offset === next) {
      guest.input += `<${content.cols}x${content.rows}>`;
      guest.sessions.set(inputSession, next + 1n);
    }
    this.acknowledge(report.vmId, subscription, inputSession);
  }

  /** As a primary that takes a backup: it asks the arbiter once the transfer is over. */
  private async pair(primary: string, backup: string): Promise<void> {
    const report = this.reports.get(primary);
    if (report === undefined || report.joining === backup) return;
    this.report(primary, { joining: backup });
    const answer = await this.ask(report.vmId, primary, { kind: "addBackup", term: report.term, backup });
    // It may have been dropped meanwhile.
    if (!this.reports.has(primary)) return;
    if (answer.outcome !== "granted") {
      this.report(primary, { joining: null });
      return;
    }
    this.report(primary, {
      joining: null,
      synced: [backup],
      term: answer.term,
      lastPairing: { backup, totalMs: 90, pauseMs: 4, rounds: 2, bytes: "1000", sentBytes: "400" },
    });
  }

  private pump(): void {
    for (const [subscription, position] of this.subscriptions) {
      const report = this.reports.get(position.replicaId);
      if (report === undefined) continue;
      const { base, output } = this.guest(report.vmId);
      while (position.next < base + BigInt(output.length)) {
        const at = Number(position.next - base);
        const bytes = output.subarray(at, at + 32 * 1024);
        this.socket.send(encodeControlConsoleFrame({ type: "output", subscription, offset: position.next, bytes }));
        position.next += BigInt(bytes.length);
      }
    }
  }
}

/** Of a replica that has just begun, as it is told on the channel. */
export function newReport(
  replicaId: string,
  vmId: string,
  role: ReplicaReport["role"],
  state: ReplicaReport["state"],
  term: string,
  maxLagMs: number,
  console: ReplicaReport["console"],
): Mutable<ReplicaReport> {
  return {
    replicaId,
    ...(console === undefined ? {} : { console }),
    vmId,
    role,
    state,
    term,
    epoch: "0",
    instant: "1000",
    synced: [],
    joining: null,
    transfer: null,
    lagInstructions: "0",
    lag: { ms: 0, maxMs: maxLagMs, executionDelay: null, outputCommitDelay: null },
    consoleOldest: "0",
    consoleEnd: "0",
    arbiterUnavailable: false,
    paused: false,
    guestHalt: null,
    haltReason: null,
    message: null,
    promotion: null,
    divergence: null,
    logBytes: "0",
    lastPairing: null,
  };
}
