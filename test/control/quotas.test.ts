/** Quotas: what is more than a project may have is refused, however many ask at once. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { QuotaExceededError, Understudy } from "../../src/sdk/index.ts";
import { runCli } from "../cli/captured-shell.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { smallImage } from "./support/image-archive.ts";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start({ raced: true, settings: { quotaVms: 3, quotaMemoryMiB: 1000 } });
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
    { resource: "images", limit: null, usage: 0 },
    { resource: "image_mib", limit: null, usage: 0 },
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
  expect(await sdk.quotas()).toMatchObject([{ usage: 2 }, { usage: 256 }, {}, {}]);
  expect((await create("again", 128)).status).toBe(201);
});

test("images and their size are counted, over uploads at once at two control planes, fetches and deletes", async () => {
  const settings = { quotaImages: 3, quotaImageMiB: 6, imageSourceNetworks: "any" } as const;
  const one = await ControlUnderTest.ofTest({ settings, raced: true });
  const two = await ControlUnderTest.ofTest({ settings, raced: true, connection: one.connection });
  const clients = [one, two].map(({ url }) => new Understudy({ url, token: TOKEN, maxRetries: 0 }));
  const [sdk] = clients as [Understudy];
  const image = async (name: string, mib = 0.5) => (await smallImage(name, { initramfs: new Uint8Array(mib * 1024 * 1024) })).archive;
  const tell = (work: Promise<unknown>) =>
    work.then(
      () => "taken",
      (error: { code: string }) => error.code,
    );

  const different = await Promise.all(["a", "b", "c", "d", "e", "f"].map((name) => image(name)));
  const told = await Promise.all(different.map((archive, i) => tell((clients[i % 2] as Understudy).images.upload(archive))));
  expect(told.sort()).toEqual([...Array(3).fill("quota_exceeded"), ...Array(3).fill("taken")]);
  const [kept, gone] = (await sdk.images.list().all()).filter(({ name }) => name.length === 1);
  expect(await sdk.quotas()).toMatchObject([{}, {}, { limit: 3, usage: 3 }, { limit: 6, usage: 3 }]);

  // What the project has is none more.
  expect(await tell(sdk.images.upload(different["abcdef".indexOf(kept?.name ?? "")] as Buffer<ArrayBuffer>))).toBe("taken");
  await sdk.images.delete(gone?.id ?? "");
  const same = await image("same", 3.5);
  expect(await tell(sdk.images.upload(await image("too-large", 4.5)))).toBe("quota_exceeded");
  expect(await Promise.all(clients.flatMap(({ images }) => [images.upload(same), images.upload(same)].map(tell)))).toEqual(
    Array(4).fill("taken"),
  );
  const stored = () => one.parts.database.query("SELECT digest, n FROM image_chunks ORDER BY digest, n", []).then(({ rows }) => rows);
  const before = await stored();
  expect(await tell(sdk.images.upload(await image("one-more")))).toBe("quota_exceeded");
  expect(await stored()).toEqual(before);

  const more = await image("by-reference");
  const server = createServer((_asked, answer) => answer.end(more)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const source = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    digest: `sha256:${createHash("sha256").update(more).digest("hex")}`,
  };
  const error = await sdk.images.fetch(source).catch((refused: unknown) => refused);
  expect(error).toBeInstanceOf(QuotaExceededError);
  expect((error as QuotaExceededError).problem).toMatchObject({ status: 429, resource: "images", limit: 3, usage: 3, retryable: false });
  await sdk.images.delete(kept?.id ?? "");
  expect((await sdk.images.fetch(source)).name).toBe("by-reference");
  const shown = await runCli(["quota", "ls"], { UNDERSTUDY_API_URL: one.url, UNDERSTUDY_TOKEN: TOKEN });
  expect(shown.stdout).toMatch(/^images +3 +3$/m);
  expect(shown.stdout).toMatch(/^image_mib +6 +6$/m);
});
