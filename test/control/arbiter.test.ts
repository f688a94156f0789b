/** Requests that come at once are decided together, and none of them depends on another. */
import { sql } from "drizzle-orm";
import { beforeEach, expect, test } from "vitest";
import type { TermChangeContext } from "../../src/control/db/queries/change-term.ts";
import { readVmRow } from "../../src/control/db/queries/read-vm.ts";
import type { TermChange } from "../../src/control/domain/term-change.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";

let control: ControlUnderTest;

beforeEach(async () => {
  control = await ControlUnderTest.ofTest({ workers: ["one", "two"] });
});

const CONTEXT: Omit<TermChangeContext, "workerId"> = {
  cause: "worker_lost",
  isReachable: () => true,
  isGone: () => false,
  traceLoss: () => null,
};

type ProtectedVm = Awaited<ReturnType<ControlUnderTest["protectedVm"]>>;

async function protectedVms(count: number): Promise<readonly ProtectedVm[]> {
  const vms: ProtectedVm[] = [];
  for (let index = 0; index < count; index++) vms.push(await control.protectedVm(`vm-${index}`));
  // A row that the loop has locked when it is asked about is decided by itself.
  await control.parts.reconciler.stop();
  return vms;
}

function promotion({ vm, backupId }: ProtectedVm): TermChange {
  return { kind: "promote", keeps: () => true, vmId: vm.id, asker: backupId, term: BigInt(vm.status.term) };
}

function decide(vm: ProtectedVm, context: Partial<TermChangeContext> = {}): Promise<string> {
  const { workerId } = vm.backup;
  return control.parts.arbiter.decide(promotion(vm), { ...CONTEXT, workerId, ...context }).then(({ outcome }) => outcome);
}

test("heirs that ask while it decides on the first one are promoted in one transaction, each with its failover and its events", async () => {
  const vms = await protectedVms(5);
  expect(await Promise.all(vms.map((vm) => decide(vm)))).toEqual(Array(5).fill("granted"));
  const { database } = control.parts;
  for (const { vm, backupId, primaryId } of vms) {
    expect(await readVmRow(database.db, vm.id)).toMatchObject({
      term: BigInt(vm.status.term) + 1n,
      primaryReplica: backupId,
      synced: [],
      protectionState: "failing_over",
      protectionReason: "worker_lost",
    });
    const { rows } = await database.query(
      "SELECT data ->> 'from' AS former, data ->> 'to' AS heir FROM events WHERE type = 'vm.failover.started' AND vm_id = $1",
      [vm.id],
    );
    expect(rows).toEqual([{ former: primaryId, heir: backupId }]);
  }
  // The time of a transaction is that of its beginning.
  const { rows } = await database.query<{ failovers: string }>(
    "SELECT count(*) AS failovers FROM failovers GROUP BY granted_at ORDER BY 1",
    [],
  );
  expect(rows.map(({ failovers }) => Number(failovers))).toEqual([1, 4]);
});

test("one whose row is locked is decided when it is free, and the others before that", async () => {
  const [stuck, ...others] = await protectedVms(3);
  if (stuck === undefined) throw new Error("there are three");
  let answer: Promise<string> | undefined;
  await control.parts.database.transaction(async (tx) => {
    await tx.db.execute(sql`SELECT FROM vms WHERE id = ${stuck.vm.id} FOR UPDATE`);
    answer = decide(stuck);
    expect(await Promise.all(others.map((vm) => decide(vm)))).toEqual(["granted", "granted"]);
    expect((await readVmRow(control.parts.database.db, stuck.vm.id)).term).toBe(BigInt(stuck.vm.status.term));
  });
  expect(await answer).toBe("granted");
});

test("one that cannot be decided fails alone, and leaves nothing behind", async () => {
  const [first, broken, last] = await protectedVms(3);
  if (first === undefined || broken === undefined || last === undefined) throw new Error("there are three");
  const isGone = (): boolean => {
    throw new Error("nobody knows");
  };
  const answers = await Promise.allSettled([decide(first), decide(broken, { isGone }), decide(last)]);
  expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await readVmRow(control.parts.database.db, broken.vm.id)).toMatchObject({
    term: BigInt(broken.vm.status.term),
    primaryReplica: broken.primaryId,
  });
  expect((await readVmRow(control.parts.database.db, last.vm.id)).primaryReplica).toBe(last.backupId);
});

test("two requests about one VM are decided one after the other: the second is granted what the first has made", async () => {
  const [vm] = await protectedVms(1);
  if (vm === undefined) throw new Error("there is one");
  const { workerId } = vm.backup;
  const answers = await Promise.all([1, 2, 3].map(() => control.parts.arbiter.decide(promotion(vm), { ...CONTEXT, workerId })));
  expect(answers.map(({ outcome, changed }) => [outcome, changed])).toEqual([
    ["granted", true],
    ["granted", false],
    ["granted", false],
  ]);
});

test("primaries that lose their backups at the same moment go on in one transaction, each with the reason", async () => {
  const vms = await protectedVms(4);
  for (const { primary } of vms) primary.pairs = false;
  const answers = await Promise.all(
    vms.map(({ vm, primary, primaryId, backupId }) =>
      control.parts.arbiter.decide(
        { kind: "goSolo", vmId: vm.id, asker: primaryId, term: BigInt(vm.status.term), lost: backupId, reason: "lag_exceeded" },
        { ...CONTEXT, workerId: primary.workerId },
      ),
    ),
  );
  expect(answers.map(({ outcome, synced }) => [outcome, synced])).toEqual(Array(4).fill(["granted", []]));
  const { database } = control.parts;
  for (const { vm, backupId, primaryId } of vms) {
    const row = await readVmRow(database.db, vm.id);
    expect(row).toMatchObject({ term: BigInt(vm.status.term) + 1n, primaryReplica: primaryId, synced: [], transitionReplica: backupId });
    expect([row.protectionState, row.protectionReason]).toEqual(["unprotected", "lag_exceeded"]);
    const { rows } = await database.query<{ state: string; state_reason: string }>(
      "SELECT state, state_reason FROM replicas WHERE id = $1",
      [backupId],
    );
    expect(rows).toEqual([{ state: "lost", state_reason: "lag_exceeded" }]);
  }
  const { rows } = await database.query<{ vms: string }>(
    "SELECT count(*) AS vms FROM vms WHERE protection_reason = 'lag_exceeded' GROUP BY protection_since ORDER BY 1",
    [],
  );
  expect(rows.map((row) => Number(row.vms))).toEqual([1, 3]);
});

test("a worker that asks for another's replica is refused, and nothing is written of it", async () => {
  const [vm] = await protectedVms(1);
  if (vm === undefined) throw new Error("there is one");
  const { workerId } = vm.primary;
  expect(await control.parts.arbiter.decide(promotion(vm), { ...CONTEXT, workerId })).toMatchObject({ outcome: "refused", changed: false });
  const { database } = control.parts;
  expect(await readVmRow(database.db, vm.vm.id)).toMatchObject({ term: BigInt(vm.vm.status.term), primaryReplica: vm.primaryId });
  const { rows } = await database.query<{ state: string }>("SELECT state FROM replicas WHERE id = $1", [vm.backupId]);
  expect(rows).toEqual([{ state: "live" }]);
  expect(await decide(vm)).toBe("granted");
});
