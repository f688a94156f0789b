/** The loop itself: when it looks, and when it had better not. */
import { setImmediate } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { beforeAll, expect, test } from "vitest";
import { Reconciler } from "../../src/control/reconcile/reconciler.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start();
  return () => control.close();
});

test("a process that does not lead any more leaves its thread to those who will tell it so", async () => {
  let asked = 0;
  const { parts } = control;
  const reconciler = new Reconciler({
    ...parts,
    settings: { ...parts.config, tickMs: 60_000 },
    // Whoever asks for ever would be heard by nobody: a test that hangs.
    leads: () => ++asked > 1000,
    drainConsole: () => true,
  });
  reconciler.start();
  reconciler.kick();
  await setImmediate();
  expect(asked).toBe(1);
  await reconciler.stop();
});

test("a VM that cannot be reconciled holds up no other, and is told in the log", async () => {
  const plane = await ControlUnderTest.ofTest({ workers: ["one", "two"] });
  const broken = await plane.createVm("broken", "none");
  await plane.waitFor("broken", "running");
  const { db } = plane.parts.database;
  await db.execute(sql`UPDATE vms SET spec = spec - 'protection' WHERE id = ${broken.id}`);
  await plane.createVm("whole");
  await plane.waitFor("whole", "protected");
  expect(plane.log.map(({ msg, vmId }) => [msg, vmId])).toContainEqual(["the VM could not be reconciled: trying again", broken.id]);
});
