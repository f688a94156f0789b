/** Quotas: what is more than a project may have is refused, however many ask at once. */
import { beforeAll, expect, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { QuotaExceededError, Understudy } from "../../src/sdk/index.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start({ settings: { quotaVms: 3, quotaMemoryMiB: 1000 } });
  return () => control.close();
});

const create = (name: string, memoryMiB: number, query = "") =>
  control.call<Vm & Problem>("POST", `/v1/vms${query}`, {
    name,
    spec: { image: "debian", machine: { memoryMiB }, protection: { backups: 2 } },
  });

test("VMs and memory are counted, over creates at once, patches and deletes", async () => {
  const sdk = new Understudy({ url: control.url, token: TOKEN, maxRetries: 0 });
  expect(await sdk.quotas()).toEqual([
    { resource: "vms", limit: 3, usage: 0 },
    { resource: "memory_mib", limit: 1000, usage: 0 },
  ]);
  const tooLarge = await create("large", 1001);
  expect(tooLarge.body).toMatchObject({
    status: 429,
    code: "quota_exceeded",
    resource: "memory_mib",
    limit: 1000,
    usage: 0,
    retryable: false,
  });
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => create(`vm-${i}`, 128)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 429, 429, 429, 429, 429]);
  expect((await create("dry", 128, "?dryRun=true")).body).toMatchObject({ code: "quota_exceeded", resource: "vms", limit: 3, usage: 3 });
  await expect(sdk.vms.create({ image: "debian" })).rejects.toBeInstanceOf(QuotaExceededError);

  const { body: vm } = answers.find(({ status }) => status === 201) ?? { body: null };
  await control.call("POST", `/v1/vms/${vm?.id}/kill`);
  await control.waitFor(vm?.id ?? "", "stopped");
  const patch = (memoryMiB: number) => control.call<Problem>("PATCH", `/v1/vms/${vm?.id}`, { spec: { machine: { memoryMiB } } });
  expect((await patch(745)).body).toMatchObject({ code: "quota_exceeded", usage: 384 });
  expect((await patch(744)).status).toBe(200);
  expect((await patch(200)).status).toBe(200);
  await control.call("DELETE", `/v1/vms/${vm?.id}`);
  await control.waitFor(vm?.id ?? "", "deleted");
  expect(await sdk.quotas()).toMatchObject([{ usage: 2 }, { usage: 256 }]);
  expect((await create("again", 128)).status).toBe(201);
});
