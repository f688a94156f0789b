/** Idempotency keys: many calls are one, at once, over two control planes, and over the death of the one that did the work. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { Operation } from "../../src/control/schemas/operation.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { makeImageStore } from "./support/image-store.ts";
import { killedAfterCommit } from "./support/killed-after-commit.ts";
import { PostgresProxy } from "./support/postgres-proxy.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

async function controlPlanes(count: number): Promise<ControlUnderTest[]> {
  const connection = await databaseOfTest();
  const images = await makeImageStore();
  const started: ControlUnderTest[] = [];
  for (let i = 0; i < count; i++) started.push(await ControlUnderTest.ofTest({ connection, images, raced: true }));
  return started;
}

const REQUEST = { name: "once", labels: { a: "1", b: "2" }, spec: { image: "debian" } };

describe("fifty clients that create with the same key at once", () => {
  test("on two control planes make one VM, and all of them get it", async () => {
    const [first, second] = (await controlPlanes(2)) as [ControlUnderTest, ControlUnderTest];
    const clients = [first, second].map(
      ({ url }) => new Understudy({ url, token: TOKEN, maxRetries: 60, backoff: { baseMs: 5, capMs: 200 } }),
    );
    const made = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const { name, labels, spec } = REQUEST;
        // The same request, however its fields are ordered.
        const options = i % 2 === 0 ? { name, labels, ...spec } : { ...spec, labels: { b: "2", a: "1" }, name };
        return (clients[i % 2] as Understudy).vms.create(options, { idempotencyKey: "the-one" });
      }),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(await (clients[0] as Understudy).vms.list().all()).toHaveLength(1);
    const { body } = await first.get<{ items: unknown[] }>("/v1/events?types=vm.created");
    expect(body.items).toHaveLength(1);
  });
});

describe("a key", () => {
  test("is of one principal and one route, and of one body", async () => {
    const [control] = (await controlPlanes(1)) as [ControlUnderTest];
    const key = { "idempotency-key": '"k"' };
    const first = await control.call<Vm>("POST", "/v1/vms", REQUEST, key);
    const other = await control.call<Problem>("POST", "/v1/vms", { ...REQUEST, name: "other" }, key);
    expect([other.status, other.body.code]).toEqual([422, "idempotency_key_reused"]);
    // Quoted or bare, it is the same key.
    const again = await control.call<Vm>("POST", "/v1/vms", REQUEST, { "idempotency-key": "k" });
    expect([again.status, again.body.id, again.headers.get("idempotency-replayed")]).toEqual([201, first.body.id, "true"]);
    const killed = await control.call<Operation>("POST", `/v1/vms/${first.body.id}/kill`, undefined, key);
    expect([killed.status, killed.headers.get("idempotency-replayed")]).toEqual([202, null]);
  });

  test("of a call that was refused is free for the next one", async () => {
    const [control] = (await controlPlanes(1)) as [ControlUnderTest];
    const key = { "idempotency-key": "k" };
    const refused = await control.call<Problem>("POST", "/v1/vms", { spec: { image: "nothing" } }, key);
    expect(refused.status).toBe(404);
    const made = await control.call<Vm>("POST", "/v1/vms", REQUEST, key);
    expect([made.status, made.headers.get("idempotency-replayed")]).toEqual([201, null]);
  });

  test("gives the first answer again where the image has lost its name meanwhile", async () => {
    const [control] = (await controlPlanes(1)) as [ControlUnderTest];
    const { body: image } = await control.get<{ id: string }>("/v1/images/debian");
    const { headers } = await control.call("PUT", "/v1/image-aliases/soon-gone", { image: image.id });
    const body = { name: "kept", spec: { image: "soon-gone", protection: { mode: "none" } } };
    const first = await control.call<Vm>("POST", "/v1/vms", body, { "idempotency-key": "k" });
    expect(first.status).toBe(201);
    const { status } = await control.call("DELETE", "/v1/image-aliases/soon-gone", undefined, { "if-match": headers.get("etag") ?? "" });
    expect(status).toBe(200);
    const second = await control.call<Vm>("POST", "/v1/vms", body, { "idempotency-key": "k" });
    expect([second.status, second.headers.get("idempotency-replayed"), second.body]).toEqual([201, "true", first.body]);
    const { body: other } = await control.call<{ code: string }>("POST", "/v1/vms", { ...body, name: "b" }, { "idempotency-key": "k" });
    expect(other.code).toBe("idempotency_key_reused");
  });

  test("of a verb gives the first operation again where the VM is deleted meanwhile", async () => {
    const [control] = (await controlPlanes(1)) as [ControlUnderTest];
    await control.join("one");
    const vm = await control.createVm("short", "none");
    await control.waitFor("short", "running");
    const stop = (headers = {}) =>
      control.call<Operation & Problem>("POST", `/v1/vms/${vm.id}/stop`, { graceMs: 0 }, { "idempotency-key": "s", ...headers });
    const first = await stop();
    expect(first.status).toBe(202);
    await control.call("DELETE", `/v1/vms/${vm.id}?wait=30`);
    await control.waitFor(vm.id, "deleted");
    const again = await stop();
    expect([again.status, again.headers.get("idempotency-replayed"), again.body.id]).toEqual([202, "true", first.body.id]);
    const refused = await stop({ "idempotency-key": "another" });
    expect([refused.status, refused.body.code]).toEqual([410, "vm_deleted"]);
    const failover = await control.call<Problem>("POST", `/v1/vms/${vm.id}/failover`, { mode: "planned" });
    expect([failover.status, failover.body.code]).toEqual([410, "vm_deleted"]);
  });

  test("gives the first answer again, byte for byte", async () => {
    const [control] = (await controlPlanes(1)) as [ControlUnderTest];
    const call = () =>
      fetch(`${control.url}/v1/vms`, {
        method: "POST",
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", "idempotency-key": "k" },
        body: JSON.stringify(REQUEST),
      }).then((answer) => answer.text());
    expect(await call()).toBe(await call());
  });

  test("is taken by every POST of the contract", async () => {
    const [control] = (await controlPlanes(1)) as [ControlUnderTest];
    const { body: document } = await control.get<{ paths: Record<string, { post?: { parameters?: { name: string }[] } }> }>(
      "/openapi.json",
    );
    const posts = Object.entries(document.paths).filter(([, { post }]) => post !== undefined);
    expect(posts.length).toBeGreaterThan(10);
    const without = posts.filter(([, { post }]) => !post?.parameters?.some(({ name }) => name === "idempotency-key"));
    expect(without.map(([path]) => path)).toEqual([]);
  });
});

describe("a control plane that is killed between the work and the answer", () => {
  test("has made the VM: a retry at the next one gives the same VM", async () => {
    const { connection, start } = await killedAfterCommit(REQUEST);
    const way = await PostgresProxy.start(connection);
    onTestFinished(() => way.close());
    const second = await start(way.url);
    const made = await second.list();
    expect(made.map(({ name }) => name)).toEqual(["once"]);
    const retried = await second.create();
    expect([retried.status, retried.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
    expect(((await retried.json()) as Vm).id).toBe(made[0]?.id);
    expect(await second.list()).toHaveLength(1);
  });
});
