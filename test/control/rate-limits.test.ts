/** Rate limits through HTTP: by token, by VM and verb, with the headers that say so. */
import type { FastifyBaseLogger } from "fastify";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Database } from "../../src/control/db/database.ts";
import { type LimitName, rateLimitsOf } from "../../src/control/rate-limits.ts";
import { RateSharing } from "../../src/control/rate-sharing.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { CreatedToken } from "../../src/control/schemas/token.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { RateLimitedError, Understudy } from "../../src/sdk/index.ts";
import { type Answer, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { makeImageStore } from "./support/image-store.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

const controlPlane = (settings: Partial<ControlSettings>) => ControlUnderTest.ofTest({ settings });

/** An hour for each token: none comes back within a test. */
const SLOW = 1 / 3600;

const limits = ({ headers }: Answer<Problem>) => [headers.get("ratelimit-policy"), headers.get("ratelimit")];

test("a token's calls are counted, whatever they are for; another token has its own", async () => {
  const control = await controlPlane({ rateLimitBurst: 3, rateLimitPerSecond: SLOW });
  const { body: other } = await control.call<CreatedToken>("POST", "/v1/tokens", { name: "other", scopes: ["vms:read"] });
  const first = await control.get<Problem>("/v1/vms");
  expect([first.status, ...limits(first)]).toEqual([200, '"token";q=3;w=10800', '"token";r=1;t=7200']);
  expect((await control.get("/v1/vms/nobody")).status).toBe(404);
  const refused = await control.get<Problem>("/v1/workers");
  expect(refused.body).toMatchObject({ status: 429, code: "rate_limited", retryable: true, limit: "token" });
  expect(limits(refused)[1]).toBe('"token";r=0;t=10800');
  const retryAfter = Number(refused.headers.get("retry-after"));
  expect(retryAfter).toBeGreaterThan(3590);
  expect(retryAfter * 1000).toBeGreaterThanOrEqual(refused.body.retryAfterMs as number);
  const reader = await control.call<Problem>("GET", "/v1/vms", undefined, { authorization: `Bearer ${other.secret}` });
  expect([reader.status, limits(reader)[1]]).toEqual([200, '"token";r=2;t=3600']);
  // Whoever has no token uses up nobody's calls, and health is not counted.
  const stranger = await control.call<Problem>("GET", "/v1/vms", undefined, { authorization: "Bearer nobody" });
  expect([stranger.status, ...limits(stranger)]).toEqual([401, null, null]);
  expect((await control.get("/livez")).status).toBe(200);
});

test("a verb on a VM is counted for all tokens together; other verbs, other VMs and reading are not", async () => {
  const control = await controlPlane({ verbRateLimitBurst: 2, verbRateLimitPerSecond: SLOW });
  await control.createVm("a");
  await control.createVm("b");
  const label = (vm: string, value: string, headers = {}) =>
    control.call<Problem>("PATCH", `/v1/vms/${vm}`, { labels: { value } }, headers);
  const { body: other } = await control.call<CreatedToken>("POST", "/v1/tokens", { name: "other", scopes: ["vms:write"] });
  const first = await label("a", "1");
  expect([first.status, ...limits(first)]).toEqual([
    200,
    '"token";q=5000;w=10, "vm_verb";q=2;w=7200',
    expect.stringMatching(/^"token";r=\d+;t=1, "vm_verb";r=1;t=3600$/),
  ]);
  expect((await label("a", "2", { authorization: `Bearer ${other.secret}` })).status).toBe(200);
  const refused = await label("a", "3");
  expect(refused.body).toMatchObject({ status: 429, code: "rate_limited", limit: "vm_verb" });
  expect((await label("b", "1")).status).toBe(200);
  expect((await control.call("POST", "/v1/vms/a/kill")).status).toBe(202);
  for (let i = 0; i < 4; i++) expect((await control.get("/v1/vms/a")).status).toBe(200);
});

/** Resolves when the control plane has heard of so many calls at others under that limit, since this was called. */
function hears({ parts }: ControlUnderTest, limit: LimitName, calls: number): Promise<void> {
  return new Promise((resolve) => {
    let heard = 0;
    const hear = (told: readonly (readonly [LimitName, string, number])[]): void => {
      for (const [name, , count] of told) if (name === limit) heard += count;
      if (heard < calls) return;
      parts.rateSharing.off("heard", hear);
      resolve();
    };
    parts.rateSharing.on("heard", hear);
  });
}

describe("two control planes", () => {
  const settings = { rateLimitBurst: 40, rateLimitPerSecond: SLOW, verbRateLimitBurst: 4, verbRateLimitPerSecond: SLOW };

  async function two(): Promise<[ControlUnderTest, ControlUnderTest]> {
    const connection = await databaseOfTest();
    const images = await makeImageStore();
    const start = () => ControlUnderTest.ofTest({ connection, images, settings });
    return [await start(), await start()];
  }

  const authorization = ({ body }: Answer<CreatedToken>) => ({ authorization: `Bearer ${body.secret}` });
  const newToken = async (at: ControlUnderTest) =>
    authorization(await at.call<CreatedToken>("POST", "/v1/tokens", { name: "of-both", scopes: ["vms:read"] }));

  test("let a token's calls through as one does, whichever is asked, and count no call twice", async () => {
    const [first, second] = await two();
    const token = await newToken(first);
    const ask = (at: ControlUnderTest) => at.call<Problem>("GET", "/v1/vms", undefined, token);
    // One call in twenty of the burst, which is two, may not have been told.
    const heard = hears(second, "token", 29);
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(first)));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200));
    await heard;
    const told = hears(first, "token", 9);
    const next = await ask(second);
    expect(next.headers.get("ratelimit")).toMatch(/^"token";r=(9|10);/);
    let through = 1;
    for (let answer = await ask(second); answer.status === 200; answer = await ask(second)) through++;
    expect([10, 11]).toContain(through);
    expect((await ask(second)).body).toMatchObject({ code: "rate_limited", limit: "token" });
    await told;
    expect((await ask(first)).status === 200 && (await ask(first)).status === 200).toBe(false);
    // Another token has its own everywhere.
    const other = await newToken(second);
    expect((await second.call("GET", "/v1/vms", undefined, other)).headers.get("ratelimit")).toMatch(/r=39;/);
  });

  test("count a verb on a VM together, and go on together after their connections for that broke", async () => {
    const [first, second] = await two();
    const label = (at: ControlUnderTest, vm: string) => at.call<Problem>("PATCH", `/v1/vms/${vm}`, { labels: { a: "b" } });
    await first.createVm("a");
    await first.createVm("b");
    const heard = hears(second, "vm_verb", 3);
    for (let i = 0; i < 3; i++) expect((await label(first, "a")).status).toBe(200);
    await heard;
    expect((await label(second, "a")).status).toBe(200);
    expect((await label(second, "a")).body).toMatchObject({ code: "rate_limited", limit: "vm_verb" });
    expect((await label(second, "b")).status).toBe(200);

    const client = new pg.Client(first.connection);
    await client.connect();
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'understudy-event-feed' AND datname = current_database()",
    );
    await client.end();
    let again = false;
    void hears(second, "token", 1).then(() => (again = true));
    // What is said meanwhile is lost; each token's first two calls are said.
    while (!again) {
      const token = await newToken(first).catch(() => null);
      if (token === null) break;
      for (let i = 0; i < 3; i++) await first.call("GET", "/v1/vms", undefined, token);
      await first.parts.feed.next(50);
    }
    expect(again).toBe(true);
  });
});

describe("what is told to other control planes", () => {
  function sharing(query: (sql: string, values: readonly unknown[]) => Promise<unknown>) {
    const limits = rateLimitsOf({ rateLimitBurst: 40, rateLimitPerSecond: SLOW, verbRateLimitBurst: 20, verbRateLimitPerSecond: SLOW });
    let hear: (payload: string) => void = () => {};
    const said: Record<string, unknown>[] = [];
    const parts = {
      database: { query } as unknown as Pick<Database, "query">,
      feed: { hear: (_channel: string, listener: (payload: string) => void) => void (hear = listener) },
      instance: 7,
      limits,
      log: { debug: (fields: Record<string, unknown>) => void said.push(fields) } as unknown as Pick<FastifyBaseLogger, "debug">,
    };
    const made = new RateSharing(parts);
    onTestFinished(() => made.close());
    const take = (key: string): void => {
      limits.vm_verb.take(key, performance.now());
      made.took("vm_verb", key);
    };
    return { limits, made, take, said, hear: (payload: unknown) => hear(typeof payload === "string" ? payload : JSON.stringify(payload)) };
  }

  test("is kept where the database does not take it, and told with what came after", async () => {
    const payloads: string[] = [];
    let failing = true;
    let asked: () => void = () => {};
    const next = () => new Promise<void>((resolve) => (asked = resolve));
    const at = sharing((_sql, [, payload]) => {
      payloads.push(String(payload));
      setImmediate(() => asked());
      return failing ? Promise.reject(new Error("the database is away")) : Promise.resolve();
    });
    let telling = next();
    at.take("a");
    await telling;
    expect(at.said).toHaveLength(1);
    failing = false;
    telling = next();
    at.take("a");
    at.take("b");
    await telling;
    expect(payloads.map((payload) => JSON.parse(payload).told)).toEqual([
      [["vm_verb", "a", 1]],
      [
        ["vm_verb", "a", 2],
        ["vm_verb", "b", 1],
      ],
    ]);
    expect([at.limits.vm_verb.untold("a"), at.limits.vm_verb.untold("b")]).toEqual([0, 0]);
  });

  test("fits into notifications, however many keys there are", async () => {
    const payloads: string[] = [];
    const key = (n: number): string => `${n} ${"é".repeat(100)}`;
    await new Promise<void>((resolve) => {
      let told = 0;
      const at = sharing(async (_sql, [, payload]) => {
        payloads.push(String(payload));
        told += JSON.parse(String(payload)).told.length;
        if (told === 300) resolve();
      });
      for (let i = 0; i < 300; i++) at.take(key(i));
    });
    expect(payloads.length).toBeGreaterThan(5);
    for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThan(8000);
    const keys = payloads.flatMap((payload) => JSON.parse(payload).told.map(([, name]: readonly string[]) => name));
    expect(keys).toEqual(Array.from({ length: 300 }, (_, i) => key(i)));
  });

  test("counts for nothing where it is one's own, of another version, or nonsense", () => {
    const at = sharing(async () => {});
    at.hear({ from: 7, told: [["token", "a", 9]] });
    at.hear({ from: 8, told: [["of_a_later_version", "a", 9], ["token", "a", -1], ["token", "a", 1.5], ["token", 1, 1], null] });
    for (const nonsense of ["", "{", "null", "[]", { from: "8", told: [] }, { from: 8 }, { from: 8, told: "all" }]) at.hear(nonsense);
    expect(at.limits.token.take("a", performance.now()).remaining).toBe(39);
    at.hear({ from: 8, told: [["token", "a", 9]] });
    expect(at.limits.token.take("a", performance.now()).remaining).toBe(29);
  });
});

test("the SDK comes back when it was told to, and says rate_limited where it may not", async () => {
  const control = await controlPlane({ rateLimitBurst: 1, rateLimitPerSecond: 5 });
  const patient = new Understudy({ url: control.url, token: TOKEN, maxRetries: 20, backoff: { baseMs: 1, capMs: 2 } });
  await patient.version();
  expect(await patient.vms.list().all()).toEqual([]);
  const hasty = new Understudy({ url: control.url, token: TOKEN, maxRetries: 0 });
  const answers = await Promise.allSettled(Array.from({ length: 10 }, () => hasty.version()));
  const refusals = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : []));
  expect(refusals.length).toBeGreaterThan(0);
  for (const refusal of refusals) expect(refusal).toBeInstanceOf(RateLimitedError);
});

test("nothing that a person does comes near the limits that are set by default", async () => {
  const control = await controlPlane({});
  for (let i = 0; i < 50; i++) {
    const { status } = await control.call("PATCH", "/v1/vms/nobody", { labels: {} });
    expect(status).toBe(404);
  }
});
