/**
 * One simulated world: hosts with worker processes, a network, a control plane with its arbiter, VMs with n replicas each, and
 * clients, under a seeded scheduler. First faults strike, then all heals, and then every VM must be protected again, with all that
 * was typed in its output. Everything is drawn from the seed: the same seed, the same run.
 */
import type { ArbiterRequest, Effect, Replica, ReplicaConfig, ReplicaInput } from "../../src/hypervisor/messages.ts";
import { createBackup, createPrimary } from "../../src/hypervisor/replica.ts";
import { Chance } from "./chance.ts";
import { Violation } from "./checkers/violation.ts";
import { Client } from "./client.ts";
import { ControlPlane } from "./control-plane.ts";
import { type Fault, FaultPlan } from "./faults.ts";
import { type GuestKind, sessionId, sessionNumber } from "./guest.ts";
import { consoleEndOf, type ExecutedEpoch } from "./history.ts";
import { type LinkConditions, Network } from "./network.ts";
import { MonotonicClock, Process } from "./process.ts";
import { Scheduler } from "./scheduler.ts";
import { SimulatedVm } from "./vm.ts";
import { HostedReplica, type Strike, type Surroundings, Worker } from "./worker.ts";

/** Puts something between a replica and the loop around it: a deliberate bug. */
export type Decorator = (replica: Replica, id: string, role: "primary" | "backup") => Replica;

export interface SimulationOptions {
  readonly seed: number;
  /** Steps of replicas with faults. */
  readonly steps: number;
  readonly guests: GuestKind;
  /** Indices of the plan's faults; null: all. */
  readonly faults?: ReadonlySet<number> | null;
  readonly decorate?: Decorator;
}

export interface Figures {
  worlds: number;
  steps: number;
  kills: number;
  faults: number;
  promotions: number;
  pairings: number;
  solos: number;
  fenced: number;
  epochs: number;
  releasedBytes: number;
  acknowledgedBytes: number;
  /** VMs whose replicas with the state were all killed. */
  lostAllKilled: number;
  /** Of them: the arbiter had promoted the backup, and it was killed before it went live. */
  lostHeirKilled: number;
  guestsHalted: number;
  simulatedMs: number;
}

export function noFigures(): Figures {
  return {
    worlds: 0,
    steps: 0,
    kills: 0,
    faults: 0,
    promotions: 0,
    pairings: 0,
    solos: 0,
    fenced: 0,
    epochs: 0,
    releasedBytes: 0,
    acknowledgedBytes: 0,
    lostAllKilled: 0,
    lostHeirKilled: 0,
    guestsHalted: 0,
    simulatedMs: 0,
  };
}

/** A run that found something. */
export class SimulationFailure extends Error {
  constructor(
    readonly seed: number,
    readonly step: number,
    /** Those that had struck by then. */
    readonly faults: readonly number[],
    override readonly cause: Error,
  ) {
    super(`seed=${seed} step=${step}: ${cause.message}`, { cause });
    this.name = "SimulationFailure";
  }
}

const UNIX_EPOCH_US = 1_700_000_000_000_000;
const HEAL_WITHIN_US = 30_000_000;
const SPEED_MAX = 100;
const CONFIGS: readonly Omit<ReplicaConfig, "replicaId">[] = [
  { heartbeatIntervalMs: 30, heartbeatTimeoutMs: 100, maxLagMs: 300, epochTargetMs: 2, hashIntervalMs: 20 },
  { heartbeatIntervalMs: 10, heartbeatTimeoutMs: 30, maxLagMs: 100, epochTargetMs: 1, hashIntervalMs: 5 },
  { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 300, maxLagMs: 2000, epochTargetMs: 5, hashIntervalMs: 1000 },
];
/** A kill that no VM survives waits for so many steps for a better one. */
const KILL_PATIENCE_STEPS = 200;
/** Beyond those that clients have. */
const POWER_OFF_SESSION = 250;

export class Simulation implements Surroundings {
  readonly scheduler = new Scheduler();
  readonly timing: Chance;
  readonly figures = noFigures();
  readonly plan: FaultPlan;
  private readonly network: Network;
  private readonly control: ControlPlane;
  private readonly clientChance: Chance;
  private readonly kind: GuestKind;
  private readonly config: Omit<ReplicaConfig, "replicaId">;
  private readonly workers: Worker[] = [];
  private readonly vms: SimulatedVm[] = [];
  private readonly clients: Client[] = [];
  private readonly decorate: Decorator;
  private readonly struckFaults: number[] = [];
  private readonly sessions = new Map<SimulatedVm, number>();
  private waitingKill: { readonly fault: Fault; readonly untilStep: number } | null = null;
  private faulty = true;
  private healUntilUs = 0;
  private nextReplica = 0;
  private nextVm = 0;
  private nextHost = 0;

  constructor(private readonly options: SimulationOptions) {
    const { seed } = options;
    this.timing = new Chance(seed, 2);
    this.clientChance = new Chance(seed, 3);
    this.plan = new FaultPlan(seed, options.faults ?? null);
    this.kind = options.guests;
    this.decorate = options.decorate ?? ((replica) => replica);
    this.network = new Network(this.scheduler, this.timing, { shortUs: 20, longUs: 250, rareOneIn: 200, rareUs: 30_000 });
    this.control = new ControlPlane(this.scheduler, new Chance(seed, 4), {
      pair: (vm, primary) => this.pair(vm, primary),
      granted: (vm, request) => this.granted(vm, request),
    });
    this.control.lossOneIn = this.plan.profile.arbiterLoss;
    this.config = CONFIGS[this.timing.oneIn(4) ? this.timing.below(CONFIGS.length) : 0] as Omit<ReplicaConfig, "replicaId">;
  }

  /** @throws {SimulationFailure} */
  run(): Figures {
    try {
      this.begin();
      while (this.scheduler.runNext()) {
        if (this.faulty) {
          if (this.figures.steps >= this.options.steps) this.heal();
        } else if (this.healed()) return this.finish();
        else if (this.scheduler.nowUs > this.healUntilUs) throw new Violation("healing", `it does not heal: ${this.describe()}`);
      }
      throw new Violation("healing", "nothing happens any more");
    } catch (error) {
      throw new SimulationFailure(this.options.seed, this.figures.steps, this.struckFaults, error as Error);
    }
  }

  private begin(): void {
    const { timing } = this;
    this.scheduler.nowUs = 1_000_000;
    for (let hosts = timing.between(3, 4); hosts > 0; hosts--) this.startWorker(this.nextHost++);
    for (let vms = timing.oneIn(2) ? 1 : timing.between(1, 3); vms > 0; vms--) this.createVm();
    this.every(300, 2500, () => this.reconcile());
    this.every(1500, 9000, () => this.clientsAct());
    this.every(300_000, 700_000, () => this.tellWallClocks());
  }

  private every(fromUs: number, toUs: number, action: () => void): void {
    this.scheduler.after(this.timing.between(fromUs, toUs), () => {
      action();
      this.every(fromUs, toUs, action);
    });
  }

  // --- hosts, VMs, replicas ----------------------------------------------------------------------------------------

  private startWorker(host: number): void {
    const { timing, scheduler } = this;
    const clock = new MonotonicClock(scheduler, timing.between(0, 1_000_000_000), 1_000_000 + timing.between(-200, 200));
    const worker = new Worker(new Process(`worker-${host}`, host, clock), timing.between(20, SPEED_MAX));
    worker.wallErrorUs = timing.between(-2_000_000, 2_000_000);
    this.workers.push(worker);
  }

  private createVm(): void {
    const worker = this.timing.oneOf(this.workers.filter(({ process }) => process.running));
    if (worker === undefined) {
      this.scheduler.after(5000, () => this.createVm());
      return;
    }
    const id = `rep_${this.nextReplica++}`;
    const vm = new SimulatedVm(`vm_${this.nextVm++}`, id, this.kind, { maxLagMs: this.config.maxLagMs, instructionsPerUs: SPEED_MAX });
    vm.wantsBackups = this.timing.oneIn(6) ? 2 : 1;
    this.vms.push(vm);
    this.host(vm, id, worker, createPrimary({ replicaId: id, ...this.config }, 1n), "primary");
    this.sessions.set(vm, 2);
    for (const session of [1, 2]) this.clients.push(new Client(vm, session, this.kind, this.clientChance));
  }

  private host(vm: SimulatedVm, id: string, worker: Worker, core: Replica, role: "primary" | "backup"): HostedReplica {
    const guest = role === "primary" ? this.kind.create() : this.kind.createEmpty();
    const replica = new HostedReplica(id, vm, worker, this.decorate(core, id, role), guest, this);
    vm.replicas.set(id, replica);
    replica.start(this.wallUnixUs(worker));
    return replica;
  }

  private wallUnixUs(worker: Worker): number {
    return UNIX_EPOCH_US + this.scheduler.nowUs + worker.wallErrorUs;
  }

  private tellWallClocks(): void {
    for (const worker of this.workers) {
      for (const replica of worker.replicas)
        worker.process.deliver(worker, () => replica.feed({ kind: "wallClock", unixUs: this.wallUnixUs(worker) }));
    }
  }

  private pair(vm: SimulatedVm, primary: HostedReplica): void {
    const free = this.workers.filter(
      (worker) => worker.process.running && ![...worker.replicas].some((replica) => replica.vm === vm) && worker !== primary.worker,
    );
    const worker = this.timing.oneOf(free);
    if (worker === undefined) return;
    vm.pairingAskedUs = this.scheduler.nowUs;
    const id = `rep_${this.nextReplica++}`;
    const backup = this.host(vm, id, worker, createBackup({ replicaId: id, ...this.config }), "backup");
    const connection = this.network.connect<Uint8Array>(primary.receiver(id), backup.receiver(primary.id));
    const dial = (replica: HostedReplica, peer: string, side: 0 | 1) =>
      this.scheduler.after(this.network.delayUs(connection.link), () =>
        replica.process.deliver(connection, () => replica.attach(peer, connection, side)),
      );
    // The backup answers first: what the primary sends finds it attached.
    backup.attach(primary.id, connection, 1);
    dial(primary, id, 0);
  }

  private granted(vm: SimulatedVm, request: ArbiterRequest): void {
    if (request.kind === "addBackup") this.figures.pairings++;
    if (request.kind === "goSolo") this.figures.solos++;
    vm.syncedHoldsRecords.membersChanged(vm.row);
  }

  // --- what replicas do --------------------------------------------------------------------------------------------

  stepBegins(replica: HostedReplica): Strike | null {
    this.figures.steps++;
    if (!this.faulty) return null;
    if (this.waitingKill !== null) return this.killWaits(replica.worker);
    const fault = this.plan.due(this.figures.steps);
    return fault === null ? null : this.strike(fault, replica.worker);
  }

  stepped(replica: HostedReplica, input: ReplicaInput, effects: readonly Effect[]): void {
    if (input.kind === "message" && input.message.kind === "epoch") {
      const { peer, message } = input;
      const cutOff = effects.some((effect) => effect.kind === "halt" || (effect.kind === "closeChannel" && effect.peer === peer));
      if (replica.role === "backup" && !cutOff) {
        const { epoch, endInstant } = message.record;
        if (epoch > replica.heldEpoch) replica.heldEpoch = epoch;
        if (replica.verified) replica.vm.boundedMemory.recordHeld(replica.id, endInstant, replica.head?.endInstant ?? 0n);
      }
    }
    if (replica.role === "primary" && !replica.wasPrimary) {
      replica.wasPrimary = true;
      if (input.kind !== "started") {
        this.figures.promotions++;
        replica.vm.pairingAskedUs = 0;
        replica.vm.output.promoted(replica.id, replica.guest);
      }
    }
  }

  executed(replica: HostedReplica, executed: ExecutedEpoch, reachedInstant: bigint): void {
    const { vm } = replica;
    this.figures.epochs++;
    vm.equalStates.executed(replica.id, executed, reachedInstant, replica.guest.hash());
    if (replica.role === "primary")
      vm.boundedMemory.epochEnded(replica.id, executed.endInstant, consoleEndOf(executed) - replica.released, executed.output.length);
  }

  released(replica: HostedReplica, from: number, upTo: number): void {
    const { vm } = replica;
    const known = vm.output.length;
    vm.oneWriter.released(replica.id, replica.term, upTo > known, vm.row);
    const last = vm.output.released(replica.id, from, upTo, replica.head);
    if (last === null) return;
    vm.syncedHoldsRecords.released(replica.id, last.epoch, vm.row);
    this.figures.releasedBytes += upTo - known;
  }

  inputAcknowledged(replica: HostedReplica, inputSession: string, inputNext: bigint): void {
    const { vm } = replica;
    const session = sessionNumber(inputSession);
    const client = this.clients.find((client) => client.vm === vm && client.session === session);
    client?.told(Number(inputNext));
    const before = vm.output.acknowledgedTo(session);
    if (inputNext <= before) return;
    this.figures.acknowledgedBytes += Number(inputNext - before);
    vm.output.acknowledged(session, inputNext);
    for (let executed = replica.head; executed !== null; executed = executed.before) {
      for (const input of executed.inputs) {
        if (input.kind !== "console" || input.inputSession !== inputSession || input.offset >= inputNext) continue;
        vm.syncedHoldsRecords.released(replica.id, executed.epoch, vm.row);
        return;
      }
    }
    throw new Violation("released output", `${replica.id} acknowledges input of session ${session} that no record holds`);
  }

  inputRefused(replica: HostedReplica, inputSession: string, inputNext: bigint, code: string): void {
    const session = sessionNumber(inputSession);
    const client = this.clients.find((client) => client.vm === replica.vm && client.session === session);
    if (client === undefined) return;
    if (code === "input_session_expired") this.newSession(client);
    else client.refused(Number(inputNext), code);
  }

  ask(replica: HostedReplica, request: ArbiterRequest): void {
    this.control.ask(replica, request);
  }

  failed(replica: HostedReplica, input: ReplicaInput, error: Error): never {
    if (error instanceof Violation) throw error;
    throw new Violation("replica", `${replica.id} on "${input.kind}": ${error.message}`, { cause: error });
  }

  halted(replica: HostedReplica, reason: string): void {
    const { vm } = replica;
    if (reason === "divergence" || reason === "state_mismatch") throw new Violation("equal states", `${replica.id} halts: ${reason}`);
    if (reason === "fenced") {
      this.figures.fenced++;
      if (vm.row.primary === replica.id) throw new Violation("one writer", `${replica.id} is the primary and believes itself fenced`);
    }
    if (reason === "guest_halted" && vm.row.primary === replica.id) {
      const written = consoleEndOf(replica.head);
      if (vm.output.length !== written)
        throw new Violation("released output", `a guest that ended wrote ${written} bytes, ${vm.output.length} were released`);
      this.figures.guestsHalted++;
      this.endVm(vm);
    }
  }

  // --- clients and control plane -----------------------------------------------------------------------------------

  private reconcile(): void {
    for (const vm of [...this.vms]) {
      this.mourn(vm);
      if (!vm.ended) this.control.reconcile(vm);
    }
  }

  /** A VM is lost where everybody who had it was killed; if not everybody was, something else is wrong. */
  private mourn(vm: SimulatedVm): void {
    const { primary } = vm;
    if (vm.ended || primary === undefined || primary.alive || this.control.inFlight > 0) return;
    const members = [primary, ...[...vm.row.synced].map((id) => vm.replicas.get(id) as HostedReplica)];
    if (members.some(({ alive }) => alive)) return;
    if (members.some(({ state }) => state !== "dead"))
      throw new Violation("healing", `${vm.id} is lost, and not everybody who had it was killed: ${this.describe()}`);
    this.figures.lostAllKilled++;
    if (!primary.wasPrimary) this.figures.lostHeirKilled++;
    this.endVm(vm);
    this.createVm();
  }

  private endVm(vm: SimulatedVm): void {
    vm.ended = true;
    this.vms.splice(this.vms.indexOf(vm), 1);
    for (let at = this.clients.length - 1; at >= 0; at--) if (this.clients[at]?.vm === vm) this.clients.splice(at, 1);
  }

  private newSession(client: Client): void {
    const next = (this.sessions.get(client.vm) ?? 2) + 1;
    if (next > this.kind.sessionsMax) return;
    this.sessions.set(client.vm, next);
    client.anew(next);
  }

  private clientsAct(): void {
    const { clientChance: chance } = this;
    for (const client of this.clients) {
      if (this.faulty && chance.oneIn(2)) {
        if (client.settled && client.typed > 0 && chance.oneIn(6)) this.newSession(client);
        client.type(12);
      }
      const { vm } = client;
      const frame = client.frame(64);
      const living = [...vm.replicas.values()].slice(-4).filter(({ alive }) => alive);
      const gateway = chance.oneIn(12) ? chance.oneOf(living) : vm.primary;
      if (gateway === undefined) continue;
      if (chance.oneIn(3)) client.read(gateway);
      if (frame !== null) this.sendInput(client, gateway, frame);
    }
  }

  private sendInput(client: Client, to: HostedReplica, { offset, bytes }: { readonly offset: number; readonly bytes: Uint8Array }): void {
    const { inputSession } = client;
    this.scheduler.after(this.clientChance.between(20, 400), () =>
      to.process.deliver(client, () => to.feed({ kind: "deviceInput", inputSession, offset: BigInt(offset), bytes })),
    );
  }

  // --- faults ------------------------------------------------------------------------------------------------------

  /** Would every VM on this host go on somewhere else? */
  private survives(worker: Worker): boolean {
    for (const replica of worker.replicas) {
      const { vm } = replica;
      if (vm.ended || !vm.row.isMember(replica.id)) continue;
      const others = [vm.row.primary, ...vm.row.synced].filter((id) => id !== replica.id).map((id) => vm.replicas.get(id));
      if (!others.some((other) => other?.alive && other.process.state !== "dead")) return false;
    }
    return true;
  }

  private killWaits(worker: Worker): Strike | null {
    const waiting = this.waitingKill;
    if (waiting === null) return null;
    const { fault, untilStep } = waiting;
    if (!this.survives(worker)) {
      if (this.figures.steps > untilStep) this.waitingKill = null;
      return null;
    }
    this.waitingKill = null;
    return this.killAt(fault, worker);
  }

  private killAt({ chance, index, kind }: Fault, worker: Worker): Strike {
    return {
      afterEffects: chance.between(-1, 4),
      strike: () => {
        this.note(index);
        this.kill(worker, kind === "powerLoss", chance);
      },
    };
  }

  private note(index: number): void {
    this.figures.faults++;
    this.struckFaults.push(index);
  }

  private strike(fault: Fault, atWork: Worker): Strike | null {
    const { chance, kind, index } = fault;
    const victim = chance.oneIn(3) ? (chance.oneOf(this.workers) as Worker) : atWork;
    switch (kind) {
      case "kill":
      case "powerLoss":
      case "leave":
        if (chance.oneIn(30) || this.survives(atWork)) return this.killAt(fault, atWork);
        this.waitingKill = { fault, untilStep: this.figures.steps + KILL_PATIENCE_STEPS };
        return null;
      case "stop":
        this.note(index);
        if (victim !== atWork) {
          this.stop(victim, chance);
          return null;
        }
        return { afterEffects: chance.between(-1, 4), strike: () => this.stop(victim, chance) };
      default:
        this.note(index);
        this.disturb(fault, victim);
        return null;
    }
  }

  private disturb({ chance, kind }: Fault, victim: Worker): void {
    const { nowUs } = this.scheduler;
    const untilUs = nowUs + this.durationUs(chance);
    const link = chance.oneOf(this.network.allLinks());
    switch (kind) {
      case "cut":
        if (link !== undefined) link.blockedUntilUs.fill(untilUs);
        return;
      case "halfCut":
        if (link !== undefined) link.blockedUntilUs[chance.below(2) as 0 | 1] = untilUs;
        return;
      case "slowLink":
        if (link !== undefined) Object.assign(link, { slowness: chance.between(2, 200), slowUntilUs: untilUs });
        return;
      case "narrowLink":
        if (link !== undefined) Object.assign(link, { bytesPerMs: chance.between(20, 20_000), narrowUntilUs: untilUs });
        return;
      case "reset":
        if (link !== undefined) for (const connection of this.network.connectionsOver(link)) connection.reset();
        return;
      case "halfOpen":
        if (link !== undefined)
          for (const connection of this.network.connectionsOver(link)) connection.resetOneEnd(chance.below(2) as 0 | 1);
        return;
      case "slowEngine":
        victim.slowness = chance.between(2, 60);
        victim.slowUntilUs = nowUs + 4 * this.durationUs(chance);
        return;
      case "clockDrift":
        victim.process.clock.drift(1_000_000 + chance.between(-2000, 2000));
        victim.wallErrorUs = chance.between(-5_000_000, 5_000_000);
        return;
      case "loseArbiter":
        this.control.awayUntilUs = untilUs;
        return;
      case "cutArbiter":
        this.control.cutOffUntilUs.set(victim.process.host, untilUs);
        return;
      case "orderPromotion":
        for (const replica of victim.replicas) this.control.order(replica);
        return;
      case "flood":
        this.flood(chance);
        return;
    }
  }

  private durationUs(chance: Chance): number {
    const { shortMs, longMs } = this.plan.profile;
    return chance.between(1, chance.oneIn(4) ? longMs : shortMs) * 1000;
  }

  private flood(chance: Chance): void {
    for (const client of this.clients) {
      const to = client.vm.primary;
      client.type(200);
      if (to === undefined) continue;
      for (let frames = chance.between(1, 40); frames > 0; frames--) {
        const frame = client.frame(200);
        if (frame !== null) this.sendInput(client, to, frame);
      }
    }
  }

  private stop({ process }: Worker, chance: Chance): void {
    if (!process.running) return;
    process.stop();
    this.scheduler.after(this.durationUs(chance), () => process.continue(this.timing));
  }

  private kill(worker: Worker, silent: boolean, chance: Chance): void {
    const { process } = worker;
    if (process.state === "dead") return;
    if (worker.replicas.size > 0) this.figures.kills++;
    process.silent = silent;
    worker.end();
    for (const replica of worker.replicas) replica.die();
    for (const connection of this.network.connectionsOf(process)) connection.abandon(connection.sideOf(process), silent);
    this.workers.splice(this.workers.indexOf(worker), 1);
    // It is started again, or its host has left and another joins.
    const host = chance.oneIn(8) ? this.nextHost++ : process.host;
    this.scheduler.after(chance.between(100, silent ? 20_000 : 3000), () => this.startWorker(host));
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  private heal(): void {
    const { nowUs } = this.scheduler;
    this.faulty = false;
    this.waitingKill = null;
    this.control.lossOneIn = 0;
    this.control.awayUntilUs = 0;
    this.control.cutOffUntilUs.clear();
    for (const link of this.network.allLinks()) healLink(link, nowUs);
    for (const worker of this.workers) {
      worker.slowUntilUs = 0;
      worker.process.continue(this.timing);
    }
    this.healUntilUs = nowUs + HEAL_WITHIN_US;
    const client = this.clients[0];
    if (client !== undefined && this.timing.oneIn(8)) this.powerOff(client);
  }

  /** Types the byte that ends the guest, in a session of its own, until it ends. */
  private powerOff(client: Client): void {
    const { vm } = client;
    const again = () => {
      if (vm.ended) return;
      vm.primary?.process.deliver(client, () =>
        vm.primary?.feed({
          kind: "deviceInput",
          inputSession: sessionId(POWER_OFF_SESSION),
          offset: 0n,
          bytes: Uint8Array.of(this.kind.powerOff),
        }),
      );
      this.scheduler.after(50_000, again);
    };
    again();
  }

  private healed(): boolean {
    for (const client of this.clients) if (!client.settled) return false;
    for (const vm of this.vms) {
      const { primary, row } = vm;
      if (primary === undefined || !primary.alive || primary.role !== "primary" || row.synced.size < vm.wantsBackups) return false;
      for (const id of row.synced) if (vm.replicas.get(id)?.alive !== true) return false;
    }
    return this.vms.length > 0 || this.figures.guestsHalted > 0;
  }

  private finish(): Figures {
    this.figures.worlds = 1;
    this.figures.simulatedMs = Math.floor(this.scheduler.nowUs / 1000);
    return this.figures;
  }

  private describe(): string {
    return this.vms
      .map((vm) => {
        const { term, primary, synced } = vm.row;
        const replicas = [...vm.replicas.values()]
          .filter((replica) => replica.alive || vm.row.isMember(replica.id))
          .map((replica) => {
            const { state, point, joining, synced: known } = replica.core.status();
            const what = replica.alive ? `${replica.role} ${state} (${replica.process.state})` : (replica.haltReason ?? replica.state);
            return `${replica.id} on ${replica.process.name}: ${what}, term ${replica.term}, epoch ${point.epoch}, joining ${joining}, synced [${known.join()}]`;
          });
        const clients = this.clients
          .filter((client) => client.vm === vm)
          .map(({ session, acknowledged, typed }) => `${session}: ${acknowledged}/${typed}, echoed ${vm.output.echoes(session)}`);
        return `${vm.id} term ${term} primary ${primary} synced [${[...synced].join()}] sessions ${clients.join("; ")}; ${replicas.join("; ")}`;
      })
      .join(" | ");
  }
}

function healLink(link: LinkConditions, nowUs: number): void {
  link.blockedUntilUs[0] = Math.min(link.blockedUntilUs[0], nowUs);
  link.blockedUntilUs[1] = Math.min(link.blockedUntilUs[1], nowUs);
  link.slowUntilUs = 0;
  link.narrowUntilUs = 0;
}
