/** Postgres decides who is primary; while it is away nothing is decided, and nothing that runs is disturbed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EmbeddedPostgres } from "../../src/control/db/embedded-postgres.ts";
import { ArbiterUnavailableError } from "../../src/sdk/index.ts";
import { Installation } from "../support/installation.ts";
import { prepareData } from "../support/postgres-data.ts";

let folder: string;
let postgres: EmbeddedPostgres;
let at: Installation;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-postgres-"));
  await prepareData(folder);
  postgres = await EmbeddedPostgres.start({ directory: folder, durable: false });
  const { host, port, user, database } = postgres.connection;
  at = await Installation.start({
    env: { DATABASE_URL: `postgres://${user}@localhost/${database}?host=${encodeURIComponent(String(host))}&port=${port}` },
  });
});
afterAll(async () => {
  await at?.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("with Postgres stopped the pair goes on, a failover waits and says arbiter_unavailable, and happens when Postgres is back", async () => {
  const guest = await at.boot();
  await guest.protectedNow();
  await guest.beginStory(40);
  const { term } = guest.vm.status;
  const primary = await guest.workerOf("primary");
  const backup = await guest.workerOf("backup");
  await postgres.stop();

  // The pair does not need the database: fifty lines, and what we type is acknowledged.
  await guest.expectGuestLines(50);
  const acknowledged = guest.console.acknowledged;
  await guest.expect(new RegExp(`heard client ${acknowledged + 10}\r\n`), 0);
  await expect(at.client.vms.get(guest.vm.id)).rejects.toBeInstanceOf(ArbiterUnavailableError);

  process.kill(primary.pid, "SIGKILL");
  // It waits: it asks, and asks again.
  const refusals = async () => (await at.log("control-plane")).split("the replica will ask again").length - 1;
  await expect.poll(refusals, { timeout: 240_000 }).toBeGreaterThanOrEqual(3);
  expect(await at.log(backup.name)).toContain('"arbiterUnavailable":true');
  const undecided = guest.console.offset;

  postgres = await EmbeddedPostgres.start({ directory: folder, durable: false });
  await guest.expectGuestLines(20);
  await guest.protectedAfter(term);
  // Nobody went on before somebody could decide: what came until then is what the backup had taken over.
  const [failover] = await guest.vm.failovers().all();
  expect(failover).toMatchObject({ state: "completed", to: backup.replicaId });
  expect(undecided).toBeLessThanOrEqual(BigInt(failover?.consoleEnd as string));
  expect((await guest.endStory()).problems).toEqual([]);
  guest.console.close();
});
