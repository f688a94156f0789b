/**
 * A state transfer in which somebody dies, at every step of it and between the effects of the step: the primary that sends, the
 * backup that receives, or the control plane for a while. The checkers of the simulation hold, and the VM is protected again.
 */
import { describe, expect, test } from "vitest";
import { Chance } from "./chance.ts";
import { guestsOf } from "./guests.ts";
import { Simulation, type SimulationOptions } from "./simulation.ts";
import type { HostedReplica, Strike } from "./worker.ts";

type Victim = "source" | "target" | "control plane";

interface Death {
  readonly victim: Victim;
  /** Of the steps that any replica of the VM makes from the order to pair until the backup is synced. */
  readonly atStep: number;
  /** Synced backups that the VM has before: a source that has none takes its VM with it. */
  readonly synced: number;
}

/** A world in which nothing else happens. */
class Dying extends Simulation {
  private steps = 0;
  /** Whom the transfer goes to; null: none has begun. */
  private target: string | null = null;
  /** Who stepped when it was struck; null: the transfer was over before. */
  struckAt: "source" | "target" | "another" | null = null;

  constructor(
    options: Omit<SimulationOptions, "faults" | "vms">,
    private readonly death: Death,
  ) {
    super({ ...options, faults: [], vms: 1 });
  }

  override stepBegins(replica: HostedReplica): Strike | null {
    super.stepBegins(replica);
    const { vm } = replica;
    const { primary, row } = vm;
    vm.wantsBackups = this.death.synced + 1;
    if (primary === undefined || this.struckAt !== null || row.synced.size !== this.death.synced) return null;
    this.target ??= primary.joining !== null && !row.synced.has(primary.joining) ? primary.joining : null;
    const target = this.target === primary.joining ? vm.replicas.get(this.target ?? "") : undefined;
    if (target === undefined || this.steps++ !== this.death.atStep) return null;
    this.struckAt = replica === primary ? "source" : replica === target ? "target" : "another";
    return { afterEffects: (this.death.atStep % 5) - 1, strike: () => this.let(this.death.victim, primary, target) };
  }

  private let(victim: Victim, source: HostedReplica, target: HostedReplica): void {
    if (victim === "control plane") this.control.awayUntilUs = this.scheduler.nowUs + 150_000;
    else this.endWorker((victim === "source" ? source : target).worker, this.death.atStep % 3 === 0, new Chance(this.death.atStep, 9));
  }
}

/** Runs a world for every `stride`th step of the transfer. @returns the worlds in which somebody died */
function deaths(victim: Victim, synced: number, guest: "model" | "machine", seed: number, stride: number): Dying[] {
  const worlds: Dying[] = [];
  for (let atStep = 0; ; atStep += stride) {
    const world = new Dying({ seed, steps: guest === "model" ? 700 : 250, guests: guestsOf(guest) }, { victim, atStep, synced });
    world.run();
    if (world.struckAt === null) return worlds;
    worlds.push(world);
  }
}

describe.each<[Victim, number]>([
  ["source", 0],
  ["source", 1],
  ["target", 0],
  ["target", 1],
  ["control plane", 0],
  ["control plane", 1],
])("the %s dies at every step of a transfer, with %i backups synced before", (victim, synced) => {
  test.each([10, 15])("seed=%i guest=model", (seed) => {
    const worlds = deaths(victim, synced, "model", seed, 1);
    expect(worlds.length).toBeGreaterThan(20);
    const struckAt = new Set(worlds.map((world) => world.struckAt));
    expect(struckAt).toContain("source");
    expect(struckAt).toContain("target");
    for (const { figures } of worlds) {
      expect(figures.pairings).toBeGreaterThan(synced);
      if (victim === "source" && synced > 0) expect(figures.promotions).toBeGreaterThan(0);
      // Only a source that nobody could take over from takes its VM with it.
      if (victim !== "source" || synced > 0) expect(figures.lostAllKilled).toBe(0);
    }
  });
});

test.each<[Victim, number, number]>([
  ["source", 1, 25],
  ["target", 0, 7],
  ["control plane", 0, 7],
])("a program on the real machine outlives the death of the %s in a transfer", (victim, synced, stride) => {
  expect(deaths(victim, synced, "machine", 3, stride).length).toBeGreaterThan(3);
});
