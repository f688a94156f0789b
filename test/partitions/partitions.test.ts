/** Cuts in a real network between real processes: who is left goes on, who was cut off finds out, and the console shows no seam. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Guest } from "../support/installation.ts";
import { hasNetworks } from "../support/network/virtual-network.ts";
import { NetworkedInstallation } from "../support/networked-installation.ts";
import { STORIES, tell } from "./stories.ts";

const TYPE_EVERY_MS = 40;
/** All of them: `npm run partitions`. */
const TOLD = [
  "the primary is cut off from everybody",
  "primary and backup are cut off from each other",
  "what the backup says to the primary is lost",
];

describe.runIf(hasNetworks("cuts between processes"))("with every part of an installation in a network namespace of its own", () => {
  let installation: NetworkedInstallation;
  let guest: Guest;
  beforeAll(async () => {
    installation = await NetworkedInstallation.start();
    guest = await installation.at.boot();
    await guest.protectedNow();
    await guest.beginStory(TYPE_EVERY_MS);
  });
  afterAll(async () => await installation?.stop());

  test("whatever is said between hosts is said over TLS, without any setting", async () => {
    for (const worker of ["worker-1", "worker-2", "worker-3"]) {
      const lines = (await installation.at.log(worker)).split("\n").filter((line) => line.startsWith("{"));
      const log = lines.map((line) => JSON.parse(line) as { readonly msg: string; readonly tls?: boolean });
      expect(log.find(({ msg }) => msg.startsWith("listening for logging channels"))?.tls).toBe(true);
      expect(log.some(({ msg }) => /^joined the control plane at wss:/.test(msg))).toBe(true);
    }
  });

  test("a new backup's state is compressed on its way to another host", async () => {
    const repairs = installation.at.client.events.list({ vm: guest.vm.id, types: ["vm.repair.completed"] });
    const { value: event } = await repairs.next();
    const repair = event?.data as { readonly bytes: string; readonly sentBytes: string } | undefined;
    expect(Number(repair?.bytes)).toBeGreaterThan(0);
    expect(Number(repair?.sentBytes)).toBeLessThan(Number(repair?.bytes) * 0.8);
  });

  for (const story of STORIES.filter(({ name }) => TOLD.includes(name))) {
    test(`${story.name}: the right replica goes on, no byte is lost or repeated, and the VM is protected again`, async () => {
      const { problems } = await tell(installation, guest, story, TYPE_EVERY_MS);
      expect(problems).toEqual([]);
    });
  }
});
