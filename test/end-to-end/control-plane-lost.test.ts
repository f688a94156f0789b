/** The control plane may die: pairs run on, consoles resume, metadata is there when it is back. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Installation } from "../support/installation.ts";

let at: Installation;
beforeAll(async () => {
  at = await Installation.start();
});
afterAll(async () => await at?.stop());

test("a control plane that is killed and started again finds the VM, the same replicas and no seam in the console", async () => {
  const guest = await at.boot({ name: "undisturbed" });
  await guest.protectedNow();
  await guest.beginStory(40);
  const before = await guest.vm.refresh();
  const replicas = async () =>
    (await guest.vm.replicas())
      .filter(({ state }) => state === "live")
      .map(({ id, role }) => `${role} ${id}`)
      .sort();
  const pair = await replicas();

  const controlPlane = at.cluster.services[0];
  process.kill(controlPlane?.pid ?? 0, "SIGKILL");
  await guest.expectGuestLines(20);

  const again = await at.client.vms.get("undisturbed");
  expect(again.status.term).toBe(before.status.term);
  expect(again.resource.createdAt).toBe(before.resource.createdAt);
  expect(await replicas()).toEqual(pair);
  await guest.protectedNow();

  // And it still decides: a kill after the restart is survived as well.
  const { term } = guest.vm.status;
  process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
  await guest.expectGuestLines(20);
  await guest.protectedAfter(term);
  expect((await guest.endStory()).problems).toEqual([]);
  guest.console.close();
});
