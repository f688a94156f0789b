/**
 * One simulated world: hosts with worker processes, a network, a control plane with its arbiter, VMs with n replicas each, and
 * clients, under a seeded scheduler. First faults strike, then all heals, and then every VM must be protected again, with all that
 * was typed in its output. Everything is drawn from the seed: the same seed, the same run.
 */
import type { ArbiterRequest, Effect, Replica, ReplicaConfig, ReplicaInput } from "../../src/hypervisor/messages.ts";
import { createBackup, createPrimary } from "../../src/hypervisor/replica.ts";
import { Adversary, type Targets } from "./adversary.ts";
import { Audience } from "./audience.ts";
import type { Bug } from "./bugs.ts";
import { Chance } from "./chance.ts";
import { Violation } from "./checkers/violation.ts";
import { ControlPlane } from "./control-plane.ts";
import { type Fault, FaultPlan } from "./faults.ts";
import { type Figures, noFigures } from "./figures.ts";
import { type GuestKind, sessionNumber } from "./guest.ts";
import { consoleEndOf, type ExecutedEpoch } from "./history.ts";
import { type LinkConditions, Network } from "./network.ts";
import { MonotonicClock, Process } from "./process.ts";
import { Scheduler } from "./scheduler.ts";
import type { Found } from "./shrink.ts";
import { Trace } from "./trace.ts";
import { SimulatedVm } from "./vm.ts";
import { HostedReplica, type Strike, type Surroundings, Worker } from "./worker.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Steps of replicas with faults. */
  readonly steps: number;
  readonly guests: GuestKind;
  /** Indices of the plan's faults; null: all. */
  readonly faults?: readonly number[] | null;
  /** At most so many VMs; null: as many as the seed has. */
  readonly vms?: number | null;
  /** A deliberate one. */
  readonly bug?: Bug;
  /** Is told everything that happens, a line each. */
  readonly tell?: (line: string) => void;
}

/** A run that found something. */
export class SimulationFailure extends Error implements Found {
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

  get checker(): string {
    return this.cause instanceof Violation ? this.cause.checker : this.cause.name;
  }
}

const UNIX_EPOCH_US = 1_700_000_000_000_000;
const BACKUPS_MAX = 3;
const HEAL_WITHIN_US = 30_000_000;
const CONFIGS: readonly Omit<ReplicaConfig, "replicaId">[] = [
  { heartbeatIntervalMs: 30, heartbeatTimeoutMs: 100, maxLagMs: 300, epochTargetMs: 2, hashIntervalMs: 20 },
  { heartbeatIntervalMs: 10, heartbeatTimeoutMs: 30, maxLagMs: 100, epochTargetMs: 1, hashIntervalMs: 5 },
  { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 300, maxLagMs: 2000, epochTargetMs: 5, hashIntervalMs: 1000 },
];

export class Simulation implements Surroundings, Targets {
  readonly scheduler = new Scheduler();
  readonly timing: Chance;
  readonly figures = noFigures();
  readonly plan: FaultPlan;
  readonly network: Network;
  readonly control: ControlPlane;
  readonly trace: Trace;
  private readonly adversary: Adversary;
  private readonly bugChance: Chance;
  private readonly kind: GuestKind;
  private readonly config: Omit<ReplicaConfig, "replicaId">;
  readonly workers: Worker[] = [];
  private readonly vms: SimulatedVm[] = [];
  readonly audience: Audience;
  private readonly bug: Bug;
  private readonly struckFaults: number[] = [];
  private backupsMax = 1;
  private faulty = true;
  private healUntilUs = 0;
  private nextReplica = 0;
  private nextVm = 0;
  private nextHost = 0;

  constructor(private readonly options: SimulationOptions) {
    const { seed } = options;
    this.timing = new Chance(seed, 2);
    this.bugChance = new Chance(seed, 5);
    this.plan = new FaultPlan(seed, options.faults ?? null);
    this.trace = new Trace(options.tell ?? null);
    this.kind = options.guests;
    this.bug = options.bug ?? {};
    this.network = new Network(this.scheduler, this.timing, { shortUs: 20, longUs: 250, rareOneIn: 200, rareUs: 30_000 });
    this.audience = new Audience(this.scheduler, this.network, this.kind, new Chance(seed, 3));
    this.control = new ControlPlane(this.scheduler, new Chance(seed, 4), {
      pair: (vm, primary) => this.pair(vm, primary),
      granted: (vm, asker, request, kept) => this.granted(vm, asker, request, kept),
    });
    this.adversary = new Adversary(this.plan, this);
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
      throw new SimulationFailure(this.options.seed, this.figures.steps, [...this.struckFaults], error as Error);
    }
  }

  private begin(): void {
    const { timing } = this;
    this.scheduler.nowUs = 1_000_000;
    this.backupsMax = backupsMaxOf(this.options.seed);
    for (let hosts = timing.between(3, 4) + this.backupsMax - 1; hosts > 0; hosts--) this.startWorker(this.nextHost++);
    this.audience.open(timing.between(1, 2));
    const vms = timing.oneIn(2) ? 1 : timing.between(1, 3);
    for (let count = Math.min(vms, this.options.vms ?? vms); count > 0; count--) this.createVm();
    this.every(300, 2500, () => this.reconcile());
    this.every(...this.plan.profile.typingUs, () => this.audience.act(this.faulty));
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
    const fastest = this.kind.instructionsPerUs;
    const clock = new MonotonicClock(scheduler, timing.between(0, 1_000_000_000), 1_000_000 + timing.between(-200, 200));
    const worker = new Worker(new Process(`worker-${host}`, host, clock), timing.between(Math.ceil(fastest / 5), fastest));
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
    const vm = new SimulatedVm(`vm_${this.nextVm++}`, id, this.kind);
    this.bug.arbiter?.(vm.row);
    vm.wantsBackups = this.timing.between(1, this.backupsMax);
    this.vms.push(vm);
    this.host(vm, id, worker, createPrimary({ replicaId: id, ...this.config }, 1n), "primary");
    this.audience.vmCreated(vm);
  }

  private host(vm: SimulatedVm, id: string, worker: Worker, core: Replica, role: "primary" | "backup"): HostedReplica {
    const guest = role === "primary" ? this.kind.create() : this.kind.createEmpty();
    this.bug.guest?.(guest, role, this.bugChance);
    const replica = new HostedReplica(id, vm, worker, this.bug.replica?.(core, id) ?? core, guest, this);
    vm.replicas.set(id, replica);
    vm.living.add(replica);
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
    this.connect(primary, backup);
  }

  private connect(primary: HostedReplica, backup: HostedReplica): void {
    const connection = this.network.connect<Uint8Array>(primary.receiver(backup.id), backup.receiver(primary.id));
    // The backup answers first: what the primary sends finds it attached.
    backup.attach(primary.id, connection, 1);
    this.scheduler.after(this.network.delayUs(connection.link), () =>
      primary.process.deliver(connection, () => primary.attach(backup.id, connection, 0)),
    );
  }

  private granted(vm: SimulatedVm, asker: HostedReplica, request: ArbiterRequest, kept: ReadonlySet<string>): void {
    vm.granted(request, kept);
    if (request.kind === "promote") this.promoted(vm, asker);
    if (request.kind === "addBackup") this.figures.pairings++;
    if (request.kind === "addBackup" && vm.row.synced.size > 1) this.figures.furtherPairings++;
    if (request.kind === "goSolo") this.figures.solos++;
    vm.syncedHoldsRecords.membersChanged(vm.row);
  }

  /** The others who are kept are dialled by the one that is promoted, where the order arrives. */
  private promoted(vm: SimulatedVm, heir: HostedReplica): void {
    if (vm.latestHeir?.wasPrimary === false) this.figures.heirsReplaced++;
    vm.latestHeir = heir;
    for (const id of vm.row.synced) {
      this.scheduler.after(this.timing.between(100, this.timing.oneIn(8) ? 400_000 : 3000), () => {
        const member = vm.replicas.get(id);
        if (member?.admits === true && heir.alive && heir.process.running && this.control.reaches(heir.process.host))
          this.connect(heir, member);
      });
    }
  }

  // --- what replicas do --------------------------------------------------------------------------------------------

  stepBegins(replica: HostedReplica): Strike | null {
    this.figures.steps++;
    if (!this.faulty) return null;
    return this.adversary.stepBegins(this.figures.steps, replica.worker);
  }

  stepped(replica: HostedReplica, input: ReplicaInput, effects: readonly Effect[]): void {
    this.trace.stepped(this.scheduler.nowUs, replica.id, input, effects);
    if (input.kind === "message" && input.message.kind === "epoch") {
      const { peer, message } = input;
      const cutOff = effects.some((effect) => effect.kind === "halt" || (effect.kind === "closeChannel" && effect.peer === peer));
      if (replica.role === "backup" && !cutOff) {
        const { epoch, endInstant } = message.record;
        if (epoch > replica.heldEpoch) replica.heldEpoch = epoch;
        if (replica.verified) replica.vm.boundedMemory.recordHeld(replica.id, endInstant, replica.head?.endInstant ?? 0n);
      }
    }
    if (input.kind === "message" && input.message.kind === "resume") this.resumed(replica, input.peer, input.message.nextEpoch, effects);
    if (replica.role === "primary" && !replica.wasPrimary) {
      replica.wasPrimary = true;
      if (input.kind !== "started") {
        this.figures.promotions++;
        replica.vm.pairingAskedUs = 0;
        // One that stood still finds the acks of before, while another one has long gone on from there: it lets out what is known.
        if (replica.vm.row.primary === replica.id) replica.vm.output.promoted(replica.id, replica.guest);
      }
    }
  }

  private resumed(replica: HostedReplica, peer: string, nextEpoch: bigint, effects: readonly Effect[]): void {
    if (effects.some((effect) => effect.kind === "send" && effect.message.kind === "backupFailed")) this.figures.resumedTooFar++;
    else if (!effects.some((effect) => effect.kind === "closeChannel" && effect.peer === peer)) {
      this.figures.resumed++;
      if (replica.heldEpoch >= nextEpoch) replica.heldEpoch = nextEpoch - 1n;
      replica.vm.boundedMemory.resumed(replica.id);
    }
  }

  executed(replica: HostedReplica, executed: ExecutedEpoch, reachedInstant: bigint): void {
    const { vm } = replica;
    this.figures.epochs++;
    this.trace.number(executed.digest);
    vm.equalStates.executed(replica.id, executed, reachedInstant, replica.guest.hash());
    if (replica.role === "primary")
      vm.boundedMemory.epochEnded(replica.id, executed.endInstant, consoleEndOf(executed) - replica.released, executed.output.length);
  }

  released(replica: HostedReplica, from: number, upTo: number): void {
    const { vm } = replica;
    const known = vm.output.length;
    this.trace.number(upTo);
    vm.oneWriter.released(replica.id, replica.term, upTo > known, vm.row);
    const last = vm.output.released(replica.id, from, upTo, replica.head);
    if (last === null) return;
    vm.syncedHoldsRecords.released(replica.id, last.epoch, vm.row);
    this.figures.releasedBytes += upTo - known;
  }

  inputAcknowledged(replica: HostedReplica, inputSession: string, inputNext: bigint): void {
    const { vm } = replica;
    const session = sessionNumber(inputSession);
    const before = vm.output.acknowledgedTo(session);
    if (inputNext <= before) return;
    this.figures.acknowledgedBytes += Number(inputNext - before);
    for (let at = before; at < inputNext; at++) if (this.kind.resizedTo(session, Number(at)) !== null) this.figures.resizes++;
    vm.output.acknowledged(session, inputNext);
    for (let executed = replica.head; executed !== null; executed = executed.before) {
      for (const input of executed.inputs) {
        if ((input.kind !== "console" && input.kind !== "resize") || input.inputSession !== inputSession || input.offset >= inputNext)
          continue;
        vm.syncedHoldsRecords.released(replica.id, executed.epoch, vm.row);
        return;
      }
    }
    throw new Violation("released output", `${replica.id} acknowledges input of session ${session} that no record holds`);
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
    if (reason === "test_failover") this.figures.madeToFail++;
    if (reason === "handed_over") {
      this.figures.handedOver++;
      if (vm.row.primary === replica.id) throw new Violation("one writer", `${replica.id} is the primary and has handed over`);
    }
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
    const holders = [primary, ...[...vm.holders].map((id) => vm.replicas.get(id) as HostedReplica)];
    if (holders.some(({ state }) => state !== "dead"))
      throw new Violation("healing", `${vm.id} is lost, and not everybody who had it was killed: ${this.describe()}`);
    this.figures.lostAllKilled++;
    this.endVm(vm);
    this.createVm();
  }

  private endVm(vm: SimulatedVm): void {
    vm.ended = true;
    this.vms.splice(this.vms.indexOf(vm), 1);
    this.audience.vmEnded(vm);
  }

  continueProcess(process: Process): void {
    process.continue(this.timing);
  }

  // --- faults ------------------------------------------------------------------------------------------------------

  struck({ index, kind }: Fault): void {
    this.figures.struck[kind]++;
    this.struckFaults.push(index);
    this.trace.happened(this.scheduler.nowUs, kind);
  }

  endWorker(worker: Worker, silent: boolean, chance: Chance): void {
    const { process, replicas } = worker;
    if (process.state === "dead") return;
    this.countKill(worker);
    process.silent = silent;
    worker.end();
    for (const replica of replicas) replica.die();
    for (const connection of this.network.connectionsOf(process)) connection.abandon(connection.sideOf(process), silent);
    this.workers.splice(this.workers.indexOf(worker), 1);
    // It is started again, or its host has left and another joins.
    const host = chance.oneIn(8) ? this.nextHost++ : process.host;
    this.scheduler.after(chance.between(100, silent ? 20_000 : 3000), () => this.startWorker(host));
  }

  private countKill({ replicas }: Worker): void {
    const { figures } = this;
    if (replicas.size > 0) figures.kills++;
    for (const { id, vm } of replicas) {
      if (vm.row.primary === id) figures.killedPrimaries++;
      else if (vm.row.synced.has(id)) figures.killedBackups++;
    }
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  private heal(): void {
    const { nowUs } = this.scheduler;
    this.faulty = false;
    this.control.lossOneIn = 0;
    this.control.awayUntilUs = 0;
    this.control.cutOffUntilUs.clear();
    for (const link of this.network.allLinks()) healLink(link, nowUs);
    for (const worker of this.workers) {
      worker.slowUntilUs = 0;
      worker.process.continue(this.timing);
    }
    for (const gateway of this.audience.gateways) gateway.continue(this.timing);
    this.healUntilUs = nowUs + HEAL_WITHIN_US;
    const vm = this.vms[0];
    if (vm !== undefined && this.timing.oneIn(8)) this.audience.powerOff(vm);
  }

  private healed(): boolean {
    for (const client of this.audience.clients) if (!client.settled) return false;
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
        const clients = this.audience.clients
          .filter((client) => client.vm === vm)
          .map(({ session, acknowledged, typed }) => `${session}: ${acknowledged}/${typed}, echoed ${vm.output.echoes(session)}`);
        return `${vm.id} term ${term} primary ${primary} synced [${[...synced].join()}] sessions ${clients.join("; ")}; ${replicas.join("; ")}`;
      })
      .join(" | ");
  }
}

/** How many backups the VMs of a seed's world have at most. */
export function backupsMaxOf(seed: number): number {
  return new Chance(seed, 6).oneIn(5) ? BACKUPS_MAX : 1;
}

function healLink(link: LinkConditions, nowUs: number): void {
  link.blockedUntilUs[0] = Math.min(link.blockedUntilUs[0], nowUs);
  link.blockedUntilUs[1] = Math.min(link.blockedUntilUs[1], nowUs);
  link.slowUntilUs = 0;
  link.narrowUntilUs = 0;
}
