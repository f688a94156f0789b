/**
 * A little cluster under a seeded scheduler: real `Replica`s, a model guest under each, channels that delay and break, an
 * arbiter that is late, away or loses its answers, processes that are killed, stopped and continued, clients that type and
 * send again. Time is simulated; every choice comes from the seed.
 *
 * What is checked while it runs (numbers of replication's invariants):
 * 1. Bytes that are new to the outside are released only by one replica per term, never by an older term after a newer one.
 * 2. Byte N is the same on whoever releases it; in the end the released output is what a fresh guest prints when it is
 *    given the survivor's log, echoed input is each session's bytes in order and once, and whatever was acknowledged is there.
 * 4. Whoever could be promoted holds every record that a released byte depends on.
 * And: one engine operation at a time, no effect after a halt, guest time never goes back, the arbiter's primary never
 * believes itself fenced, and when the faults stop, the VM is protected again and all input arrives.
 */
import { Prng } from "../../src/base/prng.ts";
import type {
  ArbiterOutcome,
  ArbiterRequest,
  Effect,
  LoggingChannelMessage,
  Replica,
  ReplicaConfig,
  ReplicaInput,
  TimerId,
} from "../../src/hypervisor/messages.ts";
import { createBackup, createPrimary } from "../../src/hypervisor/replica.ts";
import { ModelGuest, POWER_OFF, RING_BYTES, type Run } from "./model-guest.ts";

export interface ClusterReport {
  readonly seed: number;
  readonly steps: number;
  readonly promotions: number;
  readonly solos: number;
  readonly pairings: number;
  readonly releasedBytes: number;
  readonly outcome: "protected" | "lost" | "guest halted";
}

interface Scheduled {
  readonly atUs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap of what is to happen, by time and then by order of scheduling. */
class Agenda {
  private readonly heap: Scheduled[] = [];
  private order = 0;

  add(atUs: number, run: () => void): void {
    this.heap.push({ atUs, order: this.order++, run });
    let at = this.heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(at, parent)) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  next(): Scheduled | undefined {
    const first = this.heap[0];
    const last = this.heap.pop();
    if (first === undefined || last === undefined || this.heap.length === 0) return first;
    this.heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      let least = at;
      if (left < this.heap.length && this.before(left, least)) least = left;
      if (left + 1 < this.heap.length && this.before(left + 1, least)) least = left + 1;
      if (least === at) return first;
      this.swap(at, least);
      at = least;
    }
  }

  private before(a: number, b: number): boolean {
    const [x, y] = [this.heap[a] as Scheduled, this.heap[b] as Scheduled];
    return x.atUs < y.atUs || (x.atUs === y.atUs && x.order < y.order);
  }

  private swap(a: number, b: number): void {
    const x = this.heap[a] as Scheduled;
    this.heap[a] = this.heap[b] as Scheduled;
    this.heap[b] = x;
  }
}

interface Channel {
  readonly ends: readonly [Process, Process];
  open: boolean;
  /** Per direction (index of the receiver): what is under way, in order. */
  readonly underWay: readonly [(() => void)[], (() => void)[]];
  frozenUntilUs: number;
}

interface State {
  readonly guest: ModelGuest;
  readonly console: readonly number[];
  readonly log: readonly Run[];
}

class Process {
  readonly replica: Replica;
  readonly clockOffsetUs: number;
  /** By how much the host's real-time clock is wrong. */
  wallErrorUs: number;
  /** Instructions per microsecond of its engine. */
  readonly speed: number;
  alive = true;
  halted: string | null = null;
  stoppedUntilUs = 0;
  /** By source, in order within one source: what came while the process was stopped. */
  deferred = new Map<string, ReplicaInput[]>();
  guest = new ModelGuest();
  console: number[] = [];
  log: Run[] = [];
  operation: { readonly id: number; readonly run: Run | null; readonly wantHash: boolean; readonly startedUs: number } | null = null;
  released = 0n;
  /** End of the console as far as it holds the records for it. */
  holdsConsoleEnd = 0n;
  timers = new Map<TimerId["kind"], number>();

  constructor(
    readonly id: string,
    create: (config: ReplicaConfig) => Replica,
    config: Omit<ReplicaConfig, "replicaId">,
    random: Prng,
  ) {
    this.replica = create({ replicaId: id, ...config });
    this.clockOffsetUs = random.between(0, 1_000_000_000);
    this.wallErrorUs = random.between(-2_000_000, 2_000_000);
    this.speed = random.between(20, 300);
  }

  get running(): boolean {
    return this.alive && this.halted === null;
  }
}

/** When the simulation begins, on a clock that is right. */
const UNIX_EPOCH_US = 1_700_000_000_000_000;

const SESSIONS = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];

function typedByte(session: number, index: number): number {
  return (index * 7 + session * 131 + (index >> 5)) % 250;
}

interface Granted {
  readonly asker: string;
  readonly request: ArbiterRequest;
}

interface Client {
  readonly inputSession: string;
  readonly bytes: number[];
  acked: number;
}

const CONFIG = { heartbeatIntervalMs: 30, heartbeatTimeoutMs: 100, maxLagMs: 300, epochTargetMs: 2, hashIntervalMs: 20 };

export class Cluster {
  private readonly random: Prng;
  private readonly agenda = new Agenda();
  private nowUs = 1_000_000;
  private readonly processes = new Map<string, Process>();
  private channels: Channel[] = [];
  private steps = 0;
  private nextId = 0;
  private operations = 0;
  private faults = true;

  private readonly arbiter = {
    term: 1n,
    primary: "",
    synced: new Set<string>(),
    /** Told that they will not be promoted: they have halted by now, so it must stay true. */
    fenced: new Set<string>(),
    awayUntilUs: 0,
    inFlight: 0,
    lastGranted: null as Granted | null,
  };
  private readonly released: number[] = [];
  private readonly releasedBy = new Map<bigint, string>();
  private newestTermReleased = 0n;
  private readonly consoleEndOfEpoch = new Map<string, bigint>();
  private readonly snapshots = new WeakMap<Uint8Array, State>();
  private readonly capturedPages = new WeakMap<ReplicaInput, Uint8Array>();
  private readonly clients: Client[] = SESSIONS.map((inputSession) => ({ inputSession, bytes: [], acked: 0 }));
  private promotions = 0;
  private solos = 0;
  private pairings = 0;
  private pairingAskedUs = 0;

  constructor(private readonly seed: number) {
    this.random = new Prng(seed);
  }

  /** @param faultsMs how long there are faults; then all must heal */
  run(faultsMs: number): ClusterReport {
    const first = this.start((config) => createPrimary(config, 1n));
    this.arbiter.primary = first.id;
    const endOfFaultsUs = this.nowUs + faultsMs * 1000;
    const endUs = endOfFaultsUs + 30_000_000;
    const halts = this.random.between(0, 3) === 0;
    this.every(2000, 15_000, () => this.reconcile());
    this.every(3000, 12_000, () => this.type());
    this.every(20_000, 120_000, () => this.fault());
    for (;;) {
      const event = this.agenda.next();
      this.check(event !== undefined, "the agenda is never empty");
      this.nowUs = event.atUs;
      if (this.faults && this.nowUs > endOfFaultsUs) this.heal(halts);
      event.run();
      const outcome = this.outcome();
      if (outcome !== null) return this.report(outcome);
      this.check(this.nowUs < endUs, `it does not heal: ${this.describe()}`);
    }
  }

  // --- scheduling --------------------------------------------------------------------------------------------------

  private check(condition: boolean, what: string): asserts condition {
    if (!condition) throw new Error(`seed=${this.seed} step=${this.steps} t=${this.nowUs}us: ${what}`);
  }

  private after(fromUs: number, toUs: number, run: () => void): void {
    this.agenda.add(this.nowUs + this.random.between(fromUs, toUs), run);
  }

  private every(fromUs: number, toUs: number, run: () => void): void {
    this.after(fromUs, toUs, () => {
      run();
      this.every(fromUs, toUs, run);
    });
  }

  private oneIn(count: number): boolean {
    return this.random.between(1, count) === 1;
  }

  private chance(bytes: number): Uint8Array {
    return Uint8Array.from({ length: bytes }, () => this.random.between(0, 255));
  }

  private oneOf<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.random.between(0, list.length - 1)];
  }

  private start(create: (config: ReplicaConfig) => Replica): Process {
    const process = new Process(`rep_${this.nextId++}`, create, CONFIG, this.random);
    this.processes.set(process.id, process);
    this.tellWallClock(process);
    this.post(process, "shell", { kind: "started" });
    return process;
  }

  private tellWallClock(process: Process): void {
    this.post(process, "shell", { kind: "wallClock", unixUs: UNIX_EPOCH_US + this.nowUs + process.wallErrorUs });
  }

  /** An input for a process: now, or when it is continued. */
  private post(process: Process, source: string, input: ReplicaInput): void {
    if (!process.running) return;
    if (process.stoppedUntilUs > this.nowUs) {
      const queue = process.deferred.get(source) ?? [];
      queue.push(input);
      process.deferred.set(source, queue);
      return;
    }
    this.step(process, input);
  }

  private step(process: Process, input: ReplicaInput): void {
    this.steps++;
    const pages = this.capturedPages.get(input);
    if (pages !== undefined && input.kind === "stateCaptured") this.send(process, input.peer, { kind: "statePages", pages });
    const wasPrimary = process.replica.status().role === "primary";
    let effects: readonly Effect[];
    try {
      effects = process.replica.step(input, this.nowUs + process.clockOffsetUs);
    } catch (error) {
      throw new Error(`seed=${this.seed} step=${this.steps} ${process.id} on ${input.kind}: ${(error as Error).message}`, { cause: error });
    }
    if (!wasPrimary && process.replica.status().role === "primary") this.promotions++;
    for (const effect of effects) this.perform(process, effect);
  }

  // --- effects -----------------------------------------------------------------------------------------------------

  private perform(process: Process, effect: Effect): void {
    this.check(process.halted === null, `${process.id} does "${effect.kind}" after its halt`);
    switch (effect.kind) {
      case "send":
        this.send(process, effect.peer, effect.message);
        return;
      case "closeChannel":
        this.close(this.channel(process, effect.peer), process, false);
        return;
      case "runEpoch": {
        const run: Run = { limitInstant: effect.limitInstant, clock: effect.clock, inputs: effect.inputs };
        const end = process.guest.clone().run(run).instant;
        const durationUs = Number(end - process.guest.instant) / process.speed;
        this.operate(process, run, effect.wantHash, Math.ceil(durationUs), () =>
          this.endEpoch(process, run, effect.wantHash, effect.exact),
        );
        return;
      }
      case "drawEntropy":
        // The shell answers at once, but after the effects of this step.
        this.agenda.add(this.nowUs, () => this.post(process, "shell", { kind: "entropyDrawn", bytes: this.chance(effect.bytes) }));
        return;
      case "endEpochEarly": {
        const operation = process.operation;
        if (operation?.run == null) return;
        const reached = process.guest.instant + BigInt(Math.floor((this.nowUs - operation.startedUs) * process.speed));
        const run: Run = { ...operation.run, limitInstant: reached < operation.run.limitInstant ? reached : operation.run.limitInstant };
        process.operation = null;
        this.operate(process, run, operation.wantHash, 20, () => this.endEpoch(process, run, operation.wantHash, false, "stopped"));
        return;
      }
      case "captureState":
        this.operate(process, null, false, this.random.between(200, 3000), () => this.captured(process, effect));
        return;
      case "endTransfer":
        return;
      case "applyState": {
        const { pages } = effect;
        this.operate(process, null, false, this.random.between(100, 2000), () => {
          const state = this.snapshots.get(pages);
          if (state !== undefined) {
            process.guest = state.guest.clone();
            process.console = [...state.console];
            process.log = [...state.log];
            if (state.guest.consoleEnd > process.holdsConsoleEnd) process.holdsConsoleEnd = state.guest.consoleEnd;
          }
          return { kind: "stateApplied", bytes: pages.length };
        });
        return;
      }
      case "verifyState":
        this.operate(process, null, false, this.random.between(100, 20_000), () => ({
          kind: "stateHashed",
          stateHash: process.guest.hash(),
          inputSessions: new Map(process.guest.sessions),
          inputRoom: process.guest.inputRoom,
          entropyWanted: process.guest.entropyWanted,
          wallOffsetNs: process.guest.wallOffsetNs,
        }));
        return;
      case "releaseOutput":
        this.release(process, effect.upTo);
        return;
      case "acknowledgeInput": {
        const client = this.clients.find(({ inputSession }) => inputSession === effect.inputSession);
        this.check(client !== undefined && effect.inputNext <= BigInt(client.bytes.length), "what is acknowledged was typed");
        if (Number(effect.inputNext) > client.acked) client.acked = Number(effect.inputNext);
        return;
      }
      case "refuseInput":
        return; // The clients look at what is acknowledged and go on from there.
      case "askArbiter":
        this.ask(process, effect.request);
        return;
      case "setTimer": {
        const { kind } = effect.timer;
        const atUs = Math.max(this.nowUs, effect.atUs - process.clockOffsetUs + this.random.between(-300, 1500));
        process.timers.set(kind, atUs);
        this.agenda.add(atUs, () => {
          if (process.timers.get(kind) === atUs) this.post(process, "timer", { kind: "timeout", timer: { kind } });
        });
        return;
      }
      case "clearTimer":
        process.timers.delete(effect.timer.kind);
        return;
      case "statusChanged":
        return;
      case "halt":
        process.halted = effect.reason;
        this.check(effect.reason !== "divergence" && effect.reason !== "state_mismatch", `${process.id} diverged`);
        if (effect.reason === "fenced")
          this.check(this.arbiter.primary !== process.id, `${process.id} is the primary and believes itself fenced`);
        for (const channel of this.channels) if (channel.ends.includes(process)) this.close(channel, process, false);
        return;
    }
  }

  private operate(process: Process, run: Run | null, wantHash: boolean, durationUs: number, finish: () => ReplicaInput): void {
    this.check(process.operation === null, `${process.id} has one engine operation at a time`);
    const id = this.operations++;
    process.operation = { id, run, wantHash, startedUs: this.nowUs };
    this.after(durationUs + 10, durationUs + 80, () => {
      if (process.operation?.id !== id || !process.alive) return;
      // SIGSTOP stops the engine too: what it would have answered comes when it is continued.
      const input = finish();
      process.operation = null;
      this.post(process, "engine", input);
    });
  }

  private endEpoch(process: Process, run: Run, wantHash: boolean, exact: boolean, early?: "stopped"): ReplicaInput {
    const end = process.guest.run(run);
    process.console.push(...end.output);
    process.log.push(run);
    if (!exact) process.holdsConsoleEnd = process.guest.consoleEnd;
    const { epoch } = process.replica.status().point;
    this.consoleEndOfEpoch.set(`${process.id} ${epoch}`, process.guest.consoleEnd);
    return {
      kind: "epochEnded",
      endInstant: end.instant,
      reason: end.reason === "limit" && early !== undefined ? early : end.reason,
      time: end.time,
      wakeTime: process.guest.wakeTime,
      consoleEnd: process.guest.consoleEnd,
      halt: process.guest.halt,
      inputRoom: process.guest.inputRoom,
      entropyWanted: process.guest.entropyWanted,
      stateHash: wantHash ? process.guest.hash() : null,
    };
  }

  private captured(process: Process, effect: Extract<Effect, { kind: "captureState" }>): ReplicaInput {
    const bytes = this.random.between(500, 3000);
    const pages = new Uint8Array(bytes);
    if (effect.final) this.snapshots.set(pages, { guest: process.guest.clone(), console: [...process.console], log: [...process.log] });
    const pagesLeft = effect.final ? 0 : this.random.between(0, 900);
    const stateHash = effect.final ? process.guest.hash() : null;
    const input: ReplicaInput = { kind: "stateCaptured", peer: effect.peer, bytes, pagesLeft, stateHash };
    this.capturedPages.set(input, pages);
    return input;
  }

  // --- what the outside sees ---------------------------------------------------------------------------------------

  private release(process: Process, upTo: bigint): void {
    const { term } = process.replica.status();
    this.check(upTo > process.released, `${process.id} releases up to ${upTo} after ${process.released}`);
    this.check(BigInt(process.console.length) >= upTo, `${process.id} releases ${upTo} bytes, its guest wrote ${process.console.length}`);
    const known = this.released.length;
    for (let at = Number(process.released); at < Number(upTo); at++) {
      if (at < known) this.check(this.released[at] === process.console[at], `byte ${at} differs on ${process.id}`);
      else this.released.push(process.console[at] as number);
    }
    process.released = upTo;
    if (this.released.length === known) return;

    const other = this.releasedBy.get(term) ?? process.id;
    this.check(other === process.id, `${process.id} and ${other} release in term ${term}`);
    this.releasedBy.set(term, process.id);
    this.check(term >= this.newestTermReleased, `${process.id} releases in term ${term} after term ${this.newestTermReleased}`);
    this.newestTermReleased = term;
    for (const id of [this.arbiter.primary, ...this.arbiter.synced]) {
      const member = this.processes.get(id);
      this.check(
        member !== undefined && member.holdsConsoleEnd >= upTo,
        `${id} may be promoted and lacks output up to ${upTo} of ${process.id}`,
      );
    }
  }

  // --- channels ----------------------------------------------------------------------------------------------------

  private channel(process: Process, peer: string): Channel | undefined {
    return this.channels.find(({ open, ends }) => open && ends.includes(process) && ends.some(({ id }) => id === peer));
  }

  private send(process: Process, peer: string, message: LoggingChannelMessage): void {
    const channel = this.channel(process, peer);
    if (channel === undefined) return;
    const to = channel.ends[0] === process ? 1 : 0;
    this.arrive(channel, to, () => {
      const receiver = channel.ends[to];
      if (message.kind === "epoch" && receiver.running && receiver.stoppedUntilUs <= this.nowUs) {
        this.receiveRecord(receiver, process, message);
        return;
      }
      this.post(receiver, `from ${process.id}`, { kind: "message", peer: process.id, message });
    });
  }

  /** What a backup holds is told by its ack, in the same step. */
  private receiveRecord(receiver: Process, sender: Process, message: Extract<LoggingChannelMessage, { kind: "epoch" }>): void {
    this.step(receiver, { kind: "message", peer: sender.id, message });
    this.noteHeld(receiver, sender, message.record.epoch);
  }

  private noteHeld(receiver: Process, sender: Process, epoch: bigint): void {
    const { role, state } = receiver.replica.status();
    const end = this.consoleEndOfEpoch.get(`${sender.id} ${epoch}`);
    if (role === "backup" && state !== "promoting" && receiver.running && end !== undefined && end > receiver.holdsConsoleEnd) {
      receiver.holdsConsoleEnd = end;
    }
  }

  private arrive(channel: Channel, to: 0 | 1, run: () => void): void {
    const delayUs = this.oneIn(200) ? this.random.between(1000, 40_000) : this.random.between(20, 300);
    channel.underWay[to].push(run);
    this.agenda.add(this.nowUs + delayUs, () => this.deliver(channel, to));
  }

  /** One delivery for each message, but always of the first in line: nothing overtakes. */
  private deliver(channel: Channel, to: 0 | 1): void {
    if (channel.frozenUntilUs > this.nowUs) this.agenda.add(channel.frozenUntilUs, () => this.deliver(channel, to));
    else channel.underWay[to].shift()?.();
  }

  /** @param reset true: what is under way is lost, as after a reset; false: the peer reads it first */
  private close(channel: Channel | undefined, by: Process | null, reset: boolean): void {
    if (channel === undefined || !channel.open) return;
    channel.open = false;
    for (const to of [0, 1] as const) {
      const receiver = channel.ends[to];
      const peer = channel.ends[to === 0 ? 1 : 0];
      if (receiver === by) continue;
      const tell = () => this.post(receiver, `from ${peer.id}`, { kind: "channelClosed", peer: peer.id });
      if (reset) channel.underWay[to].length = 0;
      this.arrive(channel, to, tell);
    }
  }

  // --- the arbiter and the control plane ---------------------------------------------------------------------------

  private ask(process: Process, request: ArbiterRequest): void {
    this.arbiter.inFlight++;
    this.after(100, this.oneIn(10) ? 60_000 : 3000, () => {
      this.arbiter.inFlight--;
      const away = this.arbiter.awayUntilUs > this.nowUs;
      const requestLost = away || (this.faults && this.oneIn(15));
      const answer = requestLost ? null : this.decide(process.id, request);
      // Not lost after all, only late: it is carried out when the asker has long asked again.
      if (requestLost && this.oneIn(2)) this.after(1000, 300_000, () => this.decide(process.id, request));
      const answerLost = this.faults && this.oneIn(15);
      this.after(100, 3000, () => {
        const outcome: ArbiterOutcome = answer === null || answerLost ? "unavailable" : answer.granted ? "granted" : "refused";
        this.post(process, "arbiter", { kind: "arbiterAnswered", request, outcome, term: answer?.term ?? 0n });
      });
    });
  }

  private decide(asker: string, request: ArbiterRequest): { readonly granted: boolean; readonly term: bigint } {
    const { arbiter } = this;
    const granted = () => ({ granted: true, term: arbiter.term });
    const refused = () => ({ granted: false, term: arbiter.term });
    const last = arbiter.lastGranted;
    const repeated = last?.asker === asker && last.request.kind === request.kind && last.request.term === request.term;
    const addedLate = last?.asker === asker && last.request.kind === "addBackup" && arbiter.term === request.term + 1n;
    switch (request.kind) {
      case "promote":
        if (arbiter.primary === asker) return granted();
        if (!arbiter.synced.has(asker)) {
          arbiter.fenced.add(asker);
          return refused();
        }
        arbiter.primary = asker;
        arbiter.synced.clear();
        break;
      case "goSolo":
        if (arbiter.primary !== asker) return refused();
        if (request.term !== arbiter.term && !addedLate) return repeated ? granted() : refused();
        arbiter.synced.delete(request.lost);
        this.solos++;
        break;
      case "addBackup":
        if (arbiter.primary !== asker) return refused();
        if (request.term !== arbiter.term) return repeated ? granted() : refused();
        if (arbiter.fenced.has(request.backup) || (this.faults && this.oneIn(12))) return refused();
        arbiter.synced.add(request.backup);
        this.pairings++;
        break;
    }
    arbiter.lastGranted = { asker, request };
    arbiter.term++;
    return granted();
  }

  /** Asks for a new backup when the primary has none and none is on its way; sometimes for a second one. */
  private reconcile(): void {
    const primary = this.processes.get(this.arbiter.primary);
    if (primary === undefined || !primary.running || primary.stoppedUntilUs > this.nowUs) return;
    const status = primary.replica.status();
    if (status.role !== "primary" || status.joining !== null || this.nowUs < this.pairingAskedUs + 20_000) return;
    if (status.synced.length >= (this.oneIn(30) ? 2 : 1)) return;
    this.pairingAskedUs = this.nowUs;
    const backup = this.start(createBackup);
    const channel: Channel = { ends: [primary, backup], open: true, underWay: [[], []], frozenUntilUs: 0 };
    this.channels = this.channels.filter(({ open }) => open);
    this.channels.push(channel);
    this.arrive(channel, 0, () => this.post(primary, `from ${backup.id}`, { kind: "channelOpened", peer: backup.id }));
    this.arrive(channel, 1, () => this.post(backup, `from ${primary.id}`, { kind: "channelOpened", peer: primary.id }));
  }

  // --- clients -----------------------------------------------------------------------------------------------------

  private type(): void {
    for (const client of this.clients) {
      const session = this.clients.indexOf(client) + 1;
      if (this.faults && client.bytes.length - client.acked < RING_BYTES && this.oneIn(2)) {
        for (let more = this.random.between(1, 12); more > 0; more--) client.bytes.push(typedByte(session, client.bytes.length));
      }
      if (client.acked === client.bytes.length) continue;
      // From what is acknowledged, or from a little before, or from beyond it as if a frame had been lost.
      const from = Math.max(0, this.oneIn(10) ? client.acked + this.random.between(-8, 8) : client.acked);
      const to = Math.min(client.bytes.length, from + this.random.between(1, 64));
      if (to <= from) continue;
      const receivers = [...this.processes.values()].filter(({ running }) => running);
      const chosen = this.oneIn(12) ? this.oneOf(receivers) : this.processes.get(this.arbiter.primary);
      const bytes = Uint8Array.from(client.bytes.slice(from, to));
      const input: ReplicaInput = { kind: "deviceInput", inputSession: client.inputSession, offset: BigInt(from), bytes };
      if (chosen !== undefined) this.after(20, 400, () => this.post(chosen, "client", input));
    }
  }

  // --- faults ------------------------------------------------------------------------------------------------------

  private fault(): void {
    if (!this.faults) return;
    const running = [...this.processes.values()].filter((process) => process.running);
    const victim = this.oneOf(running);
    const channel = this.oneOf(this.channels.filter(({ open }) => open));
    if (victim === undefined) return;
    switch (this.random.between(0, 7)) {
      case 0:
      case 1: {
        // Mostly where the VM survives it: a lost VM ends the run.
        const members = running.filter(({ id }) => id === this.arbiter.primary || this.arbiter.synced.has(id));
        if (members.some((member) => member !== victim) || this.oneIn(50)) this.kill(victim);
        return;
      }
      case 2:
      case 3:
        this.stop(victim, this.random.between(5, this.oneIn(3) ? 1500 : 250) * 1000);
        return;
      case 4:
        if (channel !== undefined) channel.frozenUntilUs = this.nowUs + this.random.between(5, 400) * 1000;
        return;
      case 5:
        this.close(channel, null, this.oneIn(2));
        return;
      case 6:
        this.arbiter.awayUntilUs = this.nowUs + this.random.between(10, 500) * 1000;
        return;
      case 7:
        this.post(victim, "shell", { kind: "promotionRequested" });
        return;
    }
  }

  private kill(process: Process): void {
    process.alive = false;
    for (const channel of this.channels) if (channel.ends.includes(process)) this.close(channel, process, this.oneIn(2));
  }

  private stop(process: Process, durationUs: number): void {
    if (process.stoppedUntilUs > this.nowUs) return;
    process.stoppedUntilUs = this.nowUs + durationUs;
    this.agenda.add(process.stoppedUntilUs, () => this.continue(process));
  }

  /** SIGCONT: the queues are read in any order between them, each in its own order. */
  private continue(process: Process): void {
    process.stoppedUntilUs = 0;
    const queues = [...process.deferred];
    process.deferred = new Map();
    while (queues.length > 0) {
      const at = this.random.between(0, queues.length - 1);
      const [, queue] = queues[at] as [string, ReplicaInput[]];
      const input = queue.shift();
      if (input === undefined) queues.splice(at, 1);
      else if (process.running) {
        this.step(process, input);
        if (input.kind !== "message" || input.message.kind !== "epoch") continue;
        const sender = this.processes.get(input.peer);
        if (sender !== undefined) this.noteHeld(process, sender, input.message.record.epoch);
      }
    }
  }

  private heal(halts: boolean): void {
    this.faults = false;
    this.arbiter.awayUntilUs = 0;
    for (const channel of this.channels) channel.frozenUntilUs = Math.min(channel.frozenUntilUs, this.nowUs);
    if (halts) (this.clients[0] as Client).bytes.push(POWER_OFF);
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  private outcome(): ClusterReport["outcome"] | null {
    const primary = this.processes.get(this.arbiter.primary) as Process;
    const members = [...this.arbiter.synced].map((id) => this.processes.get(id) as Process);
    if (primary.halted === "guest_halted") {
      // Whoever still lives has been told, or asks and is told by the arbiter.
      this.verifyOutput(primary);
      return "guest halted";
    }
    if (!primary.running && members.every(({ running }) => !running) && this.arbiter.inFlight === 0) {
      const killed = [primary, ...members].every(({ alive }) => !alive);
      this.check(killed, `the VM is lost, but not everybody who had it was killed: ${this.describe()}`);
      return "lost";
    }
    if (this.faults || !primary.running || members.length === 0 || primary.stoppedUntilUs > this.nowUs) return null;
    if (members.some(({ running, stoppedUntilUs }) => !running || stoppedUntilUs > this.nowUs)) return null;
    const status = primary.replica.status();
    if (status.role !== "primary" || status.synced.length !== members.length) return null;
    if (this.clients.some(({ acked, bytes }) => acked < bytes.length)) return null;
    if (this.clients.some(({ inputSession, bytes }) => this.echoes(inputSession) < bytes.length)) return null;
    this.verifyOutput(primary);
    return "protected";
  }

  /** Number of echoed bytes of this session among what was released. */
  private echoes(inputSession: string): number {
    const tag = SESSIONS.indexOf(inputSession) + 1;
    let count = 0;
    for (let at = 0; at + 1 < this.released.length; at += 2) if (this.released[at] === tag) count++;
    return count;
  }

  /** Invariant 2: what left is what a fresh guest prints when it is given the survivor's log, and input is in it once. */
  private verifyOutput(survivor: Process): void {
    const fresh = new ModelGuest();
    const output: number[] = [];
    for (const run of survivor.log) {
      const end = fresh.run(run);
      for (const byte of end.output) output.push(byte);
      this.check(end.instant === run.limitInstant || end.reason !== "limit", "a run ends at its limit or for a reason");
    }
    this.check(output.length >= this.released.length, `${this.released.length} bytes were released, the log makes ${output.length}`);
    for (const [at, byte] of this.released.entries()) this.check(output[at] === byte, `byte ${at} is not what the log makes`);
    if (survivor.halted === "guest_halted") this.check(output.length === this.released.length, "a halted guest's whole output is released");
    for (const [index, client] of this.clients.entries()) {
      let next = 0;
      for (let at = 0; at + 1 < output.length; at += 2) {
        if (output[at] !== index + 1) continue;
        this.check(output[at + 1] === client.bytes[next], `echo ${next} of session ${index + 1} is not the byte that was typed`);
        next++;
      }
      const delivered = Number(fresh.sessions.get(client.inputSession) ?? 0n);
      this.check(
        delivered >= client.acked,
        `${client.acked} bytes of session ${index + 1} were acknowledged, the guest was given ${delivered}`,
      );
    }
  }

  private describe(): string {
    const { term, primary, synced } = this.arbiter;
    const processes = [...this.processes.values()]
      .filter(({ running, id }) => running || id === primary || synced.has(id))
      .map((process) => {
        const { role, state, term: known, point, joining, synced: knownSynced } = process.replica.status();
        const what = process.alive ? (process.halted ?? `${role} ${state}`) : "killed";
        const where = `epoch ${point.epoch} waiting ${point.waiting} until ${point.wakeTime} console ${point.consoleEnd}`;
        return `${process.id} ${what} term ${known} ${where} joining ${joining} synced ${knownSynced.join()}`;
      });
    const clients = this.clients.map(({ acked, bytes }) => `${acked}/${bytes.length}`);
    return `term ${term}, primary ${primary}, synced ${[...synced].join()}, input ${clients.join(" ")}, ${processes.join("; ")}`;
  }

  private report(outcome: ClusterReport["outcome"]): ClusterReport {
    const { seed, steps, promotions, solos, pairings } = this;
    return { seed, steps, promotions, solos, pairings, releasedBytes: this.released.length, outcome };
  }
}
