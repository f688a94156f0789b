/** Terms, promotions and failovers: what the arbiter grants, to whom, and what the API then says. */
import { sql } from "drizzle-orm";
import { beforeEach, describe, expect, test } from "vitest";
import { readVmRow } from "../../src/control/db/queries/read-vm.ts";
import type { TermChange } from "../../src/control/domain/term-change.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Failover, Vm } from "../../src/control/schemas/vm.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { ControlUnderTest, IMPATIENT } from "./support/control-under-test.ts";

let control: ControlUnderTest;

beforeEach(() => start());

async function start(settings: Partial<ControlSettings> = {}): Promise<void> {
  control = await ControlUnderTest.ofTest({ settings, workers: ["one", "two"] });
}

async function startAnew(settings: Partial<ControlSettings>): Promise<void> {
  await control.close();
  await start(settings);
}

const change = (request: TermChange) =>
  control.parts.arbiter.decide(request, {
    workerId: control.workers.find((worker) => worker.reports.has(request.asker))?.workerId ?? "wrk_of_nobody",
    cause: "worker_lost",
    isReachable: (id) => control.parts.workers.holderOf(id) !== null,
    isGone: (id) => control.parts.workers.isGone(id),
    traceLoss: () => null,
  });
const row = (vm: string) => readVmRow(control.parts.database.db, vm);

describe("the arbiter", () => {
  test("grants promotion to a synced backup of the current term, once", async () => {
    const { vm, primaryId, backupId } = await control.protectedVm("demo");
    const term = BigInt(vm.status.term);
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => change({ kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term })),
    );
    expect(answers.map((answer) => answer.outcome)).toEqual(["granted", "granted", "granted", "granted"]);
    expect(answers.filter((answer) => answer.changed)).toHaveLength(1);
    expect(await row(vm.id)).toMatchObject({ term: term + 1n, primaryReplica: backupId, synced: [] });
    const former = await change({ kind: "goSolo", vmId: vm.id, asker: primaryId, term, lost: backupId, reason: "connection_lost" });
    expect(former).toMatchObject({ outcome: "refused", term: term + 1n });
  });

  test("grants either promotion or going solo where both are asked at once, never both", async () => {
    for (let round = 0; round < 10; round++) {
      const { vm, primaryId, backupId } = await control.protectedVm(`demo-${round}`);
      const term = BigInt(vm.status.term);
      const solo: TermChange = { kind: "goSolo", vmId: vm.id, asker: primaryId, term, lost: backupId, reason: "connection_lost" };
      const promote: TermChange = { kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term };
      const answers = await Promise.all(round % 2 === 0 ? [change(solo), change(promote)] : [change(promote), change(solo)]);
      expect(answers.map((answer) => answer.outcome).sort()).toEqual(["granted", "refused"]);
      expect(answers.map((answer) => answer.term)).toEqual([term + 1n, term + 1n]);
      const after = await row(vm.id);
      expect(after.synced).toEqual([]);
      expect([primaryId, backupId]).toContain(after.primaryReplica);
    }
  });

  test("decides on a guest that stands still though it cannot decide on any that runs", async () => {
    const stuck = await control.protectedVm("stuck");
    const { vm, backupId } = await control.protectedVm("demo");
    const { database } = control.parts;
    stuck.primary.pairs = false;
    const others: Promise<unknown>[] = [];
    await database.transaction(async (tx) => {
      await tx.db.execute(sql`SELECT FROM vms WHERE id = ${stuck.vm.id} FOR UPDATE`);
      const term = BigInt(stuck.vm.status.term);
      const solo = {
        kind: "goSolo",
        vmId: stuck.vm.id,
        asker: stuck.primaryId,
        term,
        lost: stuck.backupId,
        reason: "lag_exceeded",
      } as const;
      for (let index = 0; index < 10; index++) others.push(change(solo));
      const answer = await change({ kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term: BigInt(vm.status.term) });
      expect(answer.outcome).toBe("granted");
    });
    expect((await Promise.all(others)).filter((answer) => (answer as { readonly changed: boolean }).changed)).toHaveLength(1);
  });

  test("refuses a stranger, the primary, and who asks from the future", async () => {
    const { vm, primaryId, backupId } = await control.protectedVm("demo");
    const term = BigInt(vm.status.term);
    for (const [asker, asked] of [
      ["rep_of_nobody", term],
      [primaryId, term],
      [backupId, term + 1n],
    ] as const) {
      expect(await change({ kind: "promote", keeps: () => true, vmId: vm.id, asker, term: asked })).toMatchObject({
        outcome: "refused",
        term,
      });
    }
    expect(await change({ kind: "promote", keeps: () => true, vmId: "vm_of_nobody", asker: backupId, term })).toMatchObject({
      outcome: "refused",
      term: 0n,
    });
    expect((await row(vm.id)).term).toBe(term);
  });

  test("grants promotion to a backup that was added and had no time to be told its term", async () => {
    const { vm, backupId } = await control.protectedVm("demo");
    const term = BigInt(vm.status.term);
    const first = await change({ kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term: term - 1n });
    expect(first).toMatchObject({ outcome: "granted", term: term + 1n, changed: true });
    const repeat = await change({ kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term: term - 1n });
    expect(repeat).toMatchObject({ outcome: "granted", term: term + 1n, changed: false });
  });

  test("grants a repeat of going solo and of adding a backup, with the term that the first one made", async () => {
    const { vm, primary, primaryId, backupId } = await control.protectedVm("demo");
    const term = BigInt(vm.status.term);
    const added: TermChange = { kind: "addBackup", vmId: vm.id, asker: primaryId, term: term - 1n, backup: backupId };
    expect(await change(added)).toMatchObject({ outcome: "granted", term, changed: false });
    primary.pairs = false;
    const solo: TermChange = { kind: "goSolo", vmId: vm.id, asker: primaryId, term, lost: backupId, reason: "lag_exceeded" };
    expect(await change(solo)).toMatchObject({ outcome: "granted", term: term + 1n, changed: true });
    expect(await change(solo)).toMatchObject({ outcome: "granted", term: term + 1n, changed: false });
    // Older than the newest transition: of no use to anybody.
    expect(await change(added)).toMatchObject({ outcome: "refused", term: term + 1n });
  });

  test("grants going solo to a primary that does not know yet that its backup was added", async () => {
    const { vm, primary, primaryId, backupId } = await control.protectedVm("demo");
    primary.pairs = false;
    const term = BigInt(vm.status.term);
    const solo: TermChange = { kind: "goSolo", vmId: vm.id, asker: primaryId, term: term - 1n, lost: backupId, reason: "backup_failed" };
    expect(await change(solo)).toMatchObject({ outcome: "granted", term: term + 1n, changed: true });
    expect(await change(solo)).toMatchObject({ outcome: "granted", term: term + 1n, changed: false });
    expect((await row(vm.id)).synced).toEqual([]);
  });

  test("never adds a backup whose promotion it refused, however late it is asked to", async () => {
    for (const worker of ["one", "two"]) control.workerNamed(worker).pairs = false;
    await control.createVm("demo");
    const vm = await control.vmThat("demo", ({ status }) => status.protection.state === "syncing");
    const ids = vm.status.replicas.map((replica) => replica.id);
    const primaryId = vm.status.replicas.find((replica) => replica.role === "primary")?.id as string;
    const backupId = ids.find((id) => id !== primaryId) as string;
    const promote: TermChange = { kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term: 1n };
    const add: TermChange = { kind: "addBackup", vmId: vm.id, asker: primaryId, term: 1n, backup: backupId };
    const [promotion, addition] = await Promise.all([change(promote), change(add)]);
    // Whichever was first: either it was added and then promoted, or refused and then not added.
    expect([`${promotion.outcome} ${addition.outcome}`]).toEqual([promotion.outcome === "granted" ? "granted granted" : "refused refused"]);
  });

  test("does not add a backup that the VM does not have, or that was given up", async () => {
    const { vm, primaryId, backupId, primary } = await control.protectedVm("demo");
    primary.pairs = false;
    const term = BigInt(vm.status.term);
    await change({ kind: "goSolo", vmId: vm.id, asker: primaryId, term, lost: backupId, reason: "backup_failed" });
    for (const backup of ["rep_of_nobody", backupId, primaryId]) {
      expect(await change({ kind: "addBackup", vmId: vm.id, asker: primaryId, term: term + 1n, backup })).toMatchObject({
        outcome: "refused",
      });
    }
  });

  test("promotes nobody in a VM that is being deleted", async () => {
    const { vm, backupId, backup } = await control.protectedVm("demo");
    backup.pause();
    await control.call("DELETE", "/v1/vms/demo");
    const answer = await change({ kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term: BigInt(vm.status.term) });
    expect(answer.outcome).toBe("refused");
  });
});

describe("a primary of two backups that dies", () => {
  /** Its worker is gone; `heir` has been promoted and is not live. */
  const withHeir = async () => {
    await control.join("three");
    await control.call("POST", "/v1/vms", { name: "demo", spec: { image: "debian", protection: { backups: 2 } } });
    const vm = await control.vmThat("demo", ({ status }) => status.protection.syncedBackups === 2);
    const of = (id: string) => {
      const worker = control.workerNamed(vm.status.replicas.find((replica) => replica.id === id)?.workerName as string);
      // The primary tells its backups the term on the logging channel.
      if (worker.reports.get(id)?.role === "backup") worker.report(id, { term: String(vm.status.term) });
      return { id, worker };
    };
    const { primaryReplica, synced, term } = await row(vm.id);
    const [heir, other] = synced.map(of) as [ReturnType<typeof of>, ReturnType<typeof of>];
    await control.kill(of(primaryReplica as string).worker);
    const granted = await heir.worker.askForPromotion(heir.id);
    expect(granted).toMatchObject({ outcome: "granted", term: String(term + 1n), synced: [other.id] });
    return { vmId: vm.id, term, heir, other, ask: () => other.worker.askForPromotion(other.id) };
  };

  test("has the other one follow the one that was promoted, and take its place when that one dies as well", async () => {
    const { vmId, term, heir, other, ask } = await withHeir();
    expect(await ask()).toMatchObject({ outcome: "follow", term: String(term + 1n), synced: [other.id] });
    expect(await row(vmId)).toMatchObject({ primaryReplica: heir.id, synced: [other.id], protectionState: "failing_over" });
    await control.kill(heir.worker);
    expect(await other.worker.promote(other.id)).toMatchObject({ outcome: "granted", term: String(term + 2n), synced: [] });
    await control.vmThat("demo", ({ status }) =>
      status.replicas.some(({ id, role, state }) => id === other.id && `${role} ${state}` === "primary live"),
    );
    const { body } = await control.get<{ items: Failover[] }>("/v1/vms/demo/failovers");
    expect(body.items.map(({ state, from, to }) => ({ state, from, to }))).toEqual([
      { state: "completed", from: heir.id, to: other.id },
      expect.objectContaining({ state: "failed", to: heir.id }),
    ]);
    // The one before has nothing to ask for any more.
    const goSolo: TermChange = { kind: "goSolo", vmId, asker: heir.id, term: term + 1n, lost: other.id, reason: "connection_lost" };
    expect(await change(goSolo)).toMatchObject({ outcome: "refused", term: term + 2n });
  });

  test("has both workers told to open their channel, with the answer, and is protected as soon as the promoted one is live", async () => {
    const { vmId, term, heir, other } = await withHeir();
    const { backup } = await heir.worker.order("pair", ({ replicaId }) => replicaId === heir.id);
    expect(backup).toMatchObject({ replicaId: other.id, workerId: other.worker.workerId });
    await heir.worker.promote(heir.id);
    const vm = await control.vmThat("demo", ({ status }) => status.protection.state === "protected");
    expect(vm.status).toMatchObject({ term: Number(term + 1n), protection: { syncedBackups: 1 } });
    expect(await row(vmId)).toMatchObject({ primaryReplica: heir.id, synced: [other.id] });
  });

  test("has one taken out of the set that does not follow", async () => {
    const { vmId, term, heir, other, ask } = await withHeir();
    const goSolo: TermChange = { kind: "goSolo", vmId, asker: heir.id, term: term + 1n, lost: other.id, reason: "backup_failed" };
    expect(await change(goSolo)).toMatchObject({ outcome: "granted", term: term + 2n, synced: [] });
    expect(await ask()).toMatchObject({ outcome: "refused", term: String(term + 2n) });
  });

  test("has the others dropped with the promotion of one whose worker does not go on with them", async () => {
    const { vmId, term, heir, other } = await withHeir();
    await control.kill(heir.worker);
    const promote: TermChange = { kind: "promote", keeps: () => false, vmId, asker: other.id, term };
    expect(await change(promote)).toMatchObject({ outcome: "granted", term: term + 2n, synced: [] });
  });
});

describe("a primary that dies", () => {
  test("is replaced by its backup, a fresh backup is paired, and the figures are kept", async () => {
    await control.join("three");
    const { vm, primary, backup, primaryId, backupId } = await control.protectedVm("demo");
    await control.kill(primary);
    expect(await backup.promote(backupId)).toMatchObject({ outcome: "granted", term: String(vm.status.term + 1) });
    const after = await control.vmThat(
      "demo",
      ({ status }) => status.protection.state === "protected" && status.term === vm.status.term + 2,
    );
    expect(after.status.replicas.find((replica) => replica.role === "primary")?.id).toBe(backupId);
    const { body } = await control.get<{ items: Failover[] }>("/v1/vms/demo/failovers");
    expect(body.items).toHaveLength(1);
    expect(body.items[0]).toMatchObject({
      mode: null,
      cause: "worker_lost",
      state: "completed",
      from: primaryId,
      to: backupId,
      term: vm.status.term + 1,
      gapMs: { detect: 3, arbitrate: 2, promote: 1, total: 6 },
      instant: "1000",
    });
    expect(after.status.lastFailover?.id).toBe(body.items[0]?.id);
    const { body: events } = await control.get<{ items: { type: string }[] }>(`/v1/vms/demo/events?types=vm.failover.*`);
    expect(events.items.map((event) => event.type)).toEqual(["vm.failover.started", "vm.failover.completed"]);
  });

  test("ten times in a row leaves a protected VM and ten failovers", async () => {
    const workers = new Map([["one", true]]);
    await control.join("three");
    await control.protectedVm("demo");
    for (let round = 0; round < 10; round++) {
      const vm = await control.vmThat("demo", ({ status }) => status.protection.state === "protected");
      const primary = vm.status.replicas.find((replica) => replica.role === "primary" && replica.state === "live");
      const backup = vm.status.replicas.find((replica) => replica.role === "backup" && replica.state === "live");
      const dying = control.workerNamed(primary?.workerName as string);
      const heir = control.workerNamed(backup?.workerName as string);
      await dying.until(() => dying.reports.get(primary?.id as string)?.synced.length === 1);
      heir.report(backup?.id as string, { state: "live", term: String(vm.status.term) });
      dying.kill();
      workers.set(`again-${round}`, true);
      await control.join(`again-${round}`);
      expect((await heir.promote(backup?.id as string)).outcome).toBe("granted");
      await control.vmThat("demo", ({ status }) => status.term >= vm.status.term + 2);
    }
    const { body } = await control.get<{ items: Failover[] }>("/v1/vms/demo/failovers");
    expect(body.items).toHaveLength(10);
    expect(new Set(body.items.map((failover) => failover.state))).toEqual(new Set(["completed"]));
    const terms = body.items.map((failover) => failover.term as number);
    expect(terms).toEqual([...terms].sort((a, b) => b - a));
  });

  test("whose backup sees nothing is told to take over once its channel has been closed for too long", async () => {
    await startAnew(IMPATIENT);
    const { vm, primary, backup, backupId } = await control.protectedVm("demo");
    primary.kill();
    expect((await backup.order("promote")).replicaId).toBe(backupId);
    await control.vmThat("demo", ({ status }) => status.term === vm.status.term + 1);
  });

  test("and comes back is told to drop its replica, once it had the time to find out that it is fenced", async () => {
    const { primary, backup, backupId, primaryId } = await control.protectedVm("demo");
    primary.pause();
    await backup.promote(backupId);
    primary.resume();
    primary.report(primaryId, { state: "fenced", haltReason: "fenced", role: "primary" });
    expect((await primary.order("dropReplica")).replicaId).toBe(primaryId);
    // Its memory is free again: the new backup comes there.
    await primary.order("createReplica", (order) => order.role === "backup");
    await control.waitFor("demo", "protected");
  });
});

test("a primary that was stopped for so long that it was written off still finds out by itself that it is fenced", async () => {
  await startAnew(IMPATIENT);
  const { vm, primary, backup, backupId, primaryId } = await control.protectedVm("demo");
  primary.kill();
  await backup.promote(backupId);
  await control.vmThat("demo", ({ status }) => status.replicas.every(({ id }) => id !== primaryId));
  await primary.reconnect();
  const answer = await primary.ask(vm.id, primaryId, {
    kind: "goSolo",
    term: String(vm.status.term),
    lost: backupId,
    reason: "connection_lost",
  });
  expect(answer.outcome).toBe("refused");
  expect(primary.orders.some((order) => order.type === "dropReplica")).toBe(false);
  primary.report(primaryId, { state: "fenced", haltReason: "fenced" });
  expect((await primary.order("dropReplica")).replicaId).toBe(primaryId);
});

test("a backup that is paired is recorded once, with what the pairing cost", async () => {
  const { backupId, primary, primaryId } = await control.protectedVm("demo");
  const event = await firstEvent("vm.repair.completed");
  expect(event.data).toEqual({ backup: backupId, totalMs: 90, pauseMs: 4, rounds: 2, bytes: "1000", sentBytes: "400" });
  primary.report(primaryId, { arbiterUnavailable: true });
  await control.vmThat("demo", ({ status }) =>
    status.conditions.some((condition) => condition.type === "ArbiterReachable" && condition.status === "False"),
  );
  const { body } = await control.get<{ items: unknown[] }>("/v1/events?types=vm.repair.completed");
  expect(body.items).toHaveLength(1);
});

describe("a backup that dies", () => {
  test("leaves its VM unprotected with the reason, and is replaced", async () => {
    const { vm, primary, backup, primaryId, backupId } = await control.protectedVm("demo");
    backup.kill();
    const answer = await primary.ask(vm.id, primaryId, {
      kind: "goSolo",
      term: String(vm.status.term),
      lost: backupId,
      reason: "connection_lost",
    });
    expect(answer.outcome).toBe("granted");
    primary.report(primaryId, { term: answer.term, synced: [] });
    const alone = await control.vmThat(
      "demo",
      ({ status }) => status.protection.reason === "no_capacity" || status.protection.reason === "connection_lost",
    );
    expect(alone.status).toMatchObject({ state: "running", protection: { state: "unprotected" } });
    await control.join("three");
    await control.waitFor("demo", "protected");
  });

  test("by divergence is recorded with both hashes and the pages, and shown until another is in its place", async () => {
    const { vm, primary, primaryId, backupId } = await control.protectedVm("demo");
    const divergence = {
      replicaId: backupId,
      epoch: "17",
      expected: "aa",
      actual: "bb",
      lastEqualInstant: "900",
      pages: [{ page: "ram 0x80200000", expected: "cc", actual: "dd" }],
      pageCount: 3,
    };
    await primary.ask(vm.id, primaryId, { kind: "goSolo", term: String(vm.status.term), lost: backupId, reason: "divergence" });
    primary.report(primaryId, { term: String(vm.status.term + 1), synced: [], divergence });
    const event = await firstEvent("vm.divergence.detected");
    expect(event.data).toEqual(divergence);
    const diverged = ({ status }: Vm) => status.conditions.find(({ type }) => type === "Diverged");
    const seen = await control.vmThat("demo", (now) => diverged(now)?.reason !== "StateHashesEqual");
    const message = `Backup ${backupId} had the state hash bb, its primary aa; they were last equal at instant 900; 3 pages differ, first ram 0x80200000`;
    expect(diverged(seen)).toMatchObject({ message });
    const rebuilt = await control.vmThat(
      "demo",
      ({ status }) => status.protection.state === "protected" && status.term > vm.status.term + 1,
    );
    expect(diverged(rebuilt)).toMatchObject({ status: "False", reason: "BackupRebuilt", message });
  });

  test("by divergence that its primary cannot tell of any more is recorded as the backup itself tells of it, once", async () => {
    const { primary, backup, backupId } = await control.protectedVm("demo");
    const divergence = { replicaId: backupId, epoch: "17", expected: "aa", actual: "bb", lastEqualInstant: "900", pages: [], pageCount: 0 };
    await control.kill(primary);
    backup.report(backupId, { state: "stopped", haltReason: "divergence", divergence });
    const event = await firstEvent("vm.divergence.detected");
    expect(event.data).toEqual(divergence);
    const { status } = await control.vmThat("demo", ({ status }) => status.replicas.every(({ id }) => id !== backupId));
    expect(status.conditions.find(({ type }) => type === "Diverged")?.message).toContain("had the state hash bb, its primary aa");
    const { body } = await control.get<{ items: unknown[] }>("/v1/events?types=vm.divergence.detected&after=0");
    expect(body.items).toHaveLength(1);
  });

  test("that is synced shows no transfer, though its primary still tells of the last one", async () => {
    const { primary, primaryId, backupId } = await control.protectedVm("demo");
    const transfer = { backup: backupId, round: 3, stateBytes: 4096, sentBytes: 4096, remainingPages: 0, guestShare: 0, progress: 1 };
    primary.report(primaryId, { transfer, instant: "123456789012" });
    const { status } = await control.vmThat("demo", ({ status }) => status.instant === "123456789012");
    expect(status.replicas.map(({ transfer, joinProgress }) => [transfer, joinProgress])).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  test("before it was synced is replaced without a change of term by its loss", async () => {
    const one = control.workerNamed("one");
    const two = control.workerNamed("two");
    one.pairs = false;
    two.pairs = false;
    await control.createVm("demo");
    const vm = await control.vmThat("demo", ({ status }) => status.protection.state === "syncing");
    const holder = one.reports.size > 0 && [...one.reports.values()][0]?.role === "backup" ? one : two;
    const [candidate] = [...holder.reports.keys()] as [string];
    const primary = holder === one ? two : one;
    const [primaryId] = [...primary.reports.keys()] as [string];
    const transfer = { backup: candidate, round: 1, stateBytes: 4096, sentBytes: 100, remainingPages: 9, guestShare: 90, progress: 0.1 };
    primary.report(primaryId, { joining: candidate, transfer });
    expect((await firstEvent("vm.repair.progressed")).data).toEqual(transfer);
    // Hardly further, and a good deal.
    primary.report(primaryId, { transfer: { ...transfer, remainingPages: 8, progress: 0.2 } });
    primary.report(primaryId, { transfer: { ...transfer, remainingPages: 4, progress: 0.6 } });
    const joining = await control.vmThat("demo", ({ status }) => status.replicas.some(({ joinProgress }) => joinProgress === 0.6));
    expect(joining.status.replicas.find(({ id }) => id === candidate)?.transfer).toEqual({
      round: 1,
      stateBytes: 4096,
      sentBytes: 100,
      remainingPages: 4,
      guestShare: 90,
    });
    const progressed = async () =>
      (await control.get<{ items: { data: { progress: number } }[] }>("/v1/events?types=vm.repair.progressed")).body.items;
    // What the API shows at once, the loop has yet to write down.
    while ((await progressed()).length < 2) await control.parts.feed.next(1000);
    holder.report(candidate, { state: "stopped", haltReason: "join_aborted" });
    expect((await firstEvent("vm.repair.failed")).data).toEqual({ backup: candidate, reason: "join_aborted" });
    expect((await progressed()).map(({ data }) => data.progress)).toEqual([0.1, 0.6]);
    const fresh = await holder.order("createReplica", (order) => order.replicaId !== candidate && order.role === "backup");
    expect(fresh.vmId).toBe(vm.id);
    expect((await row(vm.id)).term).toBe(1n);
  });
});

describe("POST failover", () => {
  test("makes the backup take over and gives the failover as the operation's result", async () => {
    const { vm, backup, backupId } = await control.protectedVm("demo");
    const { status, body, headers } = await control.call<{ id: string; state: string; result: Failover }>(
      "POST",
      "/v1/vms/demo/failover?wait=30",
      {
        mode: "planned",
        expectedTerm: vm.status.term,
      },
    );
    expect([status, body.state]).toEqual([202, "succeeded"]);
    expect(headers.get("location")).toBe(`/v1/operations/${body.id}`);
    expect(body.result).toMatchObject({ mode: "planned", cause: "user_action", state: "completed", to: backupId, operationId: body.id });
    expect((await backup.order("promote")).handOver).toBe(true);
  });

  test("of mode forced tells the backup not to wait for the primary, which answers nothing", async () => {
    const { primary, backup, backupId } = await control.protectedVm("demo");
    primary.pause();
    const { body } = await control.call<{ result: Failover }>("POST", "/v1/vms/demo/failover?wait=30", {
      mode: "forced",
      targetReplica: backupId,
    });
    expect(body.result).toMatchObject({ mode: "forced", state: "completed", to: backupId });
    expect((await backup.order("promote")).handOver).toBe(false);
    primary.resume();
  });

  test("of mode test tells the primary to fail, and its record is that of the failure which follows", async () => {
    const { primary, primaryId, backupId } = await control.protectedVm("demo");
    const { body } = await control.call<{ result: Failover }>("POST", "/v1/vms/demo/failover?wait=30", { mode: "test" });
    expect((await primary.order("failPrimary")).replicaId).toBe(primaryId);
    const gapMs = { detect: 3, arbitrate: 2, promote: 1, total: 6 };
    expect(body.result).toMatchObject({ mode: "test", state: "completed", from: primaryId, to: backupId, gapMs });
    expect((await control.get<{ items: Failover[] }>("/v1/vms/demo/failovers")).body.items).toHaveLength(1);
    await primary.order("dropReplica");
    await control.waitFor("demo", "protected");
  });

  test("of mode test is the promotion of whichever backup takes over, and none may be named", async () => {
    await control.join("three");
    await control.call("POST", "/v1/vms", { name: "demo", spec: { image: "debian", protection: { backups: 2 } } });
    const vm = await control.vmThat("demo", ({ status }) => status.protection.syncedBackups === 2);
    const first = vm.status.replicas.find(({ role }) => role === "primary");
    const holder = control.workerNamed(first?.workerName as string);
    const backups = vm.status.replicas.filter(({ role }) => role === "backup");
    const named = { mode: "test", targetReplica: backups[0]?.id };
    const { status, body } = await control.call<Problem>("POST", "/v1/vms/demo/failover", named);
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, "validation_failed", "/targetReplica"]);
    holder.fails = false;
    const begun = await control.call<{ id: string }>("POST", "/v1/vms/demo/failover", { mode: "test" });
    await holder.order("failPrimary");
    // The one that the record does not name yet.
    const { rows } = await control.parts.database.query("SELECT to_replica AS named FROM failovers", []);
    const other = backups.find(({ id }) => id !== rows[0]?.named);
    const worker = control.workerNamed(other?.workerName as string);
    worker.report(other?.id as string, { term: String(vm.status.term) });
    expect((await worker.promote(other?.id as string)).outcome).toBe("granted");
    const { body: operation } = await control.get<{ state: string; result: Failover }>(`/v1/operations/${begun.body.id}?wait=30`);
    expect(operation).toMatchObject({ state: "succeeded", result: { mode: "test", to: other?.id } });
  });

  test("of mode test is refused where the primary's worker cannot be told", async () => {
    const { primary } = await control.protectedVm("demo");
    await control.kill(primary);
    const { status, body } = await control.call<Problem>("POST", "/v1/vms/demo/failover", { mode: "test" });
    expect([status, body.code]).toEqual([504, "worker_timeout"]);
  });

  for (const mode of ["planned", "test", "forced"]) {
    test(`of mode ${mode} needs a synced backup`, async () => {
      await control.createVm("solo", "none");
      await control.waitFor("solo", "running");
      const { status, body } = await control.call<{ code: string; currentState: string; allowedStates: string[] }>(
        "POST",
        "/v1/vms/solo/failover",
        { mode },
      );
      expect([status, body.code, body.currentState, body.allowedStates]).toEqual([409, "not_protected", "off", ["protected"]]);
    });
  }

  test("refuses another term than the caller expects", async () => {
    const { vm } = await control.protectedVm("demo");
    const { status, body } = await control.call<{ code: string; currentTerm: number }>("POST", "/v1/vms/demo/failover", {
      mode: "forced",
      expectedTerm: 1,
    });
    expect([status, body.code, body.currentTerm]).toEqual([409, "term_mismatch", vm.status.term]);
  });

  test("runs one at a time", async () => {
    const { primary } = await control.protectedVm("demo");
    primary.fails = false;
    const first = await control.call("POST", "/v1/vms/demo/failover", { mode: "test" });
    expect(first.status).toBe(202);
    const second = await control.call<{ code: string }>("POST", "/v1/vms/demo/failover", { mode: "test" });
    expect(second.status).toBe(409);
    expect(second.body.code).toBe("operation_in_progress");
  });

  test("fails its operation where the backup dies instead", async () => {
    const { vm, primary, backup, primaryId, backupId } = await control.protectedVm("demo");
    backup.pause();
    const { body } = await control.call<{ id: string }>("POST", "/v1/vms/demo/failover", { mode: "planned" });
    backup.kill();
    await primary.ask(vm.id, primaryId, { kind: "goSolo", term: String(vm.status.term), lost: backupId, reason: "connection_lost" });
    const { body: operation } = await control.get<{ state: string; error: { code: string } }>(`/v1/operations/${body.id}?wait=30`);
    expect([operation.state, operation.error.code]).toEqual(["failed", "not_protected"]);
  });
});

describe("a control plane that starts again", () => {
  test("does not disturb a running pair, and knows it again by the workers' hellos", async () => {
    const { vm, primary, backup, backupId } = await control.protectedVm("demo");
    const connection = control.connection;
    const orders = () =>
      [primary, backup].flatMap((worker) => worker.orders.filter((order) => order.type !== "welcome" && order.type !== "arbiterAnswer"));
    await control.stopButWorkers();
    const before = orders().length;
    const second = await ControlUnderTest.start({ connection, images: control.images });
    try {
      const first = await second.get<Vm>("/v1/vms/demo");
      expect(first.body.status).toMatchObject({ state: "running", term: vm.status.term, protection: { state: "protected" } });
      await primary.reconnect(second.internalUrl);
      await backup.reconnect(second.internalUrl);
      await second.vmThat("demo", ({ status }) => status.instant === "1000");
      expect(orders().length).toBe(before);
      primary.kill();
      expect((await backup.promote(backupId)).outcome).toBe("granted");
      await second.vmThat("demo", ({ status }) => status.term === vm.status.term + 1);
    } finally {
      await second.close();
    }
  });

  test("gives up what a worker held that comes back as another process", async () => {
    const one = await control.join("three");
    await control.createVm("demo", "none");
    const vm = await control.waitFor("demo", "running");
    const holder = control.workerOf(vm);
    holder.kill();
    const again = await control.join(holder.options.name);
    expect(again.incarnation).not.toBe(holder.incarnation);
    const failed = await control.vmThat("demo", ({ status }) => status.state === "failed");
    expect(failed.status.stateReason).toBe("all_replicas_lost");
    one.close();
  });
});

async function firstEvent(type: string): Promise<{ data: unknown }> {
  for (;;) {
    const news = control.parts.feed.next(1000);
    const { body } = await control.get<{ items: { data: unknown }[] }>(`/v1/events?types=${type}`);
    const [event] = body.items;
    if (event !== undefined) return event;
    await news;
  }
}
