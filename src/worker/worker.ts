/**
 * One worker: a process that hosts replicas for the control plane.
 *
 *     control channels --orders--> Worker --create, pair, promote, drop--> ReplicaDriver (one per replica) --> engine thread
 *                     <--reports--        <--arbiter, console, report-----      ^
 *                                                                               '-- logging channels, dialled and accepted
 *
 * The main thread owns every socket and timer. Orders are idempotent: the control plane repeats what it wants until the
 * reports show it. A control channel that is lost disturbs no replica.
 */
import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { availableParallelism } from "node:os";
import { unreachable } from "../base/assert.ts";
import { UnderstudyError } from "../base/errors.ts";
import { isLoopback, speaksTls } from "../base/tls-mode.ts";
import type { ReplicaConfig } from "../hypervisor/messages.ts";
import { createBackup, createPrimary } from "../hypervisor/replica.ts";
import type { Tracer } from "../tracing/tracer.ts";
import { decodeControlConsoleFrame } from "../wire/console-frames.ts";
import { CONTROL_PROTOCOL, type ControlMessage, type NetworkAddress, type WorkerHello } from "../wire/control-messages.ts";
import { ArbiterClient } from "./arbiter-client.ts";
import { CompileService } from "./compile-service.ts";
import { DEFAULT_RETENTION } from "./console-history.ts";
import { ConsoleRelay } from "./console-relay.ts";
import type { ControlChannel } from "./control-channel.ts";
import { ControlChannels } from "./control-channels.ts";
import type { FlippedBit } from "./engine-commands.ts";
import { EpochRecorder } from "./epoch-recorder.ts";
import type { GuestImages } from "./guest-images.ts";
import type { WorkerLog } from "./log.ts";
import { type ChannelAdmission, type ChannelHello, LoggingChannelListener } from "./logging-channel-socket.ts";
import type { MachineModule } from "./machine-module.ts";
import { OrderSpans } from "./order-spans.ts";
import { PairingDialler } from "./pairing-dialler.ts";
import { ReplicaDriver } from "./replica-driver.ts";
import type { WorkerSettings } from "./settings.ts";
import type { WorkerCredentials } from "./worker-credentials.ts";

const REPORT_INTERVAL_MS = 1000;

const HEARTBEAT_INTERVAL_MS = 100;
const EPOCH_TARGET_MS = 5;
const HASH_INTERVAL_MS = 1000;

type CreateReplica = Extract<ControlMessage, { type: "createReplica" }>;

interface HostedReplica {
  readonly order: CreateReplica;
  readonly driver: ReplicaDriver;
  readonly log: WorkerLog;
  /** The primary that may dial it over TLS, and its worker; null: the control plane has named none yet. */
  expectedPrimary: Extract<ControlMessage, { type: "expectPrimary" }>["primary"] | null;
  /** By replica that it was told to pair with: the worker that holds it. */
  readonly peers: Map<string, string>;
  /** Of these, those whose worker was cut off. One that is let in again holds others. */
  readonly cutOff: Set<string>;
}

interface WorkerOptions {
  readonly settings: WorkerSettings;
  readonly credentials: WorkerCredentials;
  readonly machine: MachineModule;
  readonly engineThreadUrl: URL;
  readonly compileThreadUrl: URL;
  readonly images: GuestImages;
  readonly version: string;
  readonly log: WorkerLog;
  readonly tracer: Tracer;
  /** The control plane will not have this worker. */
  readonly onJoinRefused: (error: UnderstudyError) => void;
}

export class Worker {
  private readonly incarnation = randomUUID();
  private readonly replicas = new Map<string, HostedReplica>();
  private readonly control: ControlChannels;
  private readonly arbiter: ArbiterClient;
  /** What each control plane has subscribed to. */
  private readonly consoles = new Map<ControlChannel, ConsoleRelay>();
  /** Null: guests are interpreted. */
  private readonly compiler: CompileService | null;
  private readonly listener: LoggingChannelListener;
  private readonly dialler = new PairingDialler();
  private readonly changed = new Set<string>();
  private readonly orderSpans: OrderSpans;
  private loggingAddress: NetworkAddress;
  private readonly flipBits: FlippedBit[];
  private reportTimer: NodeJS.Timeout | undefined;
  /** As the control planes know this worker; null: not joined yet. */
  private workerId: string | null = null;

  constructor(private readonly options: WorkerOptions) {
    const { settings, credentials, log, tracer } = options;
    this.orderSpans = new OrderSpans(tracer, log);
    this.loggingAddress = settings.loggingListen;
    this.flipBits = [...settings.testFlipBits];
    this.compiler =
      settings.engine === "interpreter"
        ? null
        : new CompileService(options.compileThreadUrl, (error) =>
            log.error({ err: error }, `translator failed: ${error.message}; guests go on, and new code is interpreted`),
          );
    this.control = new ControlChannels({
      urls: settings.controlUrls,
      discover: settings.discoverControl,
      access: (url) => credentials.access(url),
      hello: () => this.hello(),
      onWelcome: (channel, workerId, url) => {
        if (this.workerId !== workerId) log.setBindings({ workerId });
        this.workerId = workerId;
        log.info({ workerId }, `joined the control plane at ${url} as ${workerId}`);
        this.consoles.set(channel, new ConsoleRelay(channel, (replicaId) => this.replicas.get(replicaId)?.driver));
        this.arbiter.askAgain();
        // What changed since the hello was not told: of a replica that has ended nothing more would ever be.
        for (const replicaId of this.replicas.keys()) this.reportChanged(replicaId);
      },
      onMessage: (channel, message) => this.receive(channel, message),
      onConsoleFrame: (channel, frame) => this.receiveConsoleFrame(channel, frame),
      onDisconnected: (channel) => {
        this.consoles.delete(channel);
        this.arbiter.askAgain();
      },
      onJoinRefused: options.onJoinRefused,
      onRefusedForNow: ({ details }) => {
        if (String(details.reason).startsWith("certificate_")) credentials.rejected();
      },
      log,
    });
    this.arbiter = new ArbiterClient((message, attempt) => this.control.sendToOne(message, attempt));
    this.listener = new LoggingChannelListener(
      (hello, workerId) => this.admit(hello, workerId),
      (error, from) => log.warn({ from, err: error }, "logging channel rejected"),
      settings.loggingTls,
    );
    credentials.onCertified((tls) => this.listener.useCredentials(tls));
  }

  /** @throws {UnderstudyError} `port_in_use` or `cannot_listen`, `join_refused` and the like where there is no certificate to be had */
  async start(): Promise<void> {
    const { settings, credentials, log } = this.options;
    const bound = await this.listener.listen(settings.loggingListen);
    this.loggingAddress = { host: settings.loggingAdvertise, port: bound.port };
    log.info(
      { loggingAddress: this.loggingAddress, tls: settings.loggingTls, imageStore: settings.imageStore },
      `listening for logging channels on ${bound.host}:${bound.port}`,
    );
    this.reportTimer = setInterval(() => this.reportRunning(), REPORT_INTERVAL_MS);
    if (
      settings.tls === "never" &&
      ![settings.loggingAdvertise, ...settings.controlUrls.map(({ hostname }) => hostname)].every(isLoopback)
    ) {
      log.warn(
        { code: "unencrypted" },
        "UNDERSTUDY_TLS=never: the join token and the log of all guests go over the network unencrypted, and nobody's name is checked",
      );
    }
    if (settings.loggingTls || settings.controlUrls.some(({ protocol }) => protocol === "wss:")) await credentials.obtain();
    this.control.connect();
  }

  /** Leaves: the peers notice at once that their channels close, and take over. */
  async stop(): Promise<void> {
    clearInterval(this.reportTimer);
    this.options.credentials.stop();
    this.dialler.cancelAll();
    this.listener.close();
    for (const { driver } of this.replicas.values()) driver.close();
    await this.control.close();
    await this.compiler?.stop();
  }

  private hello(): WorkerHello {
    const { settings, machine, version } = this.options;
    return {
      type: "hello",
      protocol: CONTROL_PROTOCOL,
      name: settings.name,
      incarnation: this.incarnation,
      pid: process.pid,
      host: settings.host,
      zone: settings.zone,
      loggingAddress: this.loggingAddress,
      loggingTls: settings.loggingTls,
      cutsOff: true,
      memoryMiB: settings.memoryMiB,
      cores: availableParallelism(),
      version,
      nodeVersion: process.version,
      buildDigest: machine.buildDigest,
      replicas: [...this.replicas.values()].map(({ driver }) => driver.report()),
    };
  }

  private receive(channel: ControlChannel, message: ControlMessage): void {
    const consoles = this.consoles.get(channel);
    if ("replicaId" in message) {
      const vmId = this.replicas.get(message.replicaId)?.order.vmId ?? ("vmId" in message ? message.vmId : undefined);
      this.orderSpans.received(message, vmId);
    }
    switch (message.type) {
      case "createReplica":
        this.createReplica(message);
        return;
      case "pair":
        this.pair(message);
        return;
      case "expectPrimary": {
        const hosted = this.find(message.replicaId);
        if (hosted === undefined) return;
        hosted.expectedPrimary = message.primary;
        hosted.peers.set(message.primary.replicaId, message.primary.workerId);
        return;
      }
      case "cutOff":
        this.cutOff(message.workerId);
        return;
      case "dropReplica":
        this.dropReplica(message.replicaId, message.reason);
        return;
      case "promote": {
        const hosted = this.find(message.replicaId);
        if (hosted?.driver.status().role === "backup") hosted.driver.requestPromotion(message.handOver);
        return;
      }
      case "failPrimary":
        this.find(message.replicaId)?.driver.requestFailure();
        return;
      case "setPaused":
        this.find(message.replicaId)?.driver.setPaused(message.paused);
        return;
      case "shutDown":
        this.find(message.replicaId)?.driver.shutDown();
        return;
      case "setMaxLag":
        this.find(message.replicaId)?.driver.setMaxLag(message.maxLagMs);
        return;
      case "setConsoleRetention":
        this.find(message.replicaId)?.driver.setRetention(message);
        return;
      case "arbiterAnswer":
        this.arbiter.answered(message);
        return;
      case "consoleSubscribe":
        consoles?.subscribe(message);
        return;
      case "consoleUnsubscribe":
        consoles?.unsubscribe(message.subscription);
        return;
      case "consoleSession":
        consoles?.session(message);
        return;
      case "welcome":
      case "refused":
        return;
      default:
        unreachable(message);
    }
  }

  private receiveConsoleFrame(channel: ControlChannel, data: Uint8Array): void {
    const frame = decodeControlConsoleFrame(data);
    if (frame.type !== "input")
      throw new UnderstudyError("bad_frame", "Cannot take a console output frame from the control plane: only input");
    this.consoles.get(channel)?.input(frame);
  }

  private createReplica(order: CreateReplica): void {
    const { replicaId, vmId, role, spec } = order;
    if (this.replicas.has(replicaId)) {
      this.reportChanged(replicaId);
      return;
    }
    const log = this.options.log.child({ vmId, replicaId });
    const config: ReplicaConfig = {
      replicaId,
      heartbeatIntervalMs: Math.max(1, Math.min(HEARTBEAT_INTERVAL_MS, Math.floor(spec.heartbeatTimeoutMs / 3))),
      heartbeatTimeoutMs: spec.heartbeatTimeoutMs,
      maxLagMs: spec.maxLagMs,
      epochTargetMs: EPOCH_TARGET_MS,
      hashIntervalMs: HASH_INTERVAL_MS,
    };
    const { recordDir } = this.options.settings;
    const recorder =
      recordDir === null
        ? null
        : new EpochRecorder(recordDir, vmId, replicaId, (error) =>
            log.error({ code: "recording_failed", err: error }, `recording given up: ${error.message}; the guest goes on`),
          );
    const driver: ReplicaDriver = new ReplicaDriver({
      vmId,
      recorder,
      consoleBase: BigInt(spec.consoleBase),
      retention: spec.console ?? DEFAULT_RETENTION,
      core: role === "primary" ? createPrimary(config, BigInt(order.term), BigInt(spec.consoleBase), order.paused) : createBackup(config),
      engine: {
        threadUrl: this.options.engineThreadUrl,
        module: this.options.machine.module,
        memoryMiB: spec.memoryMiB,
        compiler: this.compiler,
        flipBit: (role === "backup" ? this.flipBits.shift() : undefined) ?? null,
      },
      log,
      events: {
        onArbiterRequest: (request) => this.arbiter.ask(vmId, replicaId, request, (answer) => driver.arbiterAnswered(answer)),
        onInputAcknowledged: (session, next, durability) => {
          for (const relay of this.consoles.values()) relay.inputAcknowledged(driver, session, next, durability);
        },
        onInputRefused: (refusal) => {
          for (const relay of this.consoles.values()) relay.inputRefused(driver, refusal);
        },
        onConsoleChanged: () => {
          for (const relay of this.consoles.values()) relay.replicaChanged();
        },
        onReportChanged: () => this.reportChanged(replicaId),
        onEnded: () => {
          this.dialler.cancel(replicaId);
          this.arbiter.forget(replicaId);
        },
      },
    });
    this.replicas.set(replicaId, { order, driver, log, expectedPrimary: null, peers: new Map(), cutOff: new Set() });
    log.info({ role, term: order.term, memoryMiB: spec.memoryMiB }, `hosting a ${role}`);
    this.reportChanged(replicaId);
    if (role === "backup") driver.awaitState();
    else void this.boot(driver, order, recorder);
  }

  private async boot(driver: ReplicaDriver, { spec }: CreateReplica, recorder: EpochRecorder | null): Promise<void> {
    try {
      const [kernel, initramfs] = await Promise.all([
        this.options.images.read(spec.kernelDigest),
        this.options.images.read(spec.initramfsDigest),
      ]);
      const { memoryMiB, kernelDigest, initramfsDigest, cmdline } = spec;
      const rngSeed = randomBytes(32);
      recorder?.booted({
        memoryMiB,
        kernelDigest,
        initramfsDigest,
        cmdline,
        rngSeed: rngSeed.toString("hex"),
        consoleBase: spec.consoleBase,
      });
      driver.boot({ kernel, initramfs, cmdline, rngSeed, consoleBase: BigInt(spec.consoleBase) });
    } catch (error) {
      driver.fail("image_unavailable", error as Error);
    }
  }

  private pair({ replicaId, backup }: Extract<ControlMessage, { type: "pair" }>): void {
    const hosted = this.find(replicaId);
    if (hosted === undefined) return;
    const { driver, order, log, peers, cutOff } = hosted;
    const { role, state, synced } = driver.status();
    // One that is promoted is told to dial whom it goes on with before it has executed all of its log.
    const takesBackups = role === "primary" || state === "promoting";
    if (!takesBackups || !driver.running || driver.hasChannel(backup.replicaId)) return;
    // Of a control plane that has not heard yet that its worker is fenced.
    if (cutOff.has(backup.replicaId)) return;
    const { settings, credentials, machine } = this.options;
    const { workerId, tls = false, address, takesHistory = false } = backup;
    if (workerId !== undefined) peers.set(backup.replicaId, workerId);
    if (!tls && speaksTls(settings.tls, address.host)) {
      log.error({ code: "plaintext_peer", peer: backup.replicaId, address }, "backup not dialled: its worker does not speak TLS");
      return;
    }
    // A member has all of the state, and the history as well.
    if (!synced.includes(backup.replicaId)) driver.pairingOrdered(backup.replicaId, takesHistory);
    this.dialler.pair({
      vmId: order.vmId,
      replicaId,
      backup,
      buildDigest: machine.buildDigest,
      secure: tls && workerId !== undefined ? async () => ({ workerId, credentials: await credentials.obtain() }) : null,
      onOpen: (channel) => driver.attach(backup.replicaId, channel),
      log,
    });
  }

  /** That worker may still run what it has, and dial: it is not heard any more. */
  private cutOff(workerId: string): void {
    for (const [replicaId, { driver, peers, cutOff }] of this.replicas) {
      for (const [peer, holder] of peers) {
        if (holder !== workerId || cutOff.has(peer)) continue;
        cutOff.add(peer);
        this.dialler.cancelBackup(replicaId, peer);
        driver.cutOff(peer);
      }
    }
  }

  private dropReplica(replicaId: string, reason: string): void {
    const hosted = this.replicas.get(replicaId);
    let consoleEnd: string | null = null;
    if (hosted !== undefined) {
      hosted.log.info({ reason }, "replica dropped");
      this.dialler.cancel(replicaId);
      this.arbiter.forget(replicaId);
      this.replicas.delete(replicaId);
      this.changed.delete(replicaId);
      this.orderSpans.dropped(replicaId);
      hosted.driver.close();
      consoleEnd = hosted.driver.history.released.toString();
      for (const relay of this.consoles.values()) relay.replicaDropped(hosted.driver);
    }
    this.control.broadcast({ type: "replicaGone", replicaId, consoleEnd });
  }

  /** An order that names a replica which is not here is answered with `replicaGone`. */
  private find(replicaId: string): HostedReplica | undefined {
    const hosted = this.replicas.get(replicaId);
    if (hosted === undefined) this.control.broadcast({ type: "replicaGone", replicaId, consoleEnd: null });
    return hosted;
  }

  /** @param workerId of the dialler's certificate; null: it came in plain */
  private admit(hello: ChannelHello, workerId: string | null): ChannelAdmission {
    const hosted = this.replicas.get(hello.to);
    if (hosted === undefined || hosted.order.vmId !== hello.vmId) return "unknown_replica";
    if (hosted.cutOff.has(hello.from)) return "worker_fenced";
    if (workerId !== null) {
      const expected = hosted.expectedPrimary;
      // The control plane's word about a new primary may still be on its way: the dialler comes again.
      if (expected?.replicaId !== hello.from) return "unknown_replica";
      if (expected.workerId !== workerId) return "certificate_refused";
    }
    if (!sameSecret(hello.channelSecret, hosted.order.channelSecret)) return "bad_secret";
    if (hello.buildDigest !== this.options.machine.buildDigest) return "engine_mismatch";
    const { driver } = hosted;
    const { role, promotion } = driver.status();
    if (!driver.running || role !== "backup" || promotion !== null) return "unknown_replica";
    return (channel) => driver.attach(hello.from, channel);
  }

  /** Many changes of one turn of the event loop are one report. */
  private reportChanged(replicaId: string): void {
    if (this.changed.size === 0) setImmediate(() => this.flushReports());
    this.changed.add(replicaId);
  }

  private flushReports(): void {
    const changed = [...this.changed];
    this.changed.clear();
    for (const replicaId of changed) this.sendReport(replicaId);
  }

  private reportRunning(): void {
    for (const [replicaId, { driver }] of this.replicas) {
      if (!driver.running) continue;
      driver.watchEngine(Math.max(2, Math.ceil(this.options.settings.engineStallMs / REPORT_INTERVAL_MS)));
      driver.tellWallClock();
      this.sendReport(replicaId);
    }
  }

  private sendReport(replicaId: string): void {
    const hosted = this.replicas.get(replicaId);
    if (hosted === undefined) return;
    const report = hosted.driver.report();
    this.orderSpans.reported(report);
    this.control.broadcast({ type: "replicaReport", report });
  }
}

function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
