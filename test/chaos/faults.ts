/**
 * The faults, and how each is done to real processes.
 *
 * `member` faults may take a replica away: one at a time, and only while every VM is protected, for nobody promises more. `around`
 * faults take no replica away, and may come just before, or in the middle of, what a member fault leads to.
 */
import { assert } from "../../src/base/assert.ts";
import type { Prng } from "../../src/base/prng.ts";
import type { Guest } from "../support/installation.ts";
import type { VirtualNetwork } from "../support/network/virtual-network.ts";
import type { ChaosPlace } from "./place.ts";

export interface Fault {
  readonly kind: string;
  readonly reach: "member" | "around";
  readonly needsNetwork: boolean;
  /** Looks up who is what, while the API answers, and returns what begins the fault. */
  readonly aim: (scene: Scene) => Promise<Aimed>;
}

export type Aimed = () => Promise<Begun>;

export interface Scene {
  readonly place: ChaosPlace;
  readonly guests: readonly Guest[];
  readonly prng: Prng;
}

export interface Begun {
  /** Of whom or what. */
  readonly target: string;
  /** How long it lasts; 0: it is over when it is done. */
  readonly lastsMs: number;
  readonly end: () => Promise<void>;
}

export const FAULTS: readonly Fault[] = [
  member("kill primary", false, async (scene) => kill(await workerOf(scene, "primary"))),
  member("kill backup", false, async (scene) => kill(await workerOf(scene, "backup"))),
  member("kill any worker", false, async (scene) => kill(anyWorker(scene))),
  member("stop primary", false, async (scene) => stop(await workerOf(scene, "primary"), scene.prng.between(200, 5_000))),
  member("stop backup", false, async (scene) => stop(await workerOf(scene, "backup"), scene.prng.between(200, 5_000))),
  member("stop any worker", false, async (scene) => stop(anyWorker(scene), scene.prng.between(200, 5_000))),
  member("isolate primary", true, async (scene) => {
    const { name } = await workerOf(scene, "primary");
    return weather(scene, name, 6_000, (network) => network.isolate(name));
  }),
  member("isolate backup", true, async (scene) => {
    const { name } = await workerOf(scene, "backup");
    return weather(scene, name, 6_000, (network) => network.isolate(name));
  }),
  member("cut pair", true, async (scene) => {
    const [primary, backup] = await pair(scene);
    return weather(scene, `${primary} and ${backup}`, 5_000, (network) => network.cut(primary, backup));
  }),
  member("cut pair one way", true, async (scene) => {
    const [primary, backup] = await pair(scene);
    const [from, to] = scene.prng.between(0, 1) === 0 ? [primary, backup] : [backup, primary];
    return weather(scene, `${from} to ${to}`, 5_000, (network) => network.cutOneWay(from, to));
  }),
  member("cut primary from control", true, async (scene) => {
    const { name } = await workerOf(scene, "primary");
    return weather(scene, name, 5_000, (network) => network.cut(name, "control"));
  }),
  member("delay pair", true, async (scene) => {
    const [primary, backup] = await pair(scene);
    const delayMs = scene.prng.between(1, 60);
    const jitterMs = scene.prng.between(0, delayMs);
    return weather(scene, `${primary} and ${backup}, ${delayMs} ms`, 5_000, (network) =>
      network.set(primary, backup, { delayMs, jitterMs }),
    );
  }),
  member("lose packets", true, async (scene) => {
    const lossPercent = scene.prng.between(1, 20);
    return weather(scene, `${lossPercent} % everywhere`, 5_000, async (network) => {
      for (const from of network.nodes) for (const to of network.nodes) if (from !== to) await network.setOneWay(from, to, { lossPercent });
    });
  }),
  around("kill control plane", false, async ({ place }) => kill(controlPlane(place))),
  around("stop control plane", false, async ({ place, prng }) => stop(controlPlane(place), prng.between(200, 4_000))),
  around("restart Postgres", false, async ({ place: { postgres }, prng }) => async () => {
    await postgres.stop("immediate");
    return { target: "postgres", lastsMs: prng.between(0, 3_000), end: () => postgres.startAgain() };
  }),
  around("cut client", true, async (scene) => cutLink(scene, "client", "control")),
  around("cut database", true, async (scene) => cutLink(scene, "control", "database")),
];

function member(kind: string, needsNetwork: boolean, aim: Fault["aim"]): Fault {
  return { kind, reach: "member", needsNetwork, aim };
}

function around(kind: string, needsNetwork: boolean, aim: Fault["aim"]): Fault {
  return { kind, reach: "around", needsNetwork, aim };
}

interface Victim {
  readonly name: string;
  readonly pid: number;
}

function kill({ name, pid }: Victim): Aimed {
  return async () => {
    process.kill(pid, "SIGKILL");
    return { target: name, lastsMs: 0, end: async () => {} };
  };
}

function stop({ name, pid }: Victim, lastsMs: number): Aimed {
  return async () => {
    process.kill(pid, "SIGSTOP");
    return {
      target: name,
      lastsMs,
      end: async () => {
        process.kill(pid, "SIGCONT");
      },
    };
  };
}

/** What is over heals everywhere: an around fault on another link ends with it, and once more by itself. */
function weather(
  { place: { network }, prng }: Scene,
  target: string,
  atMostMs: number,
  change: (network: VirtualNetwork) => Promise<void>,
): Aimed {
  assert(network !== null, "only what needs no network is drawn where there is none");
  const lastsMs = prng.between(200, atMostMs);
  return async () => {
    await change(network);
    return { target, lastsMs, end: () => network.heal() };
  };
}

function cutLink({ place: { network }, prng }: Scene, one: string, other: string): Aimed {
  assert(network !== null, "only what needs no network is drawn where there is none");
  const lastsMs = prng.between(200, 4_000);
  return async () => {
    await network.cut(one, other);
    return { target: `${one} and ${other}`, lastsMs, end: () => network.set(one, other, {}) };
  };
}

async function workerOf({ guests, prng }: Scene, role: "primary" | "backup"): Promise<Victim> {
  return await (guests[prng.between(0, guests.length - 1)] as Guest).workerOf(role);
}

async function pair({ guests, prng }: Scene): Promise<[primary: string, backup: string]> {
  const guest = guests[prng.between(0, guests.length - 1)] as Guest;
  return [(await guest.workerOf("primary")).name, (await guest.workerOf("backup")).name];
}

function anyWorker({ place, prng }: Scene): Victim {
  const workers = place.at.cluster.services.filter(({ name }) => name.startsWith("worker-"));
  const { name, pid } = workers[prng.between(0, workers.length - 1)] as (typeof workers)[number];
  if (pid === null) throw new Error(`${name} does not run while every VM is protected and nothing is wrong`);
  return { name, pid };
}

function controlPlane(place: ChaosPlace): Victim {
  const pid = place.at.cluster.services.find(({ name }) => name === "control-plane")?.pid;
  if (pid === null || pid === undefined) throw new Error("the control plane does not run while nothing is wrong");
  return { name: "control-plane", pid };
}
