/** What the API promises of its database, on each major version of Postgres that is here: the embedded one, and Debian's older one. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Database } from "../../src/control/db/database.ts";
import { migrate } from "../../src/control/db/migrate.ts";
import type { Event } from "../../src/control/schemas/event.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";
import { MIGRATIONS, POSTGRES_VERSIONS, TestPostgres } from "./support/database.ts";

interface Page {
  readonly items: readonly Vm[];
  readonly nextPageToken: string | null;
  readonly resourceVersion: string;
}

/** All of them on one version; on the other one the same way, shorter. */
const VMS_OF: Readonly<Record<number, number>> = { 18: 500 };
const VMS_ELSEWHERE = 120;
/** Made while the list is read. */
const MORE = 60;
const AT_ONCE = 8;

describe.each(POSTGRES_VERSIONS)("$name", (version) => {
  const vmCount = VMS_OF[version.major] ?? VMS_ELSEWHERE;
  let postgres: TestPostgres;
  let control: ControlUnderTest;

  beforeAll(async () => {
    postgres = await TestPostgres.start(version);
    control = await ControlUnderTest.start({ connection: await postgres.newDatabase(), raced: true });
  });
  afterAll(async () => {
    await control.close();
    await postgres.stop();
  });

  test("is what it is called", async () => {
    const { rows } = await control.parts.database.db.execute<{ server_version_num: string }>("SHOW server_version_num");
    expect(Math.floor(Number(rows[0]?.server_version_num) / 10_000)).toBe(version.major);
  });

  test("is migrated from nothing, once, by whoever comes first", async () => {
    const connection = await postgres.newDatabase(false);
    const databases = [1, 2, 3].map(() => new Database({ connection }));
    const results = await Promise.all(databases.map((database) => migrate(database, MIGRATIONS)));
    expect(results.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
    for (const database of databases) await database.close();
  });

  test("fifty calls at once with one idempotency key make one VM", async () => {
    const another = await ControlUnderTest.start({ connection: await postgres.newDatabase(), raced: true });
    const body = { name: "once", spec: { image: "debian" } };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => another.call<Vm & { code?: string }>("POST", "/v1/vms", body, { "idempotency-key": "same" })),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made.map((answer) => answer.body.id)).size).toBe(1);
    for (const { status, body: problem } of answers)
      if (status !== 201) expect([status, problem.code]).toEqual([409, "idempotency_in_progress"]);
    expect((await another.get<Page>("/v1/vms")).body.items).toHaveLength(1);
    await another.close();
  });

  test("one of two control planes leads, and the other one when it is gone", async () => {
    const connection = await postgres.newDatabase();
    const first = await ControlUnderTest.start({ connection });
    const second = await ControlUnderTest.start({ connection, images: first.images });
    expect([first.parts.presence.isLeader, second.parts.presence.isLeader].filter(Boolean)).toHaveLength(1);
    const [leader, follower] = first.parts.presence.isLeader ? [first, second] : [second, first];
    const elected = once(follower.parts.presence, "elected");
    await leader.stopButWorkers();
    await elected;
    expect(follower.parts.presence.isLeader).toBe(true);
    await second.close();
    await first.close();
  });

  test(`a list of ${vmCount} VMs has no hole and no repeat while others are made, and what is watched from it has the rest`, async () => {
    const create = async (name: string): Promise<string> => (await control.createVm(name, "none")).id;
    const made: string[] = [];
    const makeAll = async (names: string[]): Promise<void> => {
      const worker = async (): Promise<void> => {
        for (let name = names.pop(); name !== undefined; name = names.pop()) made.push(await create(name));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    };
    await makeAll(Array.from({ length: vmCount }, (_, index) => `before-${index}`));
    const before = [...made];
    expect(before).toHaveLength(vmCount);

    const making = makeAll(Array.from({ length: MORE }, (_, index) => `while-${index}`));
    const listed: string[] = [];
    let from = "";
    for (let token: string | null = ""; token !== null; ) {
      const { status, body }: { status: number; body: Page } = await control.get<Page>(
        `/v1/vms?pageSize=23${token === "" ? "" : `&pageToken=${token}`}`,
      );
      expect(status).toBe(200);
      if (from === "") from = body.resourceVersion;
      listed.push(...body.items.map(({ id }) => id));
      token = body.nextPageToken;
    }
    // One answer, in the middle of it all: what is in it, and what is told from there on, are everything, and nothing is in both.
    const whole = (await control.get<Page>("/v1/vms?pageSize=1000")).body;
    await making;

    expect(new Set(listed).size).toBe(listed.length);
    expect(before.filter((id) => !listed.includes(id))).toEqual([]);
    const toldFromPages = await createdAfter(from);
    expect(made.filter((id) => !listed.includes(id) && !toldFromPages.includes(id))).toEqual([]);
    const inWhole = whole.items.map(({ id }) => id);
    const told = await createdAfter(whole.resourceVersion);
    expect([...inWhole, ...told].sort()).toEqual([...made].sort());
  });

  /** VMs whose creation was told behind this event. */
  async function createdAfter(resourceVersion: string): Promise<string[]> {
    const told: string[] = [];
    for (let after = resourceVersion; ; ) {
      const { body } = await control.get<{ items: readonly Event[]; nextAfter: string }>(
        `/v1/events?types=vm.created&pageSize=50&after=${after}`,
      );
      told.push(...body.items.map(({ vmId }) => vmId as string));
      if (body.items.length === 0) return told;
      after = body.nextAfter;
    }
  }
});
