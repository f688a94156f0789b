/** Images by name, alias and id: what is used is not deleted, what was deleted is not used, and an alias is moved by who saw it. */
import { access } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import type { Image, ImageAlias } from "../../src/control/schemas/image.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { sealManifest } from "../../src/images/manifest.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { runCli } from "../cli/captured-shell.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start({ raced: true });
  return () => control.close();
});

interface Refusal {
  readonly code: string;
}

/** An image with a kernel of its own, and the initramfs that the others have. */
async function store(name: string, createdAt = new Date().toISOString()): Promise<{ id: string; kernel: string; initramfs: string }> {
  const kernel = await control.images.putBlob([Buffer.from(`the kernel of ${name}`)]);
  const initramfs = await control.images.putBlob([Buffer.from("the initramfs's bytes")]);
  const source = { package: null, version: null, suite: null, description: "made by a test" };
  const cmdline = "console=ttyS0";
  const content = { name, kernel, initramfs, cmdline, minMemoryMiB: 96, createdAt, source, kernelRelease: "6.12.0" };
  await control.images.putManifest(sealManifest(content));
  const { body } = await control.get<Image>(`/v1/images/${name}`);
  return { id: body.id, kernel: kernel.digest, initramfs: initramfs.digest };
}

const put = (name: string, image: string, headers: Record<string, string> = {}) =>
  control.call<ImageAlias & Refusal>("PUT", `/v1/image-aliases/${name}`, { image }, headers);

const isThere = (digest: string) =>
  access(control.images.blobPath(digest)).then(
    () => true,
    () => false,
  );

describe("an image", () => {
  test("that a VM is made from stays, and goes after it, with the files that are its alone", async () => {
    const { id, kernel, initramfs } = await store("used");
    const made = (await control.call<Vm>("POST", "/v1/vms", { name: "user", spec: { image: "used" } })).body;
    const refused = await control.call<Refusal & { vms: string[] }>("DELETE", "/v1/images/used");
    expect([refused.status, refused.body.code, refused.body.vms]).toEqual([409, "image_in_use", [made.id]]);
    await control.call("DELETE", "/v1/vms/user?wait=30");
    expect((await control.call<Image>("DELETE", `/v1/images/${id}`)).body).toMatchObject({ id, name: "used" });
    expect(await Promise.all([isThere(kernel), isThere(initramfs)])).toEqual([false, true]);
    for (const reference of ["used", id]) {
      const gone = await control.get<Refusal>(`/v1/images/${reference}`);
      expect([gone.status, gone.body.code]).toEqual([404, "image_not_found"]);
      const create = await control.call<Refusal>("POST", "/v1/vms", { spec: { image: reference } });
      expect([create.status, create.body.code]).toEqual([404, "image_not_found"]);
    }
    const { body } = await control.get<{ items: { data: { imageId: string } }[] }>("/v1/events?types=image.deleted&after=0");
    expect(body.items.map(({ data }) => data.imageId)).toEqual([id]);
  });

  test("that comes into the store again is there again", async () => {
    const { id } = await store("again");
    await control.call("DELETE", "/v1/images/again");
    expect((await control.get("/v1/images/again")).status).toBe(404);
    const back = await store("again", new Date(Date.now() + 1000).toISOString());
    expect(back.id).toBe(id);
    expect((await control.call<Vm>("POST", "/v1/vms", { spec: { image: "again" } })).status).toBe(201);
  });
});

describe("an alias", () => {
  test("is made freely, moved only by who saw where it was, and pins what VMs are made from", async () => {
    const [first, second] = [await store("first"), await store("second")];
    const made = await put("stable", "first");
    expect([made.status, made.body.imageId, made.headers.get("etag")]).toEqual([200, first.id, '"v1"']);
    const blind = await put("stable", "second");
    expect([blind.status, blind.body.code]).toEqual([428, "if_match_required"]);
    const late = await put("stable", "second", { "if-match": '"v7"' });
    expect([late.status, late.body.code]).toEqual([412, "etag_mismatch"]);
    const old = (await control.call<Vm>("POST", "/v1/vms", { name: "of-stable", spec: { image: "stable" } })).body;
    expect(old.spec.image).toMatch(/^first@sha256:/);
    const moved = await put("stable", "second", { "if-match": '"v1"' });
    expect([moved.body.imageId, moved.headers.get("etag")]).toEqual([second.id, '"v2"']);
    expect((await control.get<Vm>("/v1/vms/of-stable")).body.spec.image).toBe(old.spec.image);
    expect((await control.get<Image>("/v1/images/stable")).body).toMatchObject({ id: second.id, aliases: ["stable"] });
    const inUse = await control.call<Refusal & { aliases: string[] }>("DELETE", "/v1/images/second");
    expect([inUse.body.code, inUse.body.aliases]).toEqual(["image_in_use", ["stable"]]);
    expect((await control.get<Refusal>("/v1/image-aliases/nobody")).body.code).toBe("image_alias_not_found");
  });

  test("that two make at once is one's", async () => {
    await store("raced");
    const answers = await Promise.all(Array.from({ length: 5 }, () => put("contested", "raced")));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 428, 428, 428, 428]);
  });

  test("is moved, and taken away, by the SDK and the CLI", async () => {
    const { id } = await store("third");
    const { images } = new Understudy({ url: control.url, token: TOKEN });
    expect(await images.tag("edge", "third")).toMatchObject({ name: "edge", imageId: id });
    const env = { UNDERSTUDY_API_URL: control.url, UNDERSTUDY_TOKEN: TOKEN };
    expect(await runCli(["image", "tag", "edge", "debian"], env)).toMatchObject({ code: 0, stdout: "" });
    expect((await images.get("edge")).name).toBe("debian");
    expect(await runCli(["image", "rm", "debian"], env)).toMatchObject({ code: 4 });
    expect(await runCli(["image", "rm", "edge", "--alias"], env)).toMatchObject({ code: 0 });
    expect(await runCli(["image", "rm", "third"], env)).toMatchObject({ code: 0, stderr: `Deleted third, ${id}\n` });
  });
});
