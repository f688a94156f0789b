/**
 * What the network may do to a protected VM, and who must be its primary then. Each story is told with a guest that counts and
 * answers what is typed, and ends with the network healed, the VM protected and the transcript judged.
 */
import type { Guest } from "../support/installation.ts";
import type { VirtualNetwork } from "../support/network/virtual-network.ts";
import type { NetworkedInstallation } from "../support/networked-installation.ts";

/** Nodes by what they are to the VM when the story begins. */
export interface Cast {
  readonly primary: string;
  readonly backup: string;
  /** A worker that has no replica of the VM. */
  readonly spare: string;
}

export interface PartitionStory {
  readonly name: string;
  readonly fault: (network: VirtualNetwork, cast: Cast) => Promise<void>;
  /**
   * `decided`: the fault lasts until the arbiter has changed the term and the guest goes on under it.
   * A number: the arbiter need not, or cannot, decide; it lasts so many milliseconds.
   */
  readonly lasts: "decided" | number;
  /** Who is primary once the fault is over; `either`: two ask at once, and one gets it. */
  readonly winner: "primary" | "backup" | "either";
}

export const STORIES: readonly PartitionStory[] = [
  {
    name: "the primary is cut off from everybody",
    fault: (network, { primary }) => network.isolate(primary),
    lasts: "decided",
    winner: "backup",
  },
  {
    name: "the backup is cut off from everybody",
    fault: (network, { backup }) => network.isolate(backup),
    lasts: "decided",
    winner: "primary",
  },
  {
    name: "primary and backup are cut off from each other",
    fault: (network, { primary, backup }) => network.cut(primary, backup),
    lasts: "decided",
    winner: "either",
  },
  {
    name: "what the primary says to the backup is lost",
    fault: (network, { primary, backup }) => network.cutOneWay(primary, backup),
    lasts: "decided",
    winner: "either",
  },
  {
    name: "what the backup says to the primary is lost",
    fault: (network, { primary, backup }) => network.cutOneWay(backup, primary),
    lasts: "decided",
    winner: "either",
  },
  {
    name: "the primary is cut off from the control plane",
    fault: (network, { primary }) => network.cut(primary, "control"),
    lasts: "decided",
    winner: "backup",
  },
  {
    name: "what the primary says to the control plane is lost",
    fault: (network, { primary }) => network.cutOneWay(primary, "control"),
    lasts: "decided",
    winner: "backup",
  },
  {
    name: "the backup is cut off from the control plane",
    fault: (network, { backup }) => network.cut(backup, "control"),
    lasts: 6_000,
    winner: "primary",
  },
  {
    name: "the control plane is cut off from the database",
    fault: (network) => network.cut("control", "database"),
    lasts: 6_000,
    winner: "primary",
  },
  {
    name: "what the control plane says to the database is lost",
    fault: (network) => network.cutOneWay("control", "database"),
    lasts: 6_000,
    winner: "primary",
  },
  {
    name: "the client is cut off from the control plane",
    fault: (network) => network.cut("client", "control"),
    lasts: 5_000,
    winner: "primary",
  },
  {
    name: "the control plane is cut off from everybody",
    fault: (network) => network.isolate("control"),
    lasts: 5_000,
    winner: "either",
  },
  {
    name: "nobody reaches anybody",
    fault: async (network) => {
      for (const node of network.nodes) await network.isolate(node);
    },
    lasts: 5_000,
    winner: "either",
  },
  {
    name: "the worker without a replica is cut off while the pair's channel is cut",
    fault: async (network, { primary, backup, spare }) => {
      await network.isolate(spare);
      await network.cut(primary, backup);
    },
    lasts: "decided",
    winner: "either",
  },
  {
    name: "packets between primary and backup take 50 ms and some",
    fault: (network, { primary, backup }) => network.set(primary, backup, { delayMs: 50, jitterMs: 30 }),
    lasts: 5_000,
    winner: "either",
  },
  {
    name: "one packet in ten is lost between everybody",
    fault: async (network) => {
      for (const from of network.nodes)
        for (const to of network.nodes) if (from !== to) await network.setOneWay(from, to, { lossPercent: 10 });
    },
    lasts: 8_000,
    winner: "either",
  },
  {
    name: "the pair's channel loses every third packet, and delays the others",
    fault: (network, { primary, backup }) => network.set(primary, backup, { lossPercent: 33, delayMs: 10, jitterMs: 20 }),
    lasts: 8_000,
    winner: "either",
  },
];

export interface StoryOutcome {
  /** What is wrong, in sentences. */
  readonly problems: readonly string[];
  /** Longest silence of the guest that the client met, from the fault on. */
  readonly silenceMs: number;
  readonly winner: "primary" | "backup" | "another";
}

/** @param guest whose story has begun, and whose client types */
export async function tell(
  { network }: NetworkedInstallation,
  guest: Guest,
  story: PartitionStory,
  typeEveryMs: number,
): Promise<StoryOutcome> {
  await guest.protectedNow();
  const [before, backup] = [await guest.workerOf("primary"), await guest.workerOf("backup")];
  const spare = network.nodes.find((node) => node.startsWith("worker-") && node !== before.name && node !== backup.name) ?? "";
  const { term } = guest.vm.status;
  guest.console.resetSilence();

  await story.fault(network, { primary: before.name, backup: backup.name, spare });
  if (story.lasts === "decided") {
    await guest.decidedAfter(term);
    await guest.expectGuestLines(20);
  } else {
    await new Promise((resolve) => setTimeout(resolve, story.lasts as number));
  }
  await network.heal();
  await guest.expectGuestLines(20);
  const { silenceMs } = guest.console;
  if (story.lasts === "decided") await guest.protectedAfter(term);
  else await guest.protectedNow();

  const problems: string[] = [];
  const after = await guest.workerOf("primary");
  const winner = after.replicaId === before.replicaId ? "primary" : after.replicaId === backup.replicaId ? "backup" : "another";
  if (story.winner !== "either" && winner !== story.winner) problems.push(`the ${winner} is primary, the ${story.winner} should be`);
  const live = (await guest.vm.replicas()).filter(({ role, state }) => role === "primary" && state === "live");
  if (live.length !== 1) problems.push(`${live.length} replicas are live primaries`);

  problems.push(...(await guest.endStory()).problems);
  guest.console.startTyping(typeEveryMs);
  return { problems, silenceMs, winner };
}
