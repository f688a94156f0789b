/** Images that the control plane fetches: those of the digest, from where it may. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { isPublicAddress } from "../../src/control/image-source.ts";
import type { Image } from "../../src/control/schemas/image.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { type SmallImage, smallImage } from "./support/image-archive.ts";

let server: Server;
let base = "";
let image: SmallImage;
/** Fetches from anywhere. */
let here: ControlUnderTest;
/** As a control plane is by default. */
let careful: ControlUnderTest;

beforeAll(async () => {
  image = await smallImage("fetched");
  server = createServer((asked, answer) => {
    if (asked.url === "/image.tar") answer.end(image.archive);
    else if (asked.url === "/moved") answer.writeHead(302, { location: "/image.tar" }).end();
    else if (asked.url === "/round") answer.writeHead(302, { location: "/round" }).end();
    else if (asked.url === "/file") answer.writeHead(302, { location: "file:///etc/passwd" }).end();
    else if (asked.url === "/half") answer.writeHead(200, { "content-length": 1e6 }).write(image.archive, () => answer.destroy());
    else if (asked.url !== "/silent") answer.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = { imageSourceNetworks: "any", imageFetchRetryMs: 1 } as const;
  here = await ControlUnderTest.start({ settings });
  careful = await ControlUnderTest.start();
});
afterAll(async () => {
  for (const each of [careful, here]) await each.close();
  server.closeAllConnections();
  server.close();
});

interface Problem {
  readonly code: string;
  readonly errors?: readonly { readonly pointer: string; readonly code: string }[];
}

const sha256 = (data: Uint8Array): string => `sha256:${createHash("sha256").update(data).digest("hex")}`;
const ask = (url: string, digest = sha256(image.archive), of = here) =>
  of.call<Image & Problem>("POST", "/v1/images", { source: { url, digest } });

describe("an image that is fetched", () => {
  test("is that of the digest, also where it is elsewhere now", async () => {
    const first = await ask(`${base}/moved`);
    expect([first.status, first.body.digest]).toEqual([201, image.manifest.digest]);
    expect((await ask(`${base}/image.tar`)).status).toBe(200);
    const wrong = await ask(`${base}/image.tar`, sha256(Buffer.from("x")));
    expect([wrong.status, wrong.body.code]).toEqual([422, "digest_mismatch"]);
  });

  test("is asked for by the SDK", async () => {
    const { images } = new Understudy({ url: here.url, token: TOKEN });
    const source = { url: `${base}/image.tar`, digest: sha256(image.archive) };
    expect(await images.fetch(source, { name: "elsewhere" })).toMatchObject({ name: "elsewhere", kernel: image.manifest.kernel });
  });

  test.each([
    ["/nothing", "unreachable"],
    ["/round", "unreachable"],
    ["/half", "unreachable"],
    ["/file", "bad_format"],
  ])("is refused where its source is %s", async (path, code) => {
    const { status, body } = await ask(`${base}${path}`);
    expect([status, body.code, body.errors?.[0]]).toEqual([
      422,
      "validation_failed",
      expect.objectContaining({ pointer: "/source/url", code }),
    ]);
  });

  test("is refused where its source says nothing", async () => {
    const settings = { imageSourceNetworks: "any", imageFetchTimeoutMs: 100 } as const;
    const hasty = await ControlUnderTest.ofTest({ settings });
    const { body } = await ask(`${base}/silent`, undefined, hasty);
    expect([body.code, body.errors?.[0]?.code]).toEqual(["validation_failed", "unreachable"]);
  });

  test("is fetched from public addresses alone, unless others are allowed", async () => {
    for (const url of [`${base}/image.tar`, "http://localhost:1/", "http://[::1]:1/", "http://2130706433/", "http://[::ffff:127.0.0.1]/"]) {
      const { body } = await ask(url, undefined, careful);
      expect([url, body.code, body.errors?.[0]?.code]).toEqual([url, "validation_failed", "not_allowed"]);
    }
    const withPassword = await ask(base.replace("http://", "http://user:secret@"));
    expect(withPassword.body.errors?.[0]?.code).toBe("not_allowed");
  });

  test.each([
    ["8.8.8.8", 4, true],
    ["172.15.0.1", 4, true],
    ["172.16.0.1", 4, false],
    ["10.1.2.3", 4, false],
    ["192.168.0.1", 4, false],
    ["169.254.169.254", 4, false],
    ["100.64.0.1", 4, false],
    ["0.0.0.0", 4, false],
    ["255.255.255.255", 4, false],
    ["2606:4700::1111", 6, true],
    ["::", 6, false],
    ["::1", 6, false],
    ["::ffff:8.8.8.8", 6, false],
    ["64:ff9b::a00:1", 6, false],
    ["fd00::1", 6, false],
    ["fe80::1", 6, false],
    ["2002:a00:1::1", 6, false],
  ])("knows whether %s is public", (address, family, expected) => {
    expect(isPublicAddress(address, family)).toBe(expected);
  });
});

/** A server whose answers break off: what it was asked, and what it says to that. */
type Broken = (asked: IncomingMessage, answer: ServerResponse, attempt: number) => void;

async function serveBroken(answerTo: Broken): Promise<{ url: string; asked: IncomingHttpHeaders[] }> {
  const asked: IncomingHttpHeaders[] = [];
  const broken = createServer((request, response) => {
    asked.push(request.headers);
    answerTo(request, response, asked.length);
  });
  broken.listen(0, "127.0.0.1");
  await once(broken, "listening");
  onTestFinished(() => {
    broken.closeAllConnections();
    broken.close();
  });
  return { url: `http://127.0.0.1:${(broken.address() as AddressInfo).port}/`, asked };
}

interface Sent {
  readonly from?: number;
  readonly cut?: number;
  readonly headers?: OutgoingHttpHeaders;
}

/** What there is from `from` on, up to `cut`, after which nothing comes. */
function send(answer: ServerResponse, bytes: Buffer, { from = 0, cut = bytes.length, headers = {} }: Sent): void {
  const range = from > 0 ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
  answer.writeHead(from > 0 ? 206 : 200, { "content-length": bytes.length - from, ...range, ...headers });
  if (cut === bytes.length) answer.end(bytes.subarray(from));
  else answer.write(bytes.subarray(from, cut), () => setImmediate(() => answer.destroy()));
}

const startOf = ({ headers }: IncomingMessage): number => Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);

describe("a fetch that breaks off", () => {
  const ETAG = { etag: '"one"' };

  test("goes on where it was, each time", async () => {
    const { archive } = image;
    const cuts = [1, 511, 1300, archive.length - 1];
    const { url, asked } = await serveBroken((request, answer, attempt) =>
      send(answer, archive, { from: startOf(request), cut: cuts[attempt - 1] ?? archive.length, headers: ETAG }),
    );
    expect((await ask(url)).status).toBeLessThan(300);
    expect(asked.map(({ range, "if-range": ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      ...cuts.map((cut) => [`bytes=${cut}-`, '"one"']),
    ]);
  });

  test("goes on where the source stands still, and where it fails for a while", async () => {
    const hasty = await ControlUnderTest.ofTest({
      settings: { imageSourceNetworks: "any", imageFetchRetryMs: 1, imageFetchIdleMs: 100 },
    });
    const { archive } = image;
    const { url, asked } = await serveBroken((request, answer, attempt) => {
      if (attempt === 1) answer.writeHead(200, { "content-length": archive.length }).write(archive.subarray(0, 700));
      else if (attempt === 2) answer.writeHead(503).end();
      else if (attempt === 3) request.socket.destroy();
      else send(answer, archive, { from: startOf(request) });
    });
    expect((await ask(url, undefined, hasty)).status).toBe(201);
    expect(asked.map(({ range }) => range)).toEqual([undefined, "bytes=700-", "bytes=700-", "bytes=700-"]);
  });

  test.each<[string, Broken]>([
    ["knows no ranges", (_request, answer, attempt) => send(answer, image.archive, { ...(attempt < 3 ? { cut: 400 * attempt } : {}) })],
    [
      "sends another range than was asked for",
      (request, answer, attempt) => {
        if (attempt === 1) send(answer, image.archive, { cut: 900 });
        else send(answer, image.archive, request.headers.range === undefined ? {} : { from: 899 });
      },
    ],
    [
      "says that there is no such range",
      (request, answer, attempt) => {
        if (attempt === 1) send(answer, image.archive, { cut: 900 });
        else if (request.headers.range !== undefined) answer.writeHead(416, { "content-range": "bytes */800" }).end();
        else send(answer, image.archive, {});
      },
    ],
    [
      "sends a range of what has another tag",
      (request, answer, attempt) => {
        if (attempt === 1) send(answer, image.archive, { cut: 900, headers: ETAG });
        else if (request.headers.range !== undefined)
          send(answer, Buffer.alloc(image.archive.length), { from: 900, headers: { etag: '"two"' } });
        else send(answer, image.archive, { headers: ETAG });
      },
    ],
  ])("begins again where the source %s, with the same bytes", async (_what, answerTo) => {
    const { url } = await serveBroken(answerTo);
    const { status, body } = await ask(url);
    expect([status, body.digest]).toEqual([200, image.manifest.digest]);
  });

  test("is whole where all that was missing was its end", async () => {
    const { archive } = image;
    const { url, asked } = await serveBroken((_request, answer, attempt) => {
      if (attempt > 1) answer.writeHead(416, { "content-range": `bytes */${archive.length}` }).end();
      // In chunks, of which the last one, that says so, does not come.
      else answer.writeHead(200).write(archive, () => setImmediate(() => answer.destroy()));
    });
    expect((await ask(url)).status).toBe(200);
    expect(asked).toHaveLength(2);
  });

  test("is refused where other bytes are there meanwhile, and leaves nothing", async () => {
    const other = Buffer.from(image.archive);
    const at = other.indexOf("the kernel of");
    other[at] = (other[at] ?? 0) ^ 1;
    const cut = at + 10;
    // It honours If-Range, so it begins again with what there is now.
    const honest = await serveBroken((_request, answer, attempt) =>
      attempt === 1 ? send(answer, other, { cut, headers: ETAG }) : send(answer, image.archive, { headers: { etag: '"two"' } }),
    );
    const first = await ask(honest.url);
    expect([first.status, first.body.code, first.body.errors?.[0]]).toEqual([
      422,
      "validation_failed",
      expect.objectContaining({ pointer: "/source/url", code: "changed" }),
    ]);
    // It does not, and says nothing of what it sends: the digest tells.
    const careless = await serveBroken((request, answer, attempt) =>
      attempt === 1 ? send(answer, other, { cut }) : send(answer, image.archive, { from: startOf(request) }),
    );
    expect((await ask(careless.url)).body.code).toBe("digest_mismatch");
    expect(await readdir(join(here.images.dir, "incoming"))).toEqual([]);
  });

  test("is given up where the source says that it is gone, or brings nothing new for long", async () => {
    const gone = await serveBroken((_request, answer, attempt) =>
      attempt === 1 ? send(answer, image.archive, { cut: 900 }) : answer.writeHead(410).end(),
    );
    expect((await ask(gone.url)).body.errors?.[0]?.code).toBe("unreachable");
    expect(gone.asked).toHaveLength(2);
    const stuck = await serveBroken((_request, answer) => send(answer, image.archive, { cut: 900 }));
    expect((await ask(stuck.url)).body.errors?.[0]?.code).toBe("unreachable");
    expect(stuck.asked).toHaveLength(9);
  });
});
