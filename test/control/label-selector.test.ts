/** Lists by labels and by place, through HTTP with Postgres. */
import { beforeAll, expect, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start();
  return () => control.close();
});

async function names(path: string): Promise<(string | null)[]> {
  const { body, status } = await control.get<{ items: { name: string | null }[] }>(path);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.items.map(({ name }) => name);
}

test("VMs are listed by their labels and by where their replicas are, workers by their labels", async () => {
  await control.join("one");
  await control.call("PATCH", "/v1/workers/one", { labels: { rack: "a" } });
  const labels: Readonly<Record<string, Record<string, string>>> = {
    a: { env: "prod", tier: "web" },
    b: { env: "prod", tier: "db" },
    c: {},
  };
  for (const name of ["a", "b", "c"]) {
    const spec = { image: "debian", protection: { mode: "none" } };
    await control.call("POST", "/v1/vms", { name, labels: labels[name], spec });
    await control.waitFor(name, "running");
  }
  const select = (selector: string) => names(`/v1/vms?labelSelector=${encodeURIComponent(selector)}`);
  expect(await select("env=prod")).toEqual(["a", "b"]);
  expect(await select("env=prod,tier!=db")).toEqual(["a"]);
  expect(await select("tier!=db")).toEqual(["a", "c"]);
  expect(await select("tier")).toEqual(["a", "b"]);
  expect(await select("!env")).toEqual(["c"]);
  expect(await select("env=' OR true --")).toEqual([]);
  expect(await names("/v1/vms?worker=one&name=b")).toEqual(["b"]);
  expect(await names("/v1/vms?zone=nowhere")).toEqual([]);
  expect(await names("/v1/workers?labelSelector=rack%3Da")).toEqual(["one"]);
  expect(await names("/v1/workers?labelSelector=!rack")).toEqual([]);
  const wrong = await control.get<Problem>("/v1/vms?labelSelector=a%20in%20(b)");
  expect([wrong.status, wrong.body.code, wrong.body.errors?.[0]?.pointer]).toEqual([422, "validation_failed", "/query/labelSelector"]);
  const nobody = await control.get<Problem>("/v1/vms?worker=nobody");
  expect([nobody.status, nobody.body.code]).toEqual([404, "worker_not_found"]);
});
