/**
 * Who carries the plan of faults out: finds the victim, waits for the step at which a kill tells most, and knows how to break each
 * thing. Nearly every kill waits for a worker with a member of a VM (its primary twice as often as a synced backup) that the VM survives.
 */
import type { Audience } from "./audience.ts";
import type { Chance } from "./chance.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Fault, FaultPlan } from "./faults.ts";
import type { Figures } from "./figures.ts";
import type { Network } from "./network.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { HostedReplica, Strike, Worker } from "./worker.ts";

/** What it strikes at. */
export interface Targets {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly control: ControlPlane;
  readonly workers: readonly Worker[];
  readonly audience: Audience;
  readonly figures: Figures;
  struck(fault: Fault): void;
  endWorker(worker: Worker, silent: boolean, chance: Chance): void;
  continueProcess(process: Process): void;
}

/** A kill that no VM survives waits for so many steps for a better one. */
const KILL_PATIENCE_STEPS = 300;

interface Aim {
  /** `anybody`: whoever is at work, a newcomer that is being copied to as well. */
  readonly at: "primary" | "backup" | "anybody";
  /** Only where the VM has all the backups that it wants. */
  readonly protectedOnly: boolean;
}

export class Adversary {
  private waitingKill: { readonly fault: Fault; readonly aim: Aim; readonly untilStep: number } | null = null;

  constructor(
    private readonly plan: FaultPlan,
    private readonly targets: Targets,
  ) {}

  /** A step begins at this worker. @returns what happens to its process in the middle of it */
  stepBegins(step: number, atWork: Worker): Strike | null {
    const waiting = this.waitingKill;
    if (waiting === null) {
      const fault = this.plan.due(step);
      return fault === null ? null : this.strike(fault, step, atWork);
    }
    if (suits(atWork, waiting.aim)) {
      this.waitingKill = null;
      return this.killAt(waiting.fault, atWork);
    }
    if (step > waiting.untilStep) this.waitingKill = null;
    return null;
  }

  private strike(fault: Fault, step: number, atWork: Worker): Strike | null {
    const { chance, kind } = fault;
    const victim = chance.oneIn(3) ? (chance.oneOf(this.targets.workers) as Worker) : atWork;
    switch (kind) {
      case "kill":
      case "powerLoss":
      case "leave": {
        if (chance.oneIn(60)) return this.killAt(fault, atWork);
        const aim: Aim = {
          at: chance.oneIn(10) ? "anybody" : chance.oneIn(3) ? "backup" : "primary",
          protectedOnly: !chance.oneIn(3),
        };
        if (suits(atWork, aim)) return this.killAt(fault, atWork);
        this.waitingKill = { fault, aim, untilStep: step + KILL_PATIENCE_STEPS };
        return null;
      }
      case "stop":
        if (victim !== atWork) {
          this.stop(fault, victim.process);
          return null;
        }
        return { afterEffects: chance.between(-1, 4), strike: () => this.stop(fault, victim.process) };
      case "killGateway":
      case "stopGateway":
        this.strikeGateway(fault);
        return null;
      default:
        this.disturb(fault, victim);
        return null;
    }
  }

  private killAt(fault: Fault, worker: Worker): Strike {
    const { chance, kind } = fault;
    return {
      afterEffects: chance.between(-1, 4),
      strike: () => {
        this.targets.struck(fault);
        this.targets.endWorker(worker, kind === "powerLoss", chance);
      },
    };
  }

  private stop(fault: Fault, process: Process): void {
    if (!process.running) return;
    this.targets.struck(fault);
    process.stop();
    this.targets.scheduler.after(this.durationUs(fault.chance), () => this.targets.continueProcess(process));
  }

  private strikeGateway(fault: Fault): void {
    const gateway = fault.chance.oneOf(this.targets.audience.gateways);
    if (gateway === undefined) return;
    if (fault.kind === "stopGateway") {
      this.stop(fault, gateway);
      return;
    }
    this.targets.struck(fault);
    this.targets.audience.endGateway(gateway, fault.chance);
  }

  private disturb(fault: Fault, victim: Worker): void {
    const { chance, kind } = fault;
    const { scheduler, control } = this.targets;
    const { nowUs } = scheduler;
    const untilUs = nowUs + this.durationUs(chance);
    switch (kind) {
      case "slowEngine":
        victim.slowness = chance.between(2, 60);
        victim.slowUntilUs = nowUs + 4 * this.durationUs(chance);
        break;
      case "clockDrift":
        victim.process.clock.drift(1_000_000 + chance.between(-2000, 2000));
        victim.wallErrorUs = chance.between(-5_000_000, 5_000_000);
        break;
      case "loseArbiter":
        control.awayUntilUs = untilUs;
        break;
      case "cutArbiter":
        control.cutOffUntilUs.set(victim.process.host, untilUs);
        break;
      case "orderPlanned":
      case "orderForced":
      case "orderTest":
        if (!this.orderFailover(kind, chance)) return;
        break;
      case "flood":
        this.flood(chance);
        break;
      default:
        if (!this.breakLink(fault, untilUs)) return;
    }
    this.targets.struck(fault);
  }

  /** @returns false where no VM has a backup */
  private orderFailover(kind: "orderPlanned" | "orderForced" | "orderTest", chance: Chance): boolean {
    const { control, workers } = this.targets;
    const protectedReplicas = workers.flatMap(({ replicas }) => [...replicas].filter(({ vm }) => vm.row.synced.size > 0));
    const isTold = ({ id, vm }: HostedReplica) => (kind === "orderTest" ? vm.row.primary === id : vm.row.synced.has(id));
    const told = chance.oneOf(protectedReplicas.filter(isTold));
    if (told === undefined) return false;
    if (kind === "orderTest") control.failPrimary(told);
    else control.promote(told, kind === "orderPlanned");
    return true;
  }

  /** @returns false where there is no link yet */
  private breakLink({ chance, kind }: Fault, untilUs: number): boolean {
    const { network } = this.targets;
    const link = chance.oneOf(network.allLinks());
    if (link === undefined) return false;
    switch (kind) {
      case "cut":
        link.blockedUntilUs.fill(untilUs);
        return true;
      case "halfCut":
        link.blockedUntilUs[chance.below(2) as 0 | 1] = untilUs;
        return true;
      case "slowLink":
        Object.assign(link, { slowness: chance.between(2, 200), slowUntilUs: untilUs });
        return true;
      case "narrowLink":
        Object.assign(link, { bytesPerMs: chance.between(20, 20_000), narrowUntilUs: untilUs });
        return true;
      case "reset":
        for (const connection of network.connectionsOver(link)) connection.reset();
        return true;
      case "halfOpen":
        for (const connection of network.connectionsOver(link)) connection.resetOneEnd(chance.below(2) as 0 | 1);
        return true;
      default:
        throw new Error(`"${kind}" is no fault of a link`);
    }
  }

  private durationUs(chance: Chance): number {
    const { shortMs, longMs } = this.plan.profile;
    return chance.between(1, chance.oneIn(4) ? longMs : shortMs) * 1000;
  }

  private flood(chance: Chance): void {
    const { audience } = this.targets;
    for (const client of audience.clients) {
      client.type(200);
      if (!audience.attach(client)) continue;
      for (let frames = chance.between(1, 40); frames > 0; frames--) client.sendInput(200);
    }
  }
}

/** Would every VM on this host go on somewhere else, and does one of them lose what is aimed at? */
function suits(worker: Worker, aim: Aim): boolean {
  let hit = aim.at === "anybody";
  for (const replica of worker.replicas) {
    const { vm } = replica;
    if (vm.ended || !vm.row.isMember(replica.id)) continue;
    if ((vm.row.primary === replica.id) === (aim.at === "primary")) hit = true;
    if (!vm.hasOtherMember(replica.id)) return false;
    if (aim.protectedOnly && vm.row.synced.size < vm.wantsBackups) return false;
  }
  return hit;
}
