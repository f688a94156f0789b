/** Blobs that a worker lacks, from control planes that break off, lie, or are gone. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { ImageStore, toStoreError } from "../../src/images/store.ts";
import { GuestImages } from "../../src/worker/guest-images.ts";
import { ControlUnderTest, JOIN_TOKEN } from "../control/support/control-under-test.ts";

const BLOB = randomBytes(3_000_000);
const DIGEST = `sha256:${createHash("sha256").update(BLOB).digest("hex")}`;

let store: ImageStore;
beforeEach(async () => {
  store = new ImageStore(await mkdtemp(join(tmpdir(), "understudy-guest-images-")));
  await store.init();
  onTestFinished(() => rm(store.dir, { recursive: true }));
});

interface Plane {
  readonly url: URL;
  readonly ranges: (string | undefined)[];
}

async function plane(answerTo: (request: IncomingMessage, answer: ServerResponse, attempt: number) => void): Promise<Plane> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, answer) => {
    ranges.push(request.headers.range);
    answerTo(request, answer, ranges.length);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/internal/v1/workers`), ranges };
}

const images = (...urls: URL[]): GuestImages =>
  new GuestImages(store, urls, () => ({ headers: { authorization: `Bearer ${JOIN_TOKEN}` }, tls: {} }));

const startOf = ({ headers }: IncomingMessage): number => Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);

/** As a control plane does it, up to `cut`. */
function sendFrom(from: number, answer: ServerResponse, cut = BLOB.length, bytes = BLOB): void {
  const size = bytes.length;
  answer.writeHead(from > 0 ? 206 : 200, {
    etag: `"${DIGEST}"`,
    "content-length": size - from,
    ...(from > 0 ? { "content-range": `bytes ${from}-${size - 1}/${size}` } : {}),
  });
  if (cut === size) answer.end(bytes.subarray(from));
  else answer.write(bytes.subarray(from, cut), () => setImmediate(() => answer.destroy()));
}

const isWhole = async (got: Promise<Uint8Array>): Promise<boolean> => Buffer.compare(await got, BLOB) === 0;

describe("a blob", () => {
  test("that a control plane broke off comes from another one from there, also where that knows no ranges", async () => {
    const first = await plane((_request, answer) => sendFrom(0, answer, 1_000_000));
    const second = await plane((request, answer) => sendFrom(startOf(request), answer, 2_000_000));
    const third = await plane((_request, answer) => sendFrom(0, answer));
    expect(await isWhole(images(first.url, second.url, third.url).read(DIGEST))).toBe(true);
    expect([first.ranges, second.ranges.length, third.ranges.length]).toEqual([[undefined], 1, 1]);
    // What was on its way when the connection broke is lost with it.
    const [from = 0, then = 0] = [...second.ranges, ...third.ranges].map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1]));
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(1_000_000);
    expect(then).toBeGreaterThan(from);
    expect(then).toBeLessThanOrEqual(2_000_000);
    expect(await readdir(join(store.dir, "incoming"))).toEqual([]);
  });

  test("comes from a control plane in parts", async () => {
    const control = await ControlUnderTest.ofTest();
    await control.images.putBlob([BLOB]);
    // In front of it stands something that breaks off.
    const proxy = await plane((request, answer, attempt) => {
      const { range, "if-range": ifRange } = request.headers;
      const headers = { authorization: `Bearer ${JOIN_TOKEN}`, ...(range === undefined ? {} : { range, "if-range": String(ifRange) }) };
      void fetch(`${control.internalUrl}${request.url}`, { headers }).then(async ({ status, headers, body }) => {
        answer.writeHead(status, Object.fromEntries(headers));
        let left = attempt < 4 ? 700_000 : BLOB.length;
        for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
          answer.write(bytes.subarray(0, left));
          left -= bytes.length;
          if (left <= 0) return void setImmediate(() => answer.destroy());
        }
        answer.end();
      });
    });
    expect(await isWhole(images(proxy.url).read(DIGEST))).toBe(true);
    expect(proxy.ranges.slice(0, 1)).toEqual([undefined]);
    expect(proxy.ranges.slice(1).every((range) => /^bytes=[1-9]\d+-$/.test(range ?? ""))).toBe(true);
    const beyond = await fetch(`${control.internalUrl}/internal/v1/blobs/${DIGEST}`, {
      headers: { authorization: `Bearer ${JOIN_TOKEN}`, range: `bytes=${BLOB.length}-` },
    });
    expect([beyond.status, beyond.headers.get("content-range"), beyond.headers.get("content-type")]).toEqual([
      416,
      `bytes */${BLOB.length}`,
      "application/problem+json; charset=utf-8",
    ]);
    expect(await beyond.json()).toMatchObject({ code: "range_not_satisfiable" });
  });

  test("that one control plane has damaged comes from the next one", async () => {
    const damaged = await plane((_request, answer) => sendFrom(0, answer, BLOB.length, Buffer.alloc(BLOB.length)));
    const sound = await plane((_request, answer) => sendFrom(0, answer));
    expect(await isWhole(images(damaged.url, sound.url).read(DIGEST))).toBe(true);
    const alone = images(damaged.url);
    await rm(store.blobPath(DIGEST));
    await expect(alone.read(DIGEST)).rejects.toMatchObject({ code: "image_unavailable", cause: { code: "digest_mismatch" } });
    expect(await readdir(join(store.dir, "incoming"))).toEqual([]);
  });

  test("that nobody has is said so at once", async () => {
    const without = await plane((_request, answer) => answer.writeHead(404).end());
    await expect(images(without.url).read(DIGEST)).rejects.toThrow(/HTTP 404/);
    expect(without.ranges).toHaveLength(1);
  });

  test("for which there is no room is asked for once, and its connection is let go", async () => {
    const closed: Promise<unknown>[] = [];
    const serving = await plane((_request, answer) => {
      closed.push(once(answer, "close"));
      sendFrom(0, answer, 2_000_000 - 1);
    });
    vi.spyOn(store, "putBlob").mockImplementation(async (stream) => {
      for await (const _bytes of stream)
        throw toStoreError(
          Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" }),
          "write",
          store.dir,
        );
      throw new Error("nothing came");
    });
    await expect(images(serving.url).read(DIGEST)).rejects.toMatchObject({
      code: "image_unavailable",
      cause: { code: "image_store_full" },
    });
    await Promise.all(closed);
    expect(serving.ranges).toEqual([undefined]);
  });
});
