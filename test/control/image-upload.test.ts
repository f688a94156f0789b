/** Images by upload: there for every control plane, once, as they were sent; and of one that fails nothing is left. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { beforeAll, describe, expect, test } from "vitest";
import { UnderstudyError } from "../../src/base/errors.ts";
import { trimHistory } from "../../src/control/db/queries/trim-history.ts";
import { problemOf, toApiError } from "../../src/control/errors/problem.ts";
import type { Image } from "../../src/control/schemas/image.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { receiveArchive } from "../../src/images/index.ts";
import { DigestMismatchError, RangeNotSatisfiableError, Understudy } from "../../src/sdk/index.ts";
import { runCli } from "../cli/captured-shell.ts";
import { type Answer, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { flatKernel, type SmallImage, smallImage } from "./support/image-archive.ts";

/** Two control planes on one database, each with a store of its own. */
let control: ControlUnderTest;
let other: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start();
  other = await ControlUnderTest.start({ connection: control.connection });
  return async () => {
    for (const each of [other, control]) await each.close();
  };
});

interface Problem {
  readonly code: string;
  readonly detail: string;
}

const MEDIA = "application/x-tar";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256 = (data: Uint8Array, encoding: "hex" | "base64" = "hex"): string => createHash("sha256").update(data).digest(encoding);

async function upload(
  archive: Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  { to = control, query = "" }: { to?: ControlUnderTest; query?: string } = {},
): Promise<Answer<Image & Problem>> {
  const authorization = `Bearer ${TOKEN}`;
  const answer = await fetch(`${to.url}/v1/images${query}`, {
    method: "POST",
    headers: { authorization, "content-type": MEDIA, ...headers },
    body: archive,
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Image & Problem };
}

const content = (image: string, headers: Record<string, string> = {}, { method = "GET", from = control } = {}): Promise<Response> =>
  fetch(`${from.url}/v1/images/${image}/content`, { method, headers: { authorization: `Bearer ${TOKEN}`, ...headers } });

const isThere = ({ images }: ControlUnderTest, digest: string): Promise<boolean> =>
  access(images.blobPath(digest)).then(
    () => true,
    () => false,
  );

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return (await control.parts.database.query(sql, [])).rows;
}

/** Everything that an upload may leave, at the control plane and in the database. */
async function left(): Promise<unknown> {
  const { dir } = control.images;
  return {
    incoming: await readdir(join(dir, "incoming")),
    blobs: (await readdir(join(dir, "blobs", "sha256"))).sort(),
    manifests: (await readdir(join(dir, "manifests"))).sort(),
    chunks: await rows("SELECT digest, n FROM image_chunks ORDER BY digest, n"),
    images: (await control.get<{ items: Image[] }>("/v1/images")).body.items.map(({ id }) => id),
  };
}

describe("an image that is uploaded", () => {
  test("is one however often it is, and is downloaded as it was sent", async () => {
    const { archive, manifest } = await smallImage("uploaded");
    const digest = { "repr-digest": `sha-256=:${sha256(archive, "base64")}:` };
    const first = await upload(archive, digest);
    expect([first.status, first.body.name, first.body.digest]).toEqual([201, "uploaded", manifest.digest]);
    expect(first.headers.get("location")).toBe(`/v1/images/${first.body.id}`);
    const second = await upload(archive, digest, { to: other });
    expect([second.status, second.body.id]).toEqual([200, first.body.id]);
    const whole = await content("uploaded");
    expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), archive)).toBe(0);
    expect(whole.headers.get("repr-digest")).toBe(digest["repr-digest"]);
    const { body } = await control.get<{ items: { cause: string; data: { imageId: string } }[] }>("/v1/events?types=image.created&after=0");
    const created = body.items.filter(({ data }) => data.imageId === first.body.id);
    expect(created.map(({ cause }) => cause)).toEqual(["user_action"]);
  });

  test("is uploaded once by its idempotency key, and under another name is another image", async () => {
    const { archive } = await smallImage("keyed");
    const key = { "idempotency-key": "the-key-of-an-upload" };
    const [first, again] = [await upload(archive, key), await upload(archive, key)];
    expect([first.status, again.status, again.headers.get("idempotency-replayed")]).toEqual([201, 201, "true"]);
    const reused = await upload(archive, key, { query: "?name=renamed" });
    expect([reused.status, reused.body.code]).toEqual([422, "idempotency_key_reused"]);
    const renamed = await upload(archive, {}, { query: "?name=renamed" });
    expect([renamed.status, renamed.body.name, renamed.body.kernel]).toEqual([201, "renamed", first.body.kernel]);
    expect(renamed.body.id).not.toBe(first.body.id);
  });

  test("is there for every control plane and its workers, and goes from all of their stores", async () => {
    const { archive, manifest } = await smallImage("shared");
    const { id } = (await upload(archive)).body;
    expect(await Promise.all([isThere(control, manifest.kernel.digest), isThere(other, manifest.kernel.digest)])).toEqual([true, false]);
    const made = await other.call<Vm>("POST", "/v1/vms", { name: "of-shared", spec: { image: "shared" } });
    expect([made.status, made.body.spec.image]).toEqual([201, `shared@${manifest.digest}`]);
    // As workers ask, two of them at once.
    const asked = await Promise.all(
      [1, 2].map(async () => {
        const headers = { authorization: "Bearer usj_of_the_tests" };
        const answer = await fetch(`${other.internalUrl}/internal/v1/blobs/${manifest.kernel.digest}`, { headers });
        return Buffer.from(await answer.arrayBuffer());
      }),
    );
    for (const kernel of asked) expect(`sha256:${sha256(kernel)}`).toBe(manifest.kernel.digest);
    expect((await content("shared", {}, { from: other })).status).toBe(200);

    await other.call("DELETE", "/v1/vms/of-shared?wait=30");
    expect((await other.call("DELETE", "/v1/images/shared")).status).toBe(200);
    expect(await isThere(other, manifest.kernel.digest)).toBe(false);
    while (await isThere(control, manifest.kernel.digest)) await control.parts.feed.next(20);
    expect((await control.get<Problem>(`/v1/images/${id}`)).body.code).toBe("image_not_found");
  });

  test("that was pulled into the store of one control plane is there for the others once it is pushed", async () => {
    const { archive, manifest } = await smallImage("pulled");
    const pulled = await receiveArchive(control.images, Readable.from([archive]), { createdAt: new Date().toISOString() });
    await pulled.keep();
    const at = async (each: ControlUnderTest) => (await each.get("/v1/images/pulled")).status;
    expect([await at(control), await at(other)]).toEqual([200, 404]);
    const env = { UNDERSTUDY_API_URL: control.url, UNDERSTUDY_TOKEN: TOKEN };
    expect(await runCli(["image", "push", "pulled", "--store", control.images.dir, "-o", "name"], env)).toMatchObject({ code: 0 });
    expect([await at(control), await at(other)]).toEqual([200, 200]);
    const { status } = await content("pulled", {}, { from: other });
    expect([status, await isThere(other, manifest.kernel.digest)]).toEqual([200, true]);
  });

  test("that was deleted while a control plane was away goes when that is back", async () => {
    const { archive, manifest } = await smallImage("away");
    const store = control.images;
    await upload(archive);
    await rows("UPDATE images SET deleted_at = now() WHERE name = 'away'");
    const back = await ControlUnderTest.start({ connection: control.connection, images: store });
    expect(await isThere(back, manifest.kernel.digest)).toBe(false);
    expect((await upload(archive, {}, { to: other })).status).toBe(201);
    await back.stopButWorkers();
  });

  test("has its bytes in the database as long as it is there", async () => {
    const [{ archive, manifest }, kept] = [await smallImage("forgotten"), await smallImage("kept")];
    for (const each of [archive, kept.archive]) await upload(each);
    await control.call("DELETE", "/v1/images/forgotten");
    await rows("UPDATE image_chunks SET stored_at = now() - interval '2 days'");
    await trimHistory(control.parts.database.db, { eventDays: 30, auditDays: 30 });
    const stored = (await rows("SELECT DISTINCT digest FROM image_chunks")).map(({ digest }) => digest);
    expect(stored).toContain(kept.manifest.kernel.digest);
    expect(stored).not.toContain(manifest.kernel.digest);
  });

  test("whose file was damaged is repaired from the database", async () => {
    const { archive, manifest } = await smallImage("damaged");
    await upload(archive);
    await writeFile(control.images.blobPath(manifest.kernel.digest), flatKernel("the kernel of dxmaged"));
    const refused = await content("damaged");
    expect([refused.status, ((await refused.json()) as Problem).code]).toEqual([503, "image_store_error"]);
    const again = await content("damaged");
    expect(Buffer.compare(Buffer.from(await again.arrayBuffer()), archive)).toBe(0);
  });

  test("over a mebibyte comes back whole", async () => {
    const { archive } = await smallImage("large", { initramfs: new Uint8Array(3 * 1024 * 1024 + 17).fill(7) });
    expect((await upload(archive)).status).toBe(201);
    const got = Buffer.from(await (await content("large", {}, { from: other })).arrayBuffer());
    expect(Buffer.compare(got, archive)).toBe(0);
  });
});

describe("the content of an image", () => {
  let image: SmallImage;
  let etag = "";
  beforeAll(async () => {
    image = await smallImage("content");
    await upload(image.archive);
    etag = (await content("content", {}, { method: "HEAD" })).headers.get("etag") ?? "";
  });

  test("is described by HEAD, and not sent to who has it", async () => {
    const head = await content("content", {}, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), head.headers.get("accept-ranges"), await head.text()]).toEqual([
      200,
      String(image.archive.length),
      "bytes",
      "",
    ]);
    expect(head.headers.get("repr-digest")).toBe(`sha-256=:${sha256(image.archive, "base64")}:`);
    for (const tag of [etag, `"x", W/${etag}`, "*"]) expect((await content("content", { "if-none-match": tag })).status).toBe(304);
    expect((await content("content", { "if-none-match": '"x"' })).status).toBe(200);
  });

  test.each([
    ["bytes=0-9", 0, 10],
    ["bytes=500-1600", 500, 1601],
    ["bytes=700-", 700, null],
    ["bytes=-100", -100, null],
    ["bytes=10-99999999", 10, null],
  ])("is sent in part: %s", async (range, start, end) => {
    const answer = await content("content", { range });
    const wanted = image.archive.subarray(start, end ?? undefined);
    expect(answer.status).toBe(206);
    expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), wanted)).toBe(0);
    const from = start < 0 ? image.archive.length + start : start;
    expect(answer.headers.get("content-range")).toBe(`bytes ${from}-${from + wanted.length - 1}/${image.archive.length}`);
    expect(answer.headers.get("repr-digest")).toBe(`sha-256=:${sha256(image.archive, "base64")}:`);
  });

  test("is sent whole where the range is of another image, is several or none", async () => {
    const wholes: Record<string, string>[] = [
      { range: "bytes=0-9", "if-range": '"x"' },
      { range: "bytes=0-1,4-5" },
      { range: "bytes=9-2" },
      { range: "lines=1-2" },
    ];
    for (const headers of wholes) {
      const answer = await content("content", headers);
      expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, image.archive.length]);
    }
    expect((await content("content", { range: "bytes=0-9", "if-range": etag })).status).toBe(206);
  });

  test("has no bytes beyond its end, and who asks for them is told how many there are", async () => {
    const sizeBytes = image.archive.length;
    for (const range of [`bytes=${sizeBytes}-`, "bytes=-0"]) {
      const answer = await content("content", { range });
      const { headers } = answer;
      expect([answer.status, headers.get("content-range"), headers.get("content-type")]).toEqual([
        416,
        `bytes */${sizeBytes}`,
        "application/problem+json; charset=utf-8",
      ]);
      expect(await answer.json()).toMatchObject({ code: "range_not_satisfiable", status: 416, retryable: false, sizeBytes });
    }
    const { images } = new Understudy({ url: control.url, token: TOKEN, maxRetries: 0 });
    await expect(images.content("content", { start: sizeBytes })).rejects.toBeInstanceOf(RangeNotSatisfiableError);
  });
});

describe("an upload that is refused", () => {
  /** With one byte changed, and the checksums of the headers as they were. */
  const changed = (archive: Buffer<ArrayBuffer>, at: number) => {
    const copy = Buffer.from(archive);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const kernelAt = (archive: Buffer) => archive.indexOf("the kernel of");

  test.each<[string, string, (image: SmallImage) => [Uint8Array<ArrayBuffer>, Record<string, string>?]]>([
    [
      "other bytes than the header says",
      "digest_mismatch",
      ({ archive }) => [archive, { "repr-digest": `sha-256=:${sha256(bytes("x"), "base64")}:` }],
    ],
    [
      "a damaged header, and its digest",
      "digest_mismatch",
      ({ archive }) => [changed(archive, 0), { "repr-digest": `sha-256=:${sha256(archive, "base64")}:` }],
    ],
    ["other bytes than the manifest says", "digest_mismatch", ({ archive }) => [changed(archive, kernelAt(archive))]],
    ["a damaged header", "validation_failed", ({ archive }) => [changed(archive, 0)]],
    ["no archive", "validation_failed", () => [Buffer.from("<html>not here</html>".repeat(100))]],
    ["nothing", "validation_failed", () => [Buffer.alloc(0)]],
    ["half of it", "validation_failed", ({ archive }) => [archive.subarray(0, kernelAt(archive) + 5)]],
    [
      "the manifest alone",
      "validation_failed",
      ({ archive }) => [Buffer.concat([archive.subarray(0, archive.indexOf("kernel\0")), Buffer.alloc(1024)])],
    ],
    ["two manifests", "validation_failed", ({ archive }) => [Buffer.concat([archive.subarray(0, archive.indexOf("kernel\0")), archive])]],
    ["a digest that is none", "validation_failed", ({ archive }) => [archive, { "repr-digest": "sha-256=:AAAA:" }]],
    ["a content coding", "unsupported_media_type", ({ archive }) => [archive, { "content-encoding": "gzip" }]],
  ])("for %s leaves nothing", async (_what, code, sent) => {
    const image = await smallImage("refused");
    const before = await left();
    const [body, headers] = sent(image);
    const { body: problem } = await upload(body, headers);
    expect([problem.code, problem.detail]).toEqual([code, expect.stringMatching(/^Cannot /)]);
    expect(await left()).toEqual(before);
  });

  test("for a kernel of another machine leaves nothing", async () => {
    const before = await left();
    const { archive } = await smallImage("amd64", { kernel: Buffer.alloc(4096, "MZ of another machine") });
    const { status, body } = await upload(archive);
    expect([status, body.code]).toEqual([422, "unsupported_machine"]);
    expect(await left()).toEqual(before);
  });

  test("for its size leaves nothing, and its sender reads why", async () => {
    const small = await ControlUnderTest.ofTest({ settings: { imageMaxMiB: 1 } });
    const { archive } = await smallImage("too-large", { initramfs: new Uint8Array(6 * 1024 * 1024) });
    const { status, body } = await upload(archive, {}, { to: small });
    expect([status, body.code, body.detail]).toEqual([413, "payload_too_large", expect.stringContaining("1 MiB")]);
    expect(await readdir(join(small.images.dir, "incoming"))).toEqual([]);
  });

  test("by nobody, as it was broken off, leaves nothing", async () => {
    const before = await left();
    const { archive } = await smallImage("broken-off");
    const sending = request(`${control.url}/v1/images`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": MEDIA },
    });
    sending.on("error", () => undefined);
    sending.write(archive.subarray(0, kernelAt(archive) + 5));
    while ((await readdir(join(control.images.dir, "incoming"))).length === 0) await control.parts.feed.next(10);
    sending.destroy();
    while ((await readdir(join(control.images.dir, "incoming"))).length > 0) await control.parts.feed.next(10);
    expect(await left()).toEqual(before);
  });

  test("for its silence leaves nothing", async () => {
    const hasty = await ControlUnderTest.ofTest({ settings: { imageUploadIdleMs: 50 } });
    const { archive } = await smallImage("silent");
    const sending = request(`${hasty.url}/v1/images`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": MEDIA },
    });
    sending.write(archive.subarray(0, kernelAt(archive) + 5));
    const [answer] = (await once(sending, "response")) as [IncomingMessage];
    const problem = JSON.parse((await buffer(answer)).toString()) as Problem;
    sending.destroy();
    expect([problem.code, problem.detail]).toEqual(["bad_request", expect.stringContaining("50 ms")]);
    expect(await readdir(join(hasty.images.dir, "incoming"))).toEqual([]);
  });

  test("for a full disk says so, and that trying again does not help", () => {
    const error = toApiError(new UnderstudyError("image_store_full", "Cannot write a blob to the image store: the disk is full"));
    expect(problemOf(error, null, null)).toMatchObject({ status: 503, code: "image_store_error", retryable: false });
  });
});

describe("clients", () => {
  const env = () => ({ UNDERSTUDY_API_URL: control.url, UNDERSTUDY_TOKEN: TOKEN });

  test("upload and download by the SDK, bytes and streams", async () => {
    const { images } = new Understudy({ url: control.url, token: TOKEN });
    const { archive } = await smallImage("by-sdk");
    const { id } = await images.upload(new Blob([archive]));
    const stream = () => new Blob([archive]).stream();
    expect((await images.upload(stream, { digest: `sha256:${sha256(archive)}` })).id).toBe(id);
    await expect(images.upload(stream, { digest: `sha256:${sha256(bytes("x"))}` })).rejects.toThrow(DigestMismatchError);
    const whole = await images.content("by-sdk");
    expect([whole.sizeBytes, whole.digest]).toEqual([archive.length, `sha256:${sha256(archive)}`]);
    expect(Buffer.compare(await buffer(whole.stream), archive)).toBe(0);
    const part = await images.content(id, { start: 100, end: 300 });
    expect(Buffer.compare(await buffer(part.stream), archive.subarray(100, 300))).toBe(0);
  });

  test("push and save by the CLI, archives and images of a store", async () => {
    const folder = await mkdtemp(join(tmpdir(), "understudy-push-test-"));
    const [file, copy] = [join(folder, "pushed.tar"), join(folder, "copy.tar")];
    const { archive } = await smallImage("by-cli");
    await writeFile(file, archive);
    const pushed = await runCli(["image", "push", file, "--tag", "newest", "-o", "name"], env());
    expect(pushed).toMatchObject({ code: 0, stdout: "by-cli\n", stderr: expect.stringContaining("uploading") as string });
    expect((await control.get<Image>("/v1/images/newest")).body).toMatchObject({ name: "by-cli", aliases: ["newest"] });
    expect(await runCli(["image", "save", "newest", copy], env())).toMatchObject({ code: 0, stdout: "" });
    expect(Buffer.compare(await readFile(copy), archive)).toBe(0);
    expect(await runCli(["image", "save", "newest", copy], env())).toMatchObject({ code: 2 });

    const fromStore = ["image", "push", "by-cli", "--name", "from-store", "--store", control.images.dir, "-o", "name"];
    expect(await runCli(fromStore, env())).toMatchObject({ code: 0, stdout: "from-store\n" });
    expect(await runCli(["image", "push", "nothing-there", "--store", folder], env())).toMatchObject({ code: 2 });
    expect(await runCli(["image", "push", folder], env())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("one kernel") as string,
    });
    await rm(folder, { recursive: true });
  });
});
