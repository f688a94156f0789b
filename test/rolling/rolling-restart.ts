/**
 * Restarts every worker of an installation, one after the other, under protected VMs that tell their story:
 *
 *     drain (every replica moves away, the new one first) -> process ends, another begins -> uncordon -> the next worker
 *
 * Meanwhile somebody looks at every VM all the time: whatever it sees that is not `protected` must be in the events. A VM is not
 * protected where no backup could take over now; while one does, another one follows it.
 */

import { within } from "../../src/cli/demo/story-console.ts";
import type { Guest, Installation } from "../support/installation.ts";

/** What hangs ends here. */
const STEP_MS = 240_000;
const LOOK_EVERY_MS = 50;

export interface RollingRestart {
  readonly workers: number;
  /** Looks at a VM. */
  readonly looks: number;
  /** Of them: while a backup took over. */
  readonly failingOverLooks: number;
  /** Looks that found a VM that nobody could have taken over, and events that said so. */
  readonly unprotectedLooks: number;
  readonly unprotectedEvents: number;
  readonly failovers: number;
  /** What is wrong, in sentences. */
  readonly problems: readonly string[];
}

/** @param guests protected, their stories begun, their clients typing */
export async function restartAllWorkers(
  at: Installation,
  guests: readonly Guest[],
  onNote: (text: string) => void,
): Promise<RollingRestart> {
  const problems: string[] = [];
  const failoversBefore = await countFailovers(guests);
  const watch = new ProtectionWatch(at, guests, problems);
  await watch.begin();
  const names = at.cluster.services.map(({ name }) => name).filter((name) => name.startsWith("worker-"));
  for (const name of names) {
    onNote(`draining ${name}`);
    await within((await at.client.workers.drain(name)).result(), STEP_MS, `${name} to be drained`, at.signal);
    const { pid } = (await at.client.workers.get(name)).status;
    const held = (await Promise.all(guests.map(({ vm }) => vm.replicas()))).flat().filter((replica) => replica.workerName === name);
    if (held.some(({ state }) => state === "live")) problems.push(`${name} is drained, and holds live replicas`);
    process.kill(pid, "SIGTERM");
    await within(joinedAgain(at, name, pid), STEP_MS, `${name} to be back`, at.signal);
    await (await at.client.workers.uncordon(name)).result();
    for (const guest of guests) await guest.protectedNow();
  }
  const seen = await watch.end();
  for (const guest of guests) {
    problems.push(...(await guest.endStory()).problems.map((problem) => `${guest.vm.id}: ${problem}`));
  }
  return { workers: names.length, ...seen, failovers: (await countFailovers(guests)) - failoversBefore, problems };
}

async function joinedAgain(at: Installation, name: string, oldPid: number): Promise<void> {
  for (;;) {
    const { state, pid } = (await at.client.workers.get(name)).status;
    if (pid !== oldPid && state !== "unknown" && state !== "lost") return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

async function countFailovers(guests: readonly Guest[]): Promise<number> {
  const all = await Promise.all(guests.map(({ vm }) => vm.failovers().all()));
  return all.flat().filter(({ state }) => state === "completed").length;
}

/** Looks at the VMs, listens to their events, and compares. */
class ProtectionWatch {
  private readonly abort = new AbortController();
  /** `vm state since`. */
  private readonly announced = new Set<string>();
  private readonly looked = new Map<string, string>();
  private looks = 0;
  private failingOverLooks = 0;
  private unprotectedLooks = 0;
  private unprotectedEvents = 0;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly at: Installation,
    private readonly guests: readonly Guest[],
    private readonly problems: string[],
  ) {}

  async begin(): Promise<void> {
    for (const { vm } of this.guests) {
      const { protection } = (await vm.refresh()).status;
      this.announced.add(`${vm.id} ${protection.state} ${protection.since}`);
    }
    const onError = (error: unknown) => {
      if (!this.abort.signal.aborted) this.problems.push(`a client met an error: ${error instanceof Error ? error.message : error}`);
    };
    this.running = Promise.all([this.listen().catch(onError), this.look().catch(onError)]);
  }

  async end(): Promise<Pick<RollingRestart, "looks" | "failingOverLooks" | "unprotectedLooks" | "unprotectedEvents">> {
    this.abort.abort();
    await this.running;
    for (const [key, what] of this.looked) if (!this.announced.has(key)) this.problems.push(`no event announced that ${what}`);
    const { looks, failingOverLooks, unprotectedLooks, unprotectedEvents } = this;
    return { looks, failingOverLooks, unprotectedLooks, unprotectedEvents };
  }

  private async listen(): Promise<void> {
    for await (const event of this.at.client.events.watch({ types: ["vm.protection.changed"], signal: this.abort.signal })) {
      if (!("data" in event)) throw new Error("events were lost while they were watched");
      const { state } = event.data as { state: string };
      this.announced.add(`${event.vmId} ${state} ${event.time}`);
      if (state !== "protected" && state !== "failing_over") this.unprotectedEvents++;
    }
  }

  private async look(): Promise<void> {
    while (!this.abort.signal.aborted) {
      for (const { vm } of this.guests) {
        const { protection } = (await vm.refresh()).status;
        this.looks++;
        if (protection.state === "failing_over") this.failingOverLooks++;
        else if (protection.state !== "protected") this.unprotectedLooks++;
        this.looked.set(`${vm.id} ${protection.state} ${protection.since}`, `${vm.id} is ${protection.state} since ${protection.since}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
