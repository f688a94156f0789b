/** Images that the control plane fetches: those of the digest, from where it may. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
  const settings = { imageSourceNetworks: "any" } as const;
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
