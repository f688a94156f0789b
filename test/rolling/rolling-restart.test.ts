/** An operator restarts every worker under a running VM: drained first, nobody notices. More VMs: `npm run rolling`. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Installation } from "../support/installation.ts";
import { restartAllWorkers } from "./rolling-restart.ts";

let at: Installation;
beforeAll(async () => {
  at = await Installation.start();
});
afterAll(async () => await at?.stop());

test("every worker is drained and restarted under a protected VM: no client meets an error, and the VM is never unprotected", async () => {
  const guest = await at.boot({ memoryMiB: 96 });
  await guest.protectedNow();
  await guest.beginStory(50);
  const { problems, looks, failovers, workers, unprotectedLooks, unprotectedEvents } = await restartAllWorkers(at, [guest], () => {});
  expect(problems).toEqual([]);
  expect(workers).toBe(3);
  expect(looks).toBeGreaterThan(10);
  expect([unprotectedLooks, unprotectedEvents]).toEqual([0, 0]);
  // The primary was on one of them.
  expect(failovers).toBeGreaterThanOrEqual(1);
}, 900_000);
