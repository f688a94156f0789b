/**
 * The loop around one replica's core: everything that happens becomes an input of `step`, and the effects of a step are
 * performed in array order before the next input is looked at.
 *
 *     starting --images loaded (primary) | at once (backup)--> started --halt effect--> halted
 *         |                                                       |
 *         '----------- broken invariant, engine thread died ------'--> failed
 *     any --close--> closed
 *
 * Halted and failed replicas stay to be reported (and a halted guest's console to be read) until they are dropped. A
 * failure is this replica's alone: its channels close, so its peer suspects it at once, and the worker goes on.
 */
import { randomBytes } from "node:crypto";
import { unreachable } from "../base/assert.ts";
import { InvariantViolation, UnderstudyError } from "../base/errors.ts";
import type {
  ArbiterRequest,
  Effect,
  EpochRecord,
  HaltReason,
  InputContent,
  Replica,
  ReplicaId,
  ReplicaInput,
  ReplicaStatus,
} from "../hypervisor/messages.ts";
import type { ReplicaReport } from "../wire/control-messages.ts";
import { CONSOLE_HISTORY_PIECE_MAX } from "../wire/logging-channel.ts";
import { collectGarbageWhenQuiet } from "./collect-garbage.ts";
import type { CompileService } from "./compile-service.ts";
import { ConsoleHistory, type ConsoleRetention } from "./console-history.ts";
import { type EngineAnswer, EngineClient } from "./engine-client.ts";
import type { EngineCommand, FlippedBit } from "./engine-commands.ts";
import type { EpochRecorder } from "./epoch-recorder.ts";
import type { WorkerLog } from "./log.ts";
import type { LoggingChannelSocket } from "./logging-channel-socket.ts";
import { nowUs } from "./monotonic-clock.ts";
import { PairingClock } from "./pairing-clock.ts";
import { replicaReport, type TranslationStatistics } from "./replica-report.ts";
import { ReplicaTimers } from "./replica-timers.ts";

/** What the driver tells its worker. */
interface ReplicaEvents {
  readonly onArbiterRequest: (request: ArbiterRequest) => void;
  readonly onInputAcknowledged: (inputSession: string, inputNext: bigint, durability: "replicated" | "solo") => void;
  readonly onInputRefused: (refusal: Extract<Effect, { kind: "refuseInput" }>) => void;
  /** More of `history` may be read, or the replica's role changed, or it ended. */
  readonly onConsoleChanged: () => void;
  /** `report()` differs in something that matters. */
  readonly onReportChanged: () => void;
  /** No more effects will come: halted or failed. */
  readonly onEnded: () => void;
}

interface LinuxImages {
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array;
  readonly cmdline: string;
  readonly rngSeed: Uint8Array;
  readonly consoleBase: bigint;
}

interface ReplicaDriverOptions {
  readonly vmId: string;
  /** Offset of the guest's first console byte. */
  readonly consoleBase: bigint;
  readonly retention: ConsoleRetention;
  readonly core: Replica;
  readonly engine: {
    readonly threadUrl: URL;
    readonly module: WebAssembly.Module;
    readonly memoryMiB: number;
    readonly compiler: CompileService | null;
    readonly flipBit?: FlippedBit | null;
  };
  /** Keeps what this replica runs as primary; null: nobody asked for it. */
  readonly recorder: EpochRecorder | null;
  readonly events: ReplicaEvents;
  readonly log: WorkerLog;
}

export class ReplicaDriver {
  readonly history: ConsoleHistory;
  private readonly core: Replica;
  private readonly engine: EngineClient;
  private readonly timers: ReplicaTimers;
  private readonly channels = new Map<ReplicaId, LoggingChannelSocket>();
  private readonly pairing: PairingClock;
  /** Backups to be whose workers take what their machines do not hold of the console. */
  private readonly takesHistory = new Set<ReplicaId>();
  private readonly inputs: ReplicaInput[] = [];
  private stepping = false;
  private state: "starting" | "started" | "halted" | "failed" | "closed" = "starting";
  private failure: { readonly code: string; readonly message: string } | null = null;
  private lastRole: ReplicaStatus["role"];
  private logBytesOfClosed = 0;
  private lastReleaseAt: Date | null = null;
  /** When it was promoted, and how long after that its guest wrote something. */
  private liveUs: number | null = null;
  private firstOutputMs: number | null = null;
  private translation: TranslationStatistics | null = null;
  /** The epoch that runs as primary, for the recorder. */
  private recording: Pick<EpochRecord, "epoch" | "clock" | "inputs"> | null = null;

  constructor(private readonly options: ReplicaDriverOptions) {
    this.core = options.core;
    this.history = new ConsoleHistory(options.consoleBase, options.retention);
    this.lastRole = this.core.status().role;
    this.pairing = new PairingClock(nowUs);
    this.timers = new ReplicaTimers(nowUs, (timer) => this.feed({ kind: "timeout", timer }));
    this.engine = new EngineClient({
      ...options.engine,
      onReply: (reply) => this.engineReplied(reply),
      onFailure: (error) => this.fail(error instanceof UnderstudyError ? error.code : "engine_failed", error),
    });
  }

  get replicaId(): ReplicaId {
    return this.core.status().replicaId;
  }

  /** Neither halted, failed nor closed. */
  get running(): boolean {
    return this.state === "starting" || this.state === "started";
  }

  status(): ReplicaStatus {
    return this.core.status();
  }

  report(): ReplicaReport {
    return replicaReport(this.core.status(), {
      vmId: this.options.vmId,
      started: this.state !== "starting",
      failure: this.failure,
      nowUs: nowUs(),
      transfer: this.core.status().joining === null ? null : this.pairing.transferTo(this.core.status().joining as ReplicaId),
      consoleOldest: this.history.start,
      consoleReleased: this.history.released,
      console: this.history.retention,
      logBytes: BigInt(this.logBytesOfClosed + [...this.channels.values()].reduce((sum, channel) => sum + channel.bytesSent, 0)),
      firstOutputMs: this.firstOutputMs,
      lastPairing: this.pairing.last,
      translation: this.translation,
    });
  }

  /** A primary at instant 0: loads the images, then the guest runs. */
  boot(images: LinuxImages): void {
    if (this.state === "starting") this.engine.post({ kind: "loadLinux", ...images });
  }

  /** A backup waits for its state; it is started as it is. */
  awaitState(): void {
    this.started();
  }

  /** Bytes or a size from a client; `offset` of the first in the input session. */
  deviceInput(inputSession: string, offset: bigint, content: InputContent): void {
    this.feed({ kind: "deviceInput", inputSession, offset, content });
  }

  /** Where a client that resumes this input session goes on. */
  inputNext(inputSession: string): bigint {
    return this.core.inputNext(inputSession);
  }

  /** About once a second, so that a guest's clock follows the host's when somebody sets that. */
  tellWallClock(): void {
    if (this.state === "started") this.feed({ kind: "wallClock", unixUs: Date.now() * 1000 });
  }

  /** At regular times: gives a replica up whose engine thread is at the same epoch for so many of them. */
  watchEngine(most: number): void {
    this.engine.look(most);
  }

  /** A new bound of lag; takes effect at once. */
  setMaxLag(maxLagMs: number): void {
    if (this.core.status().maxLagMs !== maxLagMs) this.feed({ kind: "maxLagSet", maxLagMs });
  }

  /** How much of the console's history is kept: no matter of the machine's. */
  setRetention(retention: ConsoleRetention): void {
    this.history.retain(retention);
    this.options.events.onReportChanged();
  }

  /** @param handOver the primary shall hand over first */
  requestPromotion(handOver: boolean): void {
    this.feed({ kind: "promotionRequested", handOver });
  }

  /** A primary ends as if its process had been killed, where a synced backup can take over. */
  requestFailure(): void {
    if (this.state === "started") this.feed({ kind: "failureRequested" });
  }

  /** Only a primary takes notice. */
  setPaused(paused: boolean): void {
    if (this.state === "started") this.feed({ kind: "pauseRequested", paused });
  }

  /** Has a primary's guest power itself off. */
  shutDown(): void {
    if (this.state === "started") this.feed({ kind: "shutDownRequested" });
  }

  arbiterAnswered(answer: Omit<Extract<ReplicaInput, { kind: "arbiterAnswered" }>, "kind">): void {
    this.feed({ kind: "arbiterAnswered", ...answer });
  }

  /** The order to take a backup came: from now on its pairing is timed. */
  pairingOrdered(backup: ReplicaId, takesHistory: boolean): void {
    this.pairing.ordered(backup);
    if (takesHistory) this.takesHistory.add(backup);
  }

  hasChannel(peer: ReplicaId): boolean {
    return this.channels.has(peer);
  }

  /** Takes an established channel into use. A second one from the same peer takes the place of the first, which must be dead. */
  attach(peer: ReplicaId, channel: LoggingChannelSocket): void {
    if (!this.running) {
      channel.close();
      return;
    }
    const old = this.channels.get(peer);
    if (old !== undefined) {
      this.detach(peer, old);
      old.close();
      this.feed({ kind: "channelClosed", peer });
    }
    this.channels.set(peer, channel);
    this.options.log.info({ peer }, "logging channel open");
    this.feed({ kind: "channelOpened", peer });
    channel.open({
      onMessage: (message) => {
        this.feed({ kind: "message", peer, message });
        if (message.kind === "stateVerified" && this.takesHistory.delete(peer))
          channel.sendHistory(this.history.lackedByBackup(CONSOLE_HISTORY_PIECE_MAX));
      },
      onHistory: ({ offset, bytes }) => this.history.backfill(offset, bytes),
      onClosed: (error) => {
        this.options.log.warn({ peer, err: error ?? undefined }, "logging channel closed by the peer or the network");
        this.detach(peer, channel);
        this.feed({ kind: "channelClosed", peer });
      },
    });
  }

  /** Breaks the channel with a peer that must not be heard any more; to the core it is gone, as one whose process has died. */
  cutOff(peer: ReplicaId): void {
    const channel = this.channels.get(peer);
    if (channel === undefined) return;
    this.options.log.warn({ peer }, "logging channel closed: the peer's worker is fenced");
    this.detach(peer, channel);
    channel.abort();
    this.feed({ kind: "channelClosed", peer });
  }

  /** Gives the replica up for a reason that its core does not know. */
  fail(code: string, error: Error): void {
    if (!this.running) return;
    this.options.log.error({ code, err: error }, `replica failed: ${error.message}`);
    this.failure = { code, message: error.message };
    this.end("failed");
  }

  /** Stops the replica where it is and frees what it holds. */
  close(): void {
    if (this.state === "closed") return;
    this.release();
    this.state = "closed";
  }

  private started(): void {
    if (this.state !== "starting") return;
    this.state = "started";
    this.options.events.onReportChanged();
    this.tellWallClock();
    this.feed({ kind: "started" });
  }

  private feed(input: ReplicaInput): void {
    this.inputs.push(input);
    if (this.stepping) return;
    this.stepping = true;
    try {
      for (let next = this.inputs.shift(); next !== undefined && this.running; next = this.inputs.shift()) {
        for (const effect of this.core.step(next, nowUs())) this.perform(effect);
      }
    } catch (error) {
      this.fail(
        error instanceof InvariantViolation ? "invariant_violation" : error instanceof UnderstudyError ? error.code : "internal_error",
        error as Error,
      );
    } finally {
      this.stepping = false;
    }
  }

  private perform(effect: Effect): void {
    const { events } = this.options;
    switch (effect.kind) {
      case "send":
        // A channel that has just closed takes nothing; the core hears of it next.
        this.channels.get(effect.peer)?.send(effect.message);
        return;
      case "closeChannel": {
        const channel = this.channels.get(effect.peer);
        if (channel === undefined) return;
        this.detach(effect.peer, channel);
        channel.close();
        return;
      }
      case "runEpoch":
        this.pairing.guestRuns();
        this.recording = effect.exact ? null : effect;
        this.engine.post(runCommand(effect));
        return;
      case "allowEpoch":
        this.engine.allowEpoch(effect.next);
        return;
      case "drawEntropy":
        this.feed({ kind: "entropyDrawn", bytes: randomBytes(effect.bytes) });
        return;
      case "endEpochEarly":
        this.engine.endEpochEarly();
        return;
      case "captureState":
        if (effect.final) this.pairing.lastRound(effect.peer, this.core.status().point.waiting);
        this.engine.post(effect);
        return;
      case "endTransfer":
        this.engine.post({ kind: "endTransfer" });
        return;
      case "applyState":
        this.engine.post(effect);
        return;
      case "verifyState":
        this.engine.post(effect);
        collectGarbageWhenQuiet();
        return;
      case "releaseOutput":
        this.history.release(effect.upTo);
        this.lastReleaseAt = new Date();
        this.noteFirstOutput(effect.upTo);
        events.onConsoleChanged();
        return;
      case "acknowledgeInput":
        events.onInputAcknowledged(effect.inputSession, effect.inputNext, effect.durability);
        return;
      case "refuseInput":
        events.onInputRefused(effect);
        return;
      case "askArbiter":
        this.options.log.info({ request: loggable(effect.request) }, "asking the arbiter");
        events.onArbiterRequest(effect.request);
        return;
      case "setTimer":
        this.timers.set(effect.timer, effect.atUs);
        return;
      case "clearTimer":
        this.timers.clear(effect.timer);
        return;
      case "statusChanged":
        this.statusChanged();
        return;
      case "halt":
        this.halt(effect.reason);
        return;
      default:
        unreachable(effect);
    }
  }

  private engineReplied(reply: EngineAnswer): void {
    switch (reply.kind) {
      case "loaded":
        this.started();
        return;
      case "epochEnded": {
        for (const { offset, bytes } of reply.console) this.history.append(offset, bytes);
        const { console: _, translation, ...input } = reply;
        this.translation = translation ?? this.translation;
        if (reply.begun === null) this.pairing.guestStops();
        this.record(reply);
        this.feed(input);
        return;
      }
      case "stateCaptured": {
        const { peer, parts, pagesLeft, round, stateHash, pageChanges } = reply;
        const channel = this.channels.get(peer);
        let bytes = 0;
        for (const pages of parts) {
          bytes += pages.length;
          channel?.sendState(pages);
        }
        if (channel !== undefined) this.pairing.sent(peer, channel.stateBytesSent);
        const further = this.pairing.captured(peer, { bytes, round, pagesLeft });
        this.feed({ kind: "stateCaptured", peer, bytes, pagesLeft, round, stateHash, pageChanges });
        if (further) this.options.events.onReportChanged();
        if (reply.final && this.core.status().point.waiting) this.pairing.guestRuns();
        return;
      }
      case "transferEnded":
        return;
      case "stateApplied":
        this.feed(reply);
        return;
      case "stateHashed": {
        this.history.reset(reply.console.offset, reply.console.bytes);
        const { console: _, ...input } = reply;
        this.feed(input);
        return;
      }
      default:
        unreachable(reply);
    }
  }

  /** What a promoted replica lets out at once is what its old primary may have let out: its own output comes after that. */
  private noteFirstOutput(upTo: bigint): void {
    const { promotion } = this.core.status();
    if (promotion === null || this.liveUs === null || this.firstOutputMs !== null || upTo <= promotion.consoleEnd) return;
    this.firstOutputMs = (nowUs() - this.liveUs) / 1000;
    this.options.events.onReportChanged();
  }

  /** Before the core hears of the epoch: what it sends must be on disk by then. */
  private record({ endInstant, stateHash, begun }: Extract<EngineAnswer, { kind: "epochEnded" }>): void {
    if (this.recording === null) return;
    const { epoch, clock, inputs } = this.recording;
    this.recording = begun && { epoch: epoch + 1n, clock: begun.clock, inputs: [] };
    this.options.recorder?.ended({ epoch, clock, inputs, endInstant, stateHash });
  }

  private detach(peer: ReplicaId, channel: LoggingChannelSocket): void {
    if (this.channels.get(peer) !== channel) return;
    this.channels.delete(peer);
    this.pairing.forget(peer);
    this.takesHistory.delete(peer);
    this.logBytesOfClosed += channel.bytesSent;
  }

  private statusChanged(): void {
    const status = this.core.status();
    const pairingBefore = this.pairing.last;
    for (const [peer, { stateBytesSent }] of this.channels) this.pairing.sent(peer, stateBytesSent);
    this.pairing.statusChanged(status);
    if (this.pairing.last !== pairingBefore) collectGarbageWhenQuiet();
    const { role, term, state, synced, joining, lagInstructions, arbiterUnavailable } = status;
    this.options.log.info(
      {
        role,
        term: String(term),
        state,
        synced,
        joining,
        instant: String(status.point.instant),
        lagInstructions: String(lagInstructions),
        arbiterUnavailable,
      },
      `replica is ${role}, ${state}, in term ${term}`,
    );
    this.options.events.onReportChanged();
    if (role !== this.lastRole) {
      this.lastRole = role;
      this.liveUs = nowUs();
      this.options.events.onConsoleChanged();
    }
  }

  private halt(reason: HaltReason): void {
    const status = this.core.status();
    const { log } = this.options;
    const fields = {
      code: reason,
      term: String(status.term),
      instant: String(status.point.instant),
      released: String(this.history.released),
    };
    if (reason === "fenced") {
      const since = this.lastReleaseAt?.toISOString() ?? "its start";
      log.warn(
        fields,
        `replica ${status.replicaId} fenced: term ${status.term} belongs to another replica; released nothing since ${since}, output stands at ${this.history.released}`,
      );
    } else {
      log.info(fields, `replica ${status.replicaId} halted: ${reason}`);
    }
    if (reason === "test_failover") for (const channel of this.channels.values()) channel.abort();
    this.end("halted");
  }

  private end(state: "halted" | "failed"): void {
    this.release();
    this.state = state;
    this.options.events.onReportChanged();
    this.options.events.onConsoleChanged();
    this.options.events.onEnded();
  }

  private release(): void {
    this.inputs.length = 0;
    this.timers.clearAll();
    this.options.recorder?.close();
    for (const [peer, channel] of this.channels) {
      this.detach(peer, channel);
      channel.close();
    }
    this.engine.close();
  }
}

function runCommand(effect: Extract<Effect, { kind: "runEpoch" }>): EngineCommand {
  const { epoch, limitInstant, exact, clock, inputs, wantHash } = effect;
  return { kind: "runEpoch", epoch, limitInstant, exact, clock, inputs, wantHash };
}

function loggable(request: ArbiterRequest): Record<string, string> {
  return Object.fromEntries(Object.entries(request).map(([name, value]) => [name, String(value)]));
}
