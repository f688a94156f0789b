/** After the loss of a worker everybody wants a backup: how many state transfers are ordered at once, and that all have their turn. */
import { beforeAll, expect, test } from "vitest";
import { ControlUnderTest } from "./support/control-under-test.ts";
import type { ScriptedWorker } from "./support/scripted-worker.ts";

const LIMIT = 2;
const VMS = 5;

let control: ControlUnderTest;
let workers: readonly ScriptedWorker[];
beforeAll(async () => {
  control = await ControlUnderTest.start({
    workers: ["one", "two"],
    // Orders without effect keep their place for as long as this test takes.
    settings: { transfersPerWorker: LIMIT, repeatOrderMs: 600_000 },
  });
  workers = ["one", "two"].map((name) => control.workerNamed(name));
  for (const worker of workers) worker.pairs = false;
  return () => control.close();
});

test("a worker takes part in no more state transfers than it is allowed, and the others follow one by one", async () => {
  const ordered = () => workers.flatMap((worker) => worker.orders.flatMap((order) => (order.type === "pair" ? [{ worker, order }] : [])));
  for (let index = 0; index < VMS; index++) await control.createVm(`vm-${index}`);
  const done = new Set<string>();
  while (done.size < VMS) {
    const next = () => ordered().find(({ order }) => !done.has(order.backup.replicaId));
    const { worker, order } = await Promise.race(workers.map((each) => each.until(next)));
    // All of them wait for a backup that has been created.
    for (let index = 0; index < VMS; index++)
      await control.vmThat(`vm-${index}`, ({ status }) => ["syncing", "protected"].includes(status.protection.state));
    expect(ordered().length).toBeLessThanOrEqual(done.size + LIMIT);
    const { replicaId, backup } = order;
    const report = worker.reports.get(replicaId);
    if (report === undefined) throw new Error("the order is for a replica that is not there");
    worker.report(replicaId, { joining: backup.replicaId });
    const { vmId, term } = report;
    const answer = await worker.ask(vmId, replicaId, { kind: "addBackup", term, backup: backup.replicaId });
    expect(answer.outcome).toBe("granted");
    worker.report(replicaId, { joining: null, synced: [backup.replicaId], term: answer.term });
    done.add(backup.replicaId);
  }
  for (let index = 0; index < VMS; index++) await control.vmThat(`vm-${index}`, ({ status }) => status.protection.state === "protected");
  expect(ordered()).toHaveLength(VMS);
});
