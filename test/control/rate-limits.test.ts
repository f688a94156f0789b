/** Rate limits through HTTP: by token, by VM and verb, with the headers that say so. */
import { expect, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { CreatedToken } from "../../src/control/schemas/token.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { RateLimitedError, Understudy } from "../../src/sdk/index.ts";
import { type Answer, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

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
