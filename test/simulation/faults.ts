/**
 * Faults: what strikes, when, and whom. The plan of a seed is a list; each fault draws from a stream of its own, so that the
 * shrinker can take any of them out and leave the others as they are.
 *
 * Most strike the process that is at work, before the step, between two of its effects, or after it: so at every message and at
 * every edge of an epoch. A kill waits for a step at which the VMs survive it, but for one in thirty.
 */
import { Chance } from "./chance.ts";

export type FaultKind =
  | "kill" // the process ends, connections close
  | "powerLoss" // the host ends, nobody is told
  | "stop" // SIGSTOP, SIGCONT later
  | "cut" // a link carries nothing until it heals
  | "halfCut" // nothing in one direction
  | "slowLink"
  | "narrowLink"
  | "reset" // connections over a link break
  | "halfOpen" // one end of a connection is told that it broke
  | "slowEngine"
  | "clockDrift"
  | "loseArbiter"
  | "cutArbiter" // from one worker
  | "orderPlanned" // an operator's failover: the primary hands over
  | "orderForced" // the same, and it is not waited for
  | "orderTest" // the primary is killed, and its process goes on
  | "flood" // clients fill the queues
  | "leave" // a worker's host leaves for long, another may join
  | "killGateway" // clients attach elsewhere
  | "stopGateway";

export const FAULT_KINDS: readonly FaultKind[] = [
  "kill",
  "powerLoss",
  "stop",
  "cut",
  "halfCut",
  "slowLink",
  "narrowLink",
  "reset",
  "halfOpen",
  "slowEngine",
  "clockDrift",
  "loseArbiter",
  "cutArbiter",
  "orderPlanned",
  "orderForced",
  "orderTest",
  "flood",
  "leave",
  "killGateway",
  "stopGateway",
];

export interface Fault {
  readonly index: number;
  readonly kind: FaultKind;
  /** The earliest step that it strikes. */
  readonly step: number;
  readonly chance: Chance;
}

interface Profile {
  readonly name: string;
  /** Steps between two faults, on average. */
  readonly gap: number;
  /** Of 100 faults so many are kills; the rest is spread over `kinds`. */
  readonly kills: number;
  readonly kinds: readonly FaultKind[];
  /** How long what heals by itself takes: at most so long, but for one in four. */
  readonly shortMs: number;
  readonly longMs: number;
  /** How often clients act. */
  readonly typingUs: readonly [number, number];
  /** One request or answer in so many does not get through. */
  readonly arbiterLoss: number;
}

const ORDERS: readonly FaultKind[] = ["orderPlanned", "orderForced", "orderTest"];
/** What an operator orders must go well however often. */
const ANY_KINDS: readonly FaultKind[] = [...FAULT_KINDS, ...ORDERS, ...ORDERS, ...ORDERS, ...ORDERS];
/** One side is slower than the other, and nobody is lost. */
const SLOW_KINDS: readonly FaultKind[] = ["slowEngine", "slowEngine", "slowLink", "narrowLink", "flood"];

const PROFILES: readonly Profile[] = [
  { name: "storm", gap: 14, kills: 96, kinds: ANY_KINDS, shortMs: 5, longMs: 150, typingUs: [6000, 30_000], arbiterLoss: 150 },
  { name: "gale", gap: 25, kills: 88, kinds: ANY_KINDS, shortMs: 20, longMs: 300, typingUs: [3000, 15_000], arbiterLoss: 50 },
  { name: "mixed", gap: 40, kills: 40, kinds: ANY_KINDS, shortMs: 200, longMs: 1200, typingUs: [1500, 9000], arbiterLoss: 15 },
  { name: "calm", gap: 400, kills: 10, kinds: ANY_KINDS, shortMs: 200, longMs: 1500, typingUs: [1500, 9000], arbiterLoss: 15 },
  { name: "slow", gap: 250, kills: 4, kinds: SLOW_KINDS, shortMs: 2000, longMs: 3000, typingUs: [1500, 9000], arbiterLoss: 50 },
];

export class FaultPlan {
  readonly profile: Profile;
  private readonly only: ReadonlySet<number> | null;
  private readonly draw: Chance;
  private upcoming: Fault | null = null;
  private planned = 0;

  /** @param only strike with these alone; null: with all */
  constructor(
    private readonly seed: number,
    only: readonly number[] | null,
  ) {
    this.only = only === null ? null : new Set(only);
    this.draw = new Chance(seed, 1);
    // Storms are where the kills are; the others find what needs time.
    const pick = this.draw.below(20);
    this.profile = PROFILES[pick < 10 ? 0 : pick < 16 ? 1 : pick < 18 ? 2 : pick < 19 ? 3 : 4] as Profile;
  }

  describe(): string {
    return `${this.profile.name}/${this.profile.gap}/${this.profile.kills}%`;
  }

  /** @returns the fault that is due at this step */
  due(step: number): Fault | null {
    for (;;) {
      this.upcoming ??= this.plan(step);
      if (this.upcoming.step > step) return null;
      const fault = this.upcoming;
      this.upcoming = null;
      if (this.only === null || this.only.has(fault.index)) return fault;
    }
  }

  private lastStep = 0;

  private plan(_step: number): Fault {
    const index = this.planned++;
    const { gap, kills, kinds } = this.profile;
    this.lastStep += this.draw.between(1, 2 * gap - 1);
    const kind = this.draw.below(100) < kills ? "kill" : (kinds[this.draw.below(kinds.length)] as FaultKind);
    return { index, kind, step: this.lastStep, chance: new Chance(this.seed, 1000 + index) };
  }
}
