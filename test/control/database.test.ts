/** The pool of connections: what waits in it, and for what. */
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Database } from "../../src/control/db/database.ts";
import { changeTerm } from "../../src/control/db/queries/change-term.ts";
import { TestPostgres } from "./support/database.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.start();
});
afterAll(() => postgres.stop());

test("who waits for a connection that others use is served in turn, and not told that the database is away", async () => {
  const database = new Database({ connection: await postgres.newDatabase(), poolSize: 1, connectTimeoutMs: 5000, queryTimeoutMs: 60_000 });
  try {
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
  } finally {
    await database.close();
  }
});

test("the arbiter decides while calls have every connection and more of them wait", async () => {
  const database = new Database({ connection: await postgres.newDatabase(), poolSize: 1, connectTimeoutMs: 5000, queryTimeoutMs: 60_000 });
  try {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const ended: string[] = [];
    const calls = ["holds", "waits", "waits as well"].map((name) => database.transaction(() => held).then(() => ended.push(name)));
    const decide = async (term: bigint): Promise<string> => {
      const change = { kind: "promote", vmId: "vm_of_nobody", asker: "rep_of_nobody", term } as const;
      return (await changeTerm(database, change, { cause: "worker_lost", isReachable: () => true })).outcome;
    };
    expect(await Promise.all([1n, 2n, 3n, 4n, 5n, 6n].map(decide))).toEqual(Array(6).fill("refused"));
    expect(ended).toEqual([]);
    release();
    await Promise.all(calls);
    expect(ended).toEqual(["holds", "waits", "waits as well"]);
  } finally {
    await database.close();
  }
});
