/** The pool of connections: what waits in it, and for what. */
import { type SQL, sql } from "drizzle-orm";
import { expect, onTestFinished, test } from "vitest";
import { Arbiter } from "../../src/control/arbiter.ts";
import { Database } from "../../src/control/db/database.ts";
import { type EventDraft, USER_ACTION } from "../../src/control/domain/events.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

/** @param poolSize connections for all but the arbiter */
async function openDatabase(poolSize: number): Promise<Database> {
  const database = new Database({ connection: await databaseOfTest(), poolSize, connectTimeoutMs: 5000, queryTimeoutMs: 60_000 });
  onTestFinished(() => database.close());
  return database;
}

test("who waits for a connection that others use is served in turn, and not told that the database is away", async () => {
  const database = await openDatabase(1);
  const served: number[] = [];
  // Each waits for all before it: the last one longer than a connection may take to be made.
  const all = [1, 2, 3, 4].map((turn) =>
    database.transaction(async ({ db }) => {
      await db.execute(sql`SELECT pg_sleep(2)`);
      served.push(turn);
    }),
  );
  await Promise.all(all);
  expect(served).toEqual([1, 2, 3, 4]);
});

test("the arbiter decides while calls have every connection and more of them wait", async () => {
  const database = await openDatabase(1);
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const ended: string[] = [];
  const calls = ["holds", "waits", "waits as well"].map((name) => database.transaction(() => held).then(() => ended.push(name)));
  const arbiter = new Arbiter(database);
  const decide = async (term: bigint): Promise<string> => {
    const change = { kind: "promote", keeps: () => true, vmId: "vm_of_nobody", asker: "rep_of_nobody", term } as const;
    return (
      await arbiter.decide(change, {
        workerId: "wrk_of_nobody",
        cause: "worker_lost",
        isReachable: () => true,
        isGone: () => false,
        traceLoss: () => null,
      })
    ).outcome;
  };
  expect(await Promise.all([1n, 2n, 3n, 4n, 5n, 6n].map(decide))).toEqual(Array(6).fill("refused"));
  expect(ended).toEqual([]);
  release();
  await Promise.all(calls);
  expect(ended).toEqual(["holds", "waits", "waits as well"]);
});

test("whoever writes events of a VM waits for its row before it takes the next number, so two that do never wait for each other", async () => {
  const database = await openDatabase(4);
  const vmId = await anyVm(database);
  const draft = (type: EventDraft["type"]): EventDraft => ({ type, vmId, cause: USER_ACTION });
  let second: Promise<void> | undefined;
  await database.transaction(async (tx) => {
    await tx.db.execute(sql`SELECT 1 FROM vms WHERE id = ${vmId} FOR UPDATE`);
    second = database.transaction(({ emit }) => Promise.resolve(emit(draft("vm.deleted"))));
    await oneWaitsForALock(database);
    tx.emit(draft("vm.spec.changed"));
  });
  await second;
  const { rows } = await database.query<{ type: string }>("SELECT type FROM events WHERE vm_id = $1 ORDER BY seq", [vmId]);
  expect(rows.map(({ type }) => type)).toEqual(["vm.spec.changed", "vm.deleted"]);
});

test("two that lock the same rows in opposite order both succeed, with the events of each once", async () => {
  const database = await openDatabase(4);
  const vmId = await anyVm(database);
  const lockVm = sql`SELECT 1 FROM vms WHERE id = ${vmId} FOR UPDATE`;
  const lockImage = sql`SELECT 1 FROM images WHERE id = 'img_1' FOR UPDATE`;
  let runs = 0;
  let bothHoldOne = (): void => {};
  const meeting = new Promise<void>((resolve) => {
    bothHoldOne = resolve;
  });
  const inOrder = (type: EventDraft["type"], first: SQL, then: SQL) =>
    database.transaction(async ({ db, emit }) => {
      emit({ type, vmId, cause: USER_ACTION });
      await db.execute(first);
      if (++runs === 2) bothHoldOne();
      await meeting;
      await db.execute(then);
    });
  await Promise.all([inOrder("vm.deleted", lockVm, lockImage), inOrder("vm.spec.changed", lockImage, lockVm)]);
  const { rows } = await database.query<{ type: string }>("SELECT type FROM events ORDER BY type", []);
  expect(rows.map(({ type }) => type)).toEqual(["vm.deleted", "vm.spec.changed"]);
  // One of them is undone and runs again; the server may undo it twice where the other is slow.
  expect(runs).toBeGreaterThanOrEqual(3);
});

/** A row that is complete as far as Postgres demands it. */
async function anyVm(database: Database): Promise<string> {
  await database.query("INSERT INTO images (id, name, digest, manifest, created_at) VALUES ('img_1', 'any', 'sha256:1', '{}', now())", []);
  await database.query(
    "INSERT INTO vms (id, project, labels, image_id, spec, protection_state) VALUES ('vm_1', 'default', '{}', 'img_1', '{}', 'unprotected')",
    [],
  );
  return "vm_1";
}

async function oneWaitsForALock(database: Database): Promise<void> {
  for (;;) {
    const { rowCount } = await database.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      [],
    );
    if (rowCount === 1) return;
  }
}
