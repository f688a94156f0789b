/**
 * A worker: a process that hosts replicas, and the loop around each one's `step` as `src/worker/replica-driver.ts` has it:
 * everything that happens becomes an input, the effects of a step are performed in order before the next input is looked at,
 * messages are bytes on the logging channel. What happens outside is told to the simulation, which checks it.
 */
import { unreachable } from "../../src/base/assert.ts";
import type { EpochEnd } from "../../src/engine/epoch.ts";
import type {
  AllowedEpoch,
  ArbiterRequest,
  BegunEpoch,
  Effect,
  LoggingChannelMessage,
  Replica,
  ReplicaInput,
  TimerId,
} from "../../src/hypervisor/messages.ts";
import { LoggingChannelDecoder, LoggingChannelEncoder } from "../../src/wire/logging-channel.ts";
import type { Chance } from "./chance.ts";
import type { ConsoleFrame, ConsolePort } from "./console-line.ts";
import type { Guest } from "./guest.ts";
import { consoleEndOf, type ExecutedEpoch, extendDigest } from "./history.ts";
import type { Connection, Receiver } from "./network.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";
import type { SimulatedVm } from "./vm.ts";

/** Who is told of what a replica does. */
export interface Surroundings {
  readonly scheduler: Scheduler;
  /** How long things take. */
  readonly timing: Chance;
  readonly trace: Trace;
  /** A step begins. @returns after how many of its effects the process is struck, and by what; null: nothing happens to it */
  stepBegins(replica: HostedReplica): Strike | null;
  stepped(replica: HostedReplica, input: ReplicaInput, effects: readonly Effect[]): void;
  executed(replica: HostedReplica, executed: ExecutedEpoch, reachedInstant: bigint): void;
  released(replica: HostedReplica, from: number, upTo: number): void;
  inputAcknowledged(replica: HostedReplica, inputSession: string, inputNext: bigint): void;
  ask(replica: HostedReplica, request: ArbiterRequest): void;
  failed(replica: HostedReplica, input: ReplicaInput, error: Error): never;
  halted(replica: HostedReplica, reason: string): void;
}

export interface Strike {
  readonly afterEffects: number;
  readonly strike: () => void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Worker {
  readonly replicas = new Set<HostedReplica>();
  /** Its engines run so many times slower until then. */
  slowness = 1;
  slowUntilUs = 0;
  /** By how much its host's real-time clock is wrong. */
  wallErrorUs = 0;

  constructor(
    readonly process: Process,
    /** Instructions per microsecond of its engines. */
    readonly speed: number,
  ) {}

  speedAt(nowUs: number): number {
    return this.slowUntilUs > nowUs ? this.speed / this.slowness : this.speed;
  }

  end(): void {
    this.process.end();
  }
}

interface Channel {
  readonly connection: Connection<Uint8Array>;
  readonly side: 0 | 1;
  readonly encoder: LoggingChannelEncoder;
}

type RunEpoch = Extract<Effect, { kind: "runEpoch" }>;

interface RunningEpoch {
  readonly effect: RunEpoch;
  readonly startInstant: bigint;
  readonly startedUs: number;
  /** Where it may be stopped early: it has run to here already. */
  readonly cutInstant: bigint;
  readonly cutReason: EpochEnd;
  stopped: boolean;
}

export class HostedReplica {
  head: ExecutedEpoch | null = null;
  /** The newest epoch whose record it holds. */
  heldEpoch = -1n;
  released = 0;
  role: "primary" | "backup";
  term: bigint;
  joining: string | null = null;
  state: "running" | "halted" | "dead" = "running";
  haltReason: string | null = null;
  /** It has been live as primary. */
  wasPrimary = false;
  /** It has received all of the state: what it holds of the log counts. */
  verified = false;
  receivedInstant = 0n;
  /** Consoles that are attached to it. */
  readonly ports = new Set<ConsolePort>();
  private readonly channels = new Map<string, Channel>();
  private readonly inputs: ReplicaInput[] = [];
  private stepping = false;
  private operation = 0;
  private engineBusy = false;
  private running: RunningEpoch | null = null;
  /** What a backup's engine runs next. */
  private next: RunEpoch | null = null;
  /** What a primary's engine may begin by itself. */
  private allowed: AllowedEpoch | null = null;
  /** Answers of the engine that are on their way, and when the newest of them arrives: they keep their order. */
  private answersDue = 0;
  private answersUs = 0;
  private readonly timers = new Map<TimerId["kind"], number>();
  private readonly engineSource = {};
  private readonly timerSource = {};
  private readonly scheduler: Scheduler;
  private readonly timing: Chance;

  constructor(
    readonly id: string,
    readonly vm: SimulatedVm,
    readonly worker: Worker,
    readonly core: Replica,
    readonly guest: Guest,
    private readonly around: Surroundings,
  ) {
    this.scheduler = around.scheduler;
    this.timing = around.timing;
    const { role, term } = core.status();
    this.role = role;
    this.term = term;
    worker.replicas.add(this);
  }

  private look(): void {
    const { role, term, joining } = this.core.status();
    this.role = role;
    this.term = term;
    this.joining = joining;
  }

  get process(): Process {
    return this.worker.process;
  }

  /** Its process lives and it has not halted; the process may be stopped. */
  get alive(): boolean {
    return this.state === "running";
  }

  /** A backup that may be dialled. */
  get admits(): boolean {
    const { role, promotion } = this.core.status();
    return this.alive && this.process.running && role === "backup" && promotion === null;
  }

  hasChannel(peer: string): boolean {
    return this.channels.has(peer);
  }

  start(wallUnixUs: number): void {
    this.inputs.push({ kind: "wallClock", unixUs: wallUnixUs });
    this.feed({ kind: "started" });
  }

  /** The process is gone. */
  die(): void {
    if (this.state === "running") this.state = "dead";
    this.vm.living.delete(this);
    this.guest.release();
    this.inputs.length = 0;
    this.channels.clear();
    this.ports.clear();
    this.timers.clear();
  }

  receiver(peer: string): Receiver<Uint8Array> {
    const decoder = new LoggingChannelDecoder();
    decoder.acceptMessages();
    return {
      process: this.process,
      received: (bytes) => {
        for (const message of decoder.push(bytes)) this.feed({ kind: "message", peer, message: message as LoggingChannelMessage });
      },
      closed: () => {
        this.detach(peer);
        this.feed({ kind: "channelClosed", peer });
      },
    };
  }

  attach(peer: string, connection: Connection<Uint8Array>, side: 0 | 1): void {
    if (!this.alive) {
      connection.close(side);
      return;
    }
    this.channels.set(peer, { connection, side, encoder: new LoggingChannelEncoder() });
    this.feed({ kind: "channelOpened", peer });
  }

  feed(input: ReplicaInput): void {
    if (!this.alive) return;
    this.inputs.push(input);
    if (!this.stepping) this.work();
  }

  // --- the loop ----------------------------------------------------------------------------------------------------

  private work(): void {
    this.stepping = true;
    while (this.alive && this.process.running) {
      const input = this.inputs.shift();
      if (input === undefined) break;
      if (!this.step(input)) return;
    }
    this.stepping = false;
  }

  /** @returns false where the process was struck in the middle of it */
  private step(input: ReplicaInput): boolean {
    const strike = this.around.stepBegins(this);
    if (strike !== null && strike.afterEffects < 0) {
      this.inputs.unshift(input);
      this.struck(strike, () => this.work());
      return false;
    }
    let effects: readonly Effect[];
    try {
      effects = this.core.step(input, this.process.clock.nowUs());
    } catch (error) {
      this.around.failed(this, input, error as Error);
    }
    for (let at = effects.length - 1; at >= 0; at--) if (effects[at]?.kind === "statusChanged") this.look();
    this.around.stepped(this, input, effects);
    return this.performFrom(effects, 0, strike);
  }

  private performFrom(effects: readonly Effect[], from: number, strike: Strike | null): boolean {
    for (let at = from; at < effects.length; at++) {
      if (strike !== null && strike.afterEffects === at) {
        this.struck(strike, () => {
          if (this.performFrom(effects, at, null)) this.work();
        });
        return false;
      }
      this.perform(effects[at] as Effect);
    }
    if (strike === null || strike.afterEffects < effects.length) return true;
    this.struck(strike, () => this.work());
    return false;
  }

  private struck(strike: Strike, rest: () => void): void {
    strike.strike();
    if (this.process.state === "stopped") this.process.interrupt(rest);
    else if (this.alive) rest();
  }

  private perform(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        this.send(effect.peer, effect.message);
        return;
      case "closeChannel": {
        const channel = this.channels.get(effect.peer);
        this.detach(effect.peer);
        channel?.connection.close(channel.side);
        return;
      }
      case "runEpoch":
        if (this.running === null) this.runEpoch(effect);
        else if (effect.exact && this.next === null) this.next = effect;
        else throw new Error(`${this.id} has no room for another epoch`);
        return;
      case "allowEpoch":
        this.allowed = effect.next;
        return;
      case "drawEntropy":
        this.inputs.push({ kind: "entropyDrawn", bytes: Uint8Array.from({ length: effect.bytes }, () => this.timing.below(256)) });
        return;
      case "endEpochEarly":
        this.endEpochEarly();
        return;
      case "captureState":
        this.operate(this.timing.between(100, 1500), () => this.captured(effect));
        return;
      case "endTransfer":
        this.guest.endCapture();
        return;
      case "applyState": {
        const { pages } = effect;
        this.operate(this.timing.between(50, 1000), () => {
          this.guest.apply(pages);
          return { kind: "stateApplied", bytes: pages.length };
        });
        return;
      }
      case "verifyState":
        this.operate(this.timing.between(100, this.timing.oneIn(10) ? 20_000 : 1500), () => this.verify());
        return;
      case "releaseOutput": {
        const from = this.released;
        const upTo = Number(effect.upTo);
        this.released = Math.max(from, upTo);
        this.around.released(this, from, upTo);
        for (const port of this.ports) port.pump();
        return;
      }
      case "acknowledgeInput":
        this.around.inputAcknowledged(this, effect.inputSession, effect.inputNext);
        this.tell({ kind: "acknowledged", inputSession: effect.inputSession, next: Number(effect.inputNext) });
        return;
      case "refuseInput":
        this.tell({ kind: "refused", inputSession: effect.inputSession, next: Number(effect.inputNext), code: effect.code });
        return;
      case "askArbiter":
        this.around.ask(this, effect.request);
        return;
      case "setTimer":
        this.setTimer(effect.timer.kind, effect.atUs);
        return;
      case "clearTimer":
        this.timers.delete(effect.timer.kind);
        return;
      case "statusChanged":
        return;
      case "halt":
        this.halt(effect.reason);
        return;
      default:
        unreachable(effect);
    }
  }

  private tell(frame: ConsoleFrame): void {
    for (const port of this.ports) port.send(frame);
  }

  private setTimer(kind: TimerId["kind"], atUs: number): void {
    const number = ++this.operation;
    this.timers.set(kind, number);
    // Hosts' timers are late, and round.
    const whenUs = Math.max(this.scheduler.nowUs, this.process.clock.whenUs(atUs) + this.timing.between(-300, 1500));
    this.scheduler.at(whenUs, () => {
      if (this.timers.get(kind) !== number) return;
      this.process.deliver(this.timerSource, () => this.feed({ kind: "timeout", timer: { kind } }));
    });
  }

  private halt(reason: string): void {
    const asKilled = reason === "test_failover";
    this.state = asKilled ? "dead" : "halted";
    this.haltReason = reason;
    for (const { connection, side } of this.channels.values()) {
      if (asKilled) connection.abandon(side, false);
      else connection.close(side);
    }
    for (const port of this.ports) port.close();
    this.die();
    this.worker.replicas.delete(this);
    this.around.halted(this, reason);
  }

  // --- channels ----------------------------------------------------------------------------------------------------

  private send(peer: string, message: LoggingChannelMessage): void {
    const channel = this.channels.get(peer);
    if (channel === undefined) return;
    const bytes = channel.encoder.encode(message);
    this.around.trace.bytes(bytes);
    channel.connection.send(channel.side, bytes, bytes.length);
  }

  private detach(peer: string): void {
    this.channels.delete(peer);
  }

  // --- the engine --------------------------------------------------------------------------------------------------

  private operate(durationUs: number, finish: () => ReplicaInput | null): void {
    const number = ++this.operation;
    if (this.engineBusy) throw new Error(`${this.id} has one engine operation at a time`);
    this.engineBusy = true;
    this.finishAfter(durationUs, number, finish);
  }

  private current = 0;

  private finishAfter(durationUs: number, number: number, finish: () => ReplicaInput | null): void {
    this.current = number;
    const slowness = this.worker.slowUntilUs > this.scheduler.nowUs ? this.worker.slowness : 1;
    this.scheduler.after(Math.ceil(durationUs * slowness) + this.timing.between(5, 60), () => {
      // SIGSTOP stops the engine too: what it would have answered comes when it is continued.
      this.process.deliver(this.engineSource, () => {
        if (this.current !== number || !this.alive) return;
        this.engineBusy = false;
        const input = finish();
        if (input !== null) this.answer(input);
      });
    });
  }

  /** The engine's thread has gone on already when a busy main thread hears of what it has begun by itself. */
  private answer(input: ReplicaInput): void {
    const { scheduler, timing } = this;
    const late = input.kind === "epochEnded" && input.begun !== null && timing.oneIn(3);
    const atUs = Math.max(this.answersUs, scheduler.nowUs + (late ? timing.between(10, 6000) : 0));
    this.answersUs = atUs;
    if (this.answersDue === 0 && atUs === scheduler.nowUs) {
      this.feed(input);
      return;
    }
    this.answersDue++;
    scheduler.at(atUs, () =>
      this.process.deliver(this.engineSource, () => {
        this.answersDue--;
        this.feed(input);
      }),
    );
  }

  private runEpoch(effect: RunEpoch): void {
    const { guest, timing } = this;
    const startInstant = guest.instant;
    const length = Number(effect.limitInstant - startInstant);
    guest.begin(effect.clock, effect.inputs);
    const whole = effect.exact || timing.oneIn(3) || length < 2;
    const cutInstant = whole ? effect.limitInstant : startInstant + BigInt(timing.between(1, length));
    const cutReason = runTo(guest, cutInstant);
    const running: RunningEpoch = { effect, startInstant, startedUs: this.scheduler.nowUs, cutInstant, cutReason, stopped: false };
    this.running = running;
    const printed = !effect.exact && Number(guest.consoleEnd) > consoleEndOf(this.head) && timing.oneIn(3);
    const ends = cutReason !== "limit" || printed;
    const toUs = Number((ends ? guest.instant : effect.limitInstant) - startInstant) / this.worker.speed;
    this.operate(toUs, () => this.epochEnded(running, ends, printed && cutReason === "limit" ? "output" : cutReason));
  }

  private endEpochEarly(): void {
    const { running } = this;
    if (running === null || running.stopped) return;
    running.stopped = true;
    const reachedUs = Number(this.guest.instant - running.startInstant) / this.worker.speed;
    const leftUs = Math.max(0, reachedUs - (this.scheduler.nowUs - running.startedUs));
    const reason = running.cutReason === "limit" && this.guest.instant < running.effect.limitInstant ? "stopped" : running.cutReason;
    this.finishAfter(leftUs, ++this.operation, () => this.epochEnded(running, true, reason));
  }

  private epochEnded(running: RunningEpoch, atCut: boolean, cutReason: EpochEnd): ReplicaInput {
    const { guest } = this;
    const { clock, inputs, epoch, wantHash, limitInstant, exact } = running.effect;
    const reason = atCut ? cutReason : runTo(guest, limitInstant);
    this.running = null;
    const output = guest.readConsole(BigInt(consoleEndOf(this.head)));
    // A backup's log is what came, whatever its guest made of it.
    const endInstant = exact ? limitInstant : guest.instant;
    const executed: ExecutedEpoch = {
      before: this.head,
      epoch,
      clock,
      inputs,
      startInstant: running.startInstant,
      endInstant,
      consoleStart: consoleEndOf(this.head),
      output,
      digest: extendDigest(this.head?.digest ?? 0, endInstant, clock, inputs),
    };
    this.head = executed;
    if (epoch > this.heldEpoch) this.heldEpoch = epoch;
    this.around.executed(this, executed, guest.instant);
    const ended: Mutable<Extract<ReplicaInput, { kind: "epochEnded" }>> = {
      kind: "epochEnded",
      endInstant: guest.instant,
      reason,
      time: guest.time,
      wakeTime: guest.wakeTime,
      consoleEnd: guest.consoleEnd,
      halt: guest.halt,
      inputRoom: guest.inputRoom,
      entropyWanted: guest.entropyWanted,
      stateHash: wantHash ? guest.hash() : null,
      begun: null,
    };
    ended.begun = exact || running.stopped ? null : this.goOn(epoch + 1n, reason);
    const { next } = this;
    this.next = null;
    if (next !== null) this.runEpoch(next);
    return ended;
  }

  /** The engine begins the epoch that it is allowed. */
  private goOn(epoch: bigint, reason: EpochEnd): BegunEpoch | null {
    const { allowed, guest } = this;
    if (allowed?.epoch !== epoch || (reason !== "limit" && reason !== "output")) return null;
    if (guest.time >= allowed.beforeTime || guest.entropyWanted !== 0) return null;
    const startedUs = this.process.clock.nowUs();
    const time = BigInt(startedUs) * 10n + allowed.clockOffset;
    const clock = { time: time < guest.time ? guest.time : time, rate: allowed.rate };
    const limitInstant = guest.instant + allowed.length;
    this.runEpoch({ kind: "runEpoch", epoch, limitInstant, exact: false, clock, inputs: [], wantHash: false });
    return { clock, limitInstant, startedUs };
  }

  private captured({ peer, first, maxBytes, final }: Extract<Effect, { kind: "captureState" }>): ReplicaInput {
    const { parts, pagesLeft, round } = this.guest.capture(first, maxBytes, final);
    let bytes = 0;
    for (const pages of parts) {
      bytes += pages.length;
      this.send(peer, { kind: "statePages", pages });
    }
    if (final) this.vm.captured.set(peer, this.head);
    return { kind: "stateCaptured", peer, bytes, pagesLeft, round, stateHash: final ? this.guest.hash() : null };
  }

  private verify(): ReplicaInput {
    const { guest } = this;
    guest.restored();
    this.head = this.vm.captured.get(this.id) ?? null;
    this.released = Math.min(consoleEndOf(this.head), this.vm.output.length);
    const epoch = this.head?.epoch ?? -1n;
    if (epoch > this.heldEpoch) this.heldEpoch = epoch;
    this.verified = true;
    return {
      kind: "stateHashed",
      stateHash: guest.hash(),
      inputSessions: new Map(guest.inputSessions()),
      inputRoom: guest.inputRoom,
      entropyWanted: guest.entropyWanted,
      wallOffsetNs: guest.wallOffsetNs,
    };
  }
}

/** The engine stops where its console ring is full; the epoch goes on. */
function runTo(guest: Guest, instant: bigint): EpochEnd {
  for (;;) {
    const end = guest.run(instant, true);
    if (end !== "output") return end;
  }
}
