/**
 * Pairs of two versions of Node: one worker of each, so that a VM's replicas are never of the same, and a primary that is killed
 * goes on under the other one.
 *
 *     boot: created paused --paired--> protected --resumed--> boots in lockstep
 *     then: protected --primaries' process killed--> goes on under the other version --process back--> protected
 *
 * Every hash that a backup compares is of a state that the other version has made: the product counts them, and says where
 * one differs.
 */
import { Prng } from "../../src/base/prng.ts";
import { type Guest, Installation } from "../support/installation.ts";
import { type NodeVersion, otherNodes, runUnder } from "../support/node-versions.ts";

const MEMORY_MIB = 96;
/** What a guest writes between two kills is up to so many bytes: the instants of the kills. */
const BYTES_MAX = 200;

/** The oldest supported and the newest Node. */
export type TwoNodes = readonly [oldest: NodeVersion, newest: NodeVersion];

/** @returns null, said on stderr, where there is only one */
export async function twoNodes(): Promise<TwoNodes | null> {
  const own = { version: process.versions.node, program: process.execPath };
  const all = [own, ...(await otherNodes())].sort((a, b) => a.version.localeCompare(b.version, "en", { numeric: true }));
  const [oldest, newest] = [all[0] ?? own, all.at(-1) ?? own];
  return oldest === newest ? null : [oldest, newest];
}

export interface MixedRun {
  /** Processes with primaries that were killed. */
  readonly kills: number;
  /** Primaries that were in them, by who was killed and who went on: `20.1.2 to 26.1.2`. */
  readonly primariesKilled: Readonly<Record<string, number>>;
  readonly failovers: number;
  /** State hashes that backups found equal to those of a primary of the other version, as the product counts them. */
  readonly hashesCompared: number;
  readonly divergences: number;
  /** Instants of each VM: where the two went on together, and where its shell was there. */
  readonly boots: readonly { readonly primary: string; readonly lockstepFrom: string; readonly ready: string }[];
  readonly transcriptsChecked: number;
  readonly transcriptBytes: number;
  /** What is wrong, in sentences. */
  readonly problems: readonly string[];
}

export interface MixedOptions {
  readonly vms: number;
  readonly kills: number;
  /** After so many there are no more kills. */
  readonly minutes: number;
  /** Of the random instants. */
  readonly seed: number;
  readonly typeEveryMs: number;
  readonly countEverySeconds: number;
  readonly onNote: (text: string) => void;
}

/** Runs the whole story in an installation of its own. */
export async function runMixedPairs(nodes: TwoNodes, options: MixedOptions): Promise<MixedRun> {
  const [oldest, newest] = nodes;
  const at = await Installation.start({
    workers: nodes.length,
    place: { surroundings: runUnder({ "worker-1": oldest, "worker-2": newest }) },
  });
  try {
    return await new MixedPairs(at, nodes, options).run();
  } finally {
    await at.stop();
  }
}

class MixedPairs {
  private readonly prng: Prng;
  private readonly guests: Guest[] = [];
  private readonly boots: { primary: string; lockstepFrom: string; ready: string }[] = [];
  private readonly primariesKilled: Record<string, number> = {};
  private readonly problems: string[] = [];
  /** The newest count of every backup that there was, by replica. */
  private readonly compared = new Map<string, number>();
  private kills = 0;

  constructor(
    private readonly at: Installation,
    private readonly nodes: TwoNodes,
    private readonly options: MixedOptions,
  ) {
    this.prng = new Prng(options.seed);
  }

  async run(): Promise<MixedRun> {
    const { vms, kills, minutes, typeEveryMs, countEverySeconds, onNote } = this.options;
    let transcriptsChecked = 0;
    try {
      for (const worker of await this.at.client.workers.list().all()) {
        const runs = worker.status.nodeVersion.replace(/^v/, "");
        if (runs !== this.versionOf(worker.name)) this.problems.push(`${worker.name} runs Node ${runs}`);
      }
      for (let vm = 0; vm < vms; vm++) {
        const guest = await this.boot(`worker-${(vm % this.nodes.length) + 1}`);
        await guest.beginStory(typeEveryMs, countEverySeconds);
        this.guests.push(guest);
        onNote(`${vm + 1} of ${vms} VMs have booted in lockstep`);
      }
      const endsAtMs = performance.now() + minutes * 60_000;
      while (this.kills < kills && performance.now() < endsAtMs && this.problems.length === 0) await this.killPrimaries();
      await this.countHashes();
      for (const guest of this.guests) {
        this.problems.push(...(await guest.endStory()).problems.map((problem) => `${guest.vm.id}: ${problem}`));
        transcriptsChecked++;
      }
    } catch (error) {
      this.problems.push(`after ${this.kills} kills: ${error instanceof Error ? error.message : error}`);
    }
    return { ...(await this.counts()), transcriptsChecked };
  }

  private async counts(): Promise<Omit<MixedRun, "transcriptsChecked">> {
    const { kills, primariesKilled, boots, problems } = this;
    let failovers = 0;
    for (const { vm } of this.guests) failovers += (await vm.failovers().all()).filter(({ state }) => state === "completed").length;
    const killed = Object.values(primariesKilled).reduce((sum, count) => sum + count, 0);
    if (failovers !== killed) problems.push(`${failovers} failovers were completed, ${killed} primaries were killed`);
    let divergences = 0;
    for await (const { vmId } of this.at.client.events.list({ types: ["vm.divergence.detected"] })) {
      divergences++;
      problems.push(`${vmId} has diverged`);
    }
    const hashesCompared = [...this.compared.values()].reduce((sum, count) => sum + count, 0);
    if (hashesCompared < killed) problems.push(`${killed} backups went on, and ${hashesCompared} hashes were compared`);
    const transcriptBytes = this.guests.reduce((sum, { console }) => sum + console.transcript.length, 0);
    return { kills, primariesKilled, failovers, hashesCompared, divergences, boots, transcriptBytes, problems };
  }

  /** A VM whose primary begins on this worker. Its guest stands still until it is protected. */
  private async boot(first: string): Promise<Guest> {
    const { client, signal } = this.at;
    const others = (await client.workers.list().all()).filter(({ name }) => name !== first);
    for (const { name } of others) await (await client.workers.cordon(name)).result();
    let lockstepFrom = "";
    const guest = await this.at.boot({
      memoryMiB: MEMORY_MIB,
      desiredState: "paused",
      begun: async (vm) => {
        await vm.waitFor("paused", { signal });
        for (const { name } of others) await (await client.workers.uncordon(name)).result();
        await vm.waitFor("protected", { signal });
        lockstepFrom = await this.instantOf(vm);
        await (await vm.resume()).result();
      },
    });
    const { name } = await guest.workerOf("primary");
    if (name !== first) this.problems.push(`the primary of ${guest.vm.id} booted on ${name}, not on ${first}`);
    if (lockstepFrom !== "0") this.problems.push(`${guest.vm.id} had executed ${lockstepFrom} instructions when it was protected`);
    this.boots.push({ primary: this.versionOf(name), lockstepFrom, ready: await this.instantOf(guest.vm) });
    return guest;
  }

  private async killPrimaries(): Promise<void> {
    const [first] = this.guests as [Guest];
    await first.expect(new RegExp(`[\\s\\S]{${this.prng.between(0, BYTES_MAX)}}`));
    await this.countHashes();
    const places = await Promise.all(this.guests.map(async (guest) => ({ guest, worker: await guest.workerOf("primary") })));
    const target = places[this.prng.between(0, places.length - 1)] as (typeof places)[number];
    const hit = places.filter(({ worker }) => worker.pid === target.worker.pid);
    const terms = new Map(places.map(({ guest }) => [guest, guest.vm.status.term]));
    process.kill(target.worker.pid, "SIGKILL");
    this.kills++;
    for (const { guest, worker } of hit) {
      await guest.expectGuestLines(2);
      await guest.protectedAfter(terms.get(guest) as number);
      const now = await guest.workerOf("primary");
      const [from, to] = [this.versionOf(worker.name), this.versionOf(now.name)];
      if (from === to) this.problems.push(`${guest.vm.id} was killed on ${worker.name}, and goes on on ${now.name}`);
      const direction = `${from} to ${to}`;
      this.primariesKilled[direction] = (this.primariesKilled[direction] ?? 0) + 1;
    }
    // Others have lost their backup: the term in which they go on alone, and the one with the new backup.
    for (const { guest } of places.filter((place) => !hit.includes(place))) await guest.protectedAfter((terms.get(guest) as number) + 1);
    if (this.kills % 25 === 0) this.options.onNote(`${this.kills} kills: ${JSON.stringify(this.primariesKilled)}`);
  }

  private async countHashes(): Promise<void> {
    const { data } = await this.at.client.raw.GET("/metrics", { parseAs: "text" });
    for (const [, replica = "", count] of String(data).matchAll(
      /^understudy_state_hashes_compared_total{.*?replica="([^"]+)".*} (\d+)$/gm,
    )) {
      this.compared.set(replica, Number(count));
    }
  }

  private async instantOf(vm: Guest["vm"]): Promise<string> {
    const primary = (await vm.replicas()).find(({ role, state }) => role === "primary" && state === "live");
    return String(primary?.appliedInstant ?? "unknown");
  }

  private versionOf(workerName: string): string {
    return this.nodes[workerName === "worker-1" ? 0 : 1].version;
  }
}
