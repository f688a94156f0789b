/** A primary that is stopped, not dead: it is replaced, and when it wakes up it must find out and keep silent. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Installation } from "../support/installation.ts";

let at: Installation;
beforeAll(async () => {
  at = await Installation.start({ env: { UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: "2000" } });
});
afterAll(async () => await at?.stop());

test("a stopped primary is replaced after the heartbeat time-out; continued, it finds itself fenced, releases nothing and says so", async () => {
  const guest = await at.boot();
  await guest.protectedNow();
  await guest.beginStory(40);
  const { term } = guest.vm.status;
  const old = await guest.workerOf("primary");
  process.kill(old.pid, "SIGSTOP");
  let resumed = false;
  try {
    await guest.expectGuestLines(20);
    await guest.protectedAfter(term);
    // Long enough for the control plane to have given the stopped worker up, too.
    await guest.expectGuestLines(120);
    process.kill(old.pid, "SIGCONT");
    resumed = true;
    await expect.poll(async () => fencedLines(await at.log(old.name), old.replicaId), { timeout: 240_000 }).toHaveLength(1);
    // The guest's story goes on under the new primary while the old one is awake.
    await guest.expectGuestLines(20);
  } finally {
    if (!resumed) process.kill(old.pid, "SIGCONT");
  }
  expect((await guest.endStory()).problems).toEqual([]);
  const [line] = fencedLines(await at.log(old.name), old.replicaId);
  expect(line).toMatch(/belongs to another replica/);
  guest.console.close();
});

function fencedLines(log: string, replicaId: string): string[] {
  return log.split("\n").filter((line) => line.includes(replicaId) && line.includes(`replica ${replicaId} fenced`));
}
