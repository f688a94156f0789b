/** Events of backups that trail so far that their primaries wait, and of their catching up. */
import { expect, test } from "vitest";
import { ControlUnderTest } from "./support/control-under-test.ts";

const lag = (ms: number) => ({ lag: { ms, maxMs: 2000, executionDelay: null, outputCommitDelay: null } });

test("a backup that lags is told once, and once when it has caught up; one that is dropped for it is told as that", async () => {
  const control = await ControlUnderTest.ofTest({ workers: ["one", "two", "three"] });
  const { vm, primary, backup, primaryId, backupId } = await control.protectedVm("demo");
  const told = async () => (await control.eventsOf("vm.backup.*")).map(({ type, data }) => [type, data["lagMs"]]);
  const tellsTimes = (type: string, times: number) =>
    control
      .eventThat(type, ({ type: of }) => of === type)
      .then(async () => {
        while ((await control.eventsOf(type)).length < times) await control.parts.feed.next(1000);
      });

  backup.report(backupId, lag(600));
  const event = await control.eventThat("vm.backup.lagging", () => true);
  expect(event).toMatchObject({ vmId: vm.id, term: vm.status.term, cause: "backup_behind", actor: { type: "system" } });
  expect(event.data).toEqual({ lagMs: 600, maxLagMs: 2000 });
  // Neither further behind nor nearly there is news; the primary's own part counts.
  primary.report(primaryId, lag(100));
  backup.report(backupId, lag(900));
  backup.report(backupId, lag(0));
  primary.report(primaryId, lag(249));
  await tellsTimes("vm.backup.recovered", 1);
  expect(await told()).toEqual([
    ["vm.backup.lagging", 600],
    ["vm.backup.recovered", 249],
  ]);

  primary.report(primaryId, lag(0));
  backup.report(backupId, lag(1500));
  await tellsTimes("vm.backup.lagging", 2);
  const { term } = primary.primaryOf(vm.id);
  const solo = await primary.ask(vm.id, primaryId, { kind: "goSolo", term, lost: backupId, reason: "lag_exceeded" });
  primary.report(primaryId, { synced: [], term: solo.term });
  const after = await control.vmThat("demo", ({ status }) => status.protection.state === "protected" && status.term > vm.status.term + 1);
  const next = after.status.replicas.find(({ role, state }) => role === "backup" && state === "live");
  const at = control.workers.find(({ reports }) => reports.has(String(next?.id)));
  await control.vmThat("demo", ({ status }) => status.protection.lagMs === 0);
  at?.report(String(next?.id), lag(700));
  await tellsTimes("vm.backup.lagging", 3);
  expect((await told()).map(([type]) => type)).toEqual([
    "vm.backup.lagging",
    "vm.backup.recovered",
    "vm.backup.lagging",
    "vm.backup.lagging",
  ]);
});
