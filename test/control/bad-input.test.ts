/** What callers and workers get wrong: each is answered with a problem of the table that says what to do, and changes nothing. */

import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { ERROR_TABLE, type ErrorCode } from "../../src/control/errors/error-codes.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import { ControlUnderTest, JOIN_TOKEN, TOKEN } from "./support/control-under-test.ts";
import { newReport, ScriptedWorker } from "./support/scripted-worker.ts";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start();
  return () => control.close();
});

interface Case {
  readonly what: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly code: ErrorCode;
  readonly says: RegExp;
  readonly pointer?: string;
}

const spec = { image: "debian" };
const CASES: readonly Case[] = [
  {
    what: "an image that is not there",
    body: { spec: { image: "plan9" } },
    code: "image_not_found",
    says: /"plan9".*there are: debian.*understudy image pull debian/,
  },
  {
    what: "an image digest that is not there",
    body: { spec: { image: `debian@sha256:${"0".repeat(64)}` } },
    code: "image_not_found",
    says: /there are: debian/,
  },
  {
    what: "too little memory",
    body: { spec: { ...spec, machine: { memoryMiB: 64 } } },
    code: "validation_failed",
    says: /this kernel needs at least 96 MiB/,
    pointer: "/spec/machine/memoryMiB",
  },
  {
    what: "too much memory",
    body: { spec: { ...spec, machine: { memoryMiB: 4096 } } },
    code: "validation_failed",
    says: /at most 2048/,
    pointer: "/spec/machine/memoryMiB",
  },
  {
    what: "memory as text",
    body: { spec: { ...spec, machine: { memoryMiB: "128" } } },
    code: "validation_failed",
    says: /integer/,
    pointer: "/spec/machine/memoryMiB",
  },
  {
    what: "two harts",
    body: { spec: { ...spec, machine: { vcpus: 2 } } },
    code: "validation_failed",
    says: /at most 1/,
    pointer: "/spec/machine/vcpus",
  },
  {
    what: "a name with an underscore",
    body: { name: "a_b", spec },
    code: "validation_failed",
    says: /^Cannot use \/name: wanted is at most 63 lower-case letters, digits and hyphens, a letter first and no hyphen last$/,
    pointer: "/name",
  },
  {
    what: "a field that is not known",
    body: { spec, colour: "red" },
    code: "validation_failed",
    says: /no such field/,
    pointer: "/colour",
  },
  { what: "no spec", body: { name: "a" }, code: "validation_failed", says: /missing/, pointer: "/spec" },
  {
    what: "a mode that is none",
    body: { spec: { ...spec, protection: { mode: "twice" } } },
    code: "validation_failed",
    says: /lockstep, none/,
    pointer: "/spec/protection/mode",
  },
  {
    what: "a label key with a space",
    body: { spec, labels: { "a b": "c" } },
    code: "validation_failed",
    says: /^Cannot use \/labels\/a b: the key of a label is at most 63 letters, digits/,
    pointer: "/labels/a b",
  },
  { what: "a body that is not JSON", body: "{spec:", code: "malformed_json", says: /not JSON/ },
  { what: "a body that is a list", body: [], code: "validation_failed", says: /object/ },
  { what: "an empty body", body: "", code: "malformed_json", says: /empty/ },
  {
    what: "a body that is XML",
    body: "<vm/>",
    headers: { "content-type": "application/xml" },
    code: "unsupported_media_type",
    says: /application\/json/,
  },
  { what: "a body over 1 MiB", body: { spec, labels: { a: "x".repeat(1_100_000) } }, code: "payload_too_large", says: /1 MiB/ },
  { what: "a VM that is not there", method: "GET", path: "/v1/vms/nobody", code: "vm_not_found", says: /"nobody"/ },
  { what: "a VM id that is not there", method: "GET", path: "/v1/vms/vm_nobody", code: "vm_not_found", says: /vm_nobody/ },
  { what: "deleting a VM that is not there", method: "DELETE", path: "/v1/vms/nobody", code: "vm_not_found", says: /"nobody"/ },
  { what: "a worker that is not there", method: "GET", path: "/v1/workers/nobody", code: "worker_not_found", says: /"nobody"/ },
  { what: "an operation that is not there", method: "GET", path: "/v1/operations/op_x", code: "operation_not_found", says: /op_x/ },
  { what: "a route that is not there", method: "GET", path: "/v1/cats", code: "not_found", says: /openapi/ },
  { what: "a path that cannot be decoded", method: "GET", path: "/v1/vms/%zz", code: "bad_request", says: /%zz/ },
  { what: "a page token of somebody else", method: "GET", path: "/v1/vms?pageToken=AAAA", code: "bad_page_token", says: /start/ },
  {
    what: "a page of none",
    method: "GET",
    path: "/v1/vms?pageSize=0",
    code: "validation_failed",
    says: /at least 1/,
    pointer: "/query/pageSize",
  },
  {
    what: "a page size that is no number",
    method: "GET",
    path: "/v1/vms?pageSize=many",
    code: "validation_failed",
    says: /integer/,
    pointer: "/query/pageSize",
  },
  {
    what: "a parameter that is not known",
    method: "GET",
    path: "/v1/vms?color=red",
    code: "validation_failed",
    says: /no such field/,
    pointer: "/query/color",
  },
  {
    what: "waiting for nothing",
    method: "GET",
    path: "/v1/vms/nobody/wait",
    code: "validation_failed",
    says: /missing/,
    pointer: "/query/for",
  },
  {
    what: "waiting for too long",
    method: "GET",
    path: "/v1/vms/nobody/wait?for=running&timeout=3600",
    code: "validation_failed",
    says: /at most 60/,
  },
  {
    what: "an event cursor that is none",
    method: "GET",
    path: "/v1/events?after=now",
    code: "validation_failed",
    says: /wanted is a whole number from 0 on/,
  },
  {
    what: "a state that no VM has",
    method: "GET",
    path: "/v1/vms?state=runing",
    code: "validation_failed",
    says: /not one of .*running/,
    pointer: "/query/state",
  },
  {
    what: "a protection that no VM has",
    method: "GET",
    path: "/v1/vms?protection=running",
    code: "validation_failed",
    says: /not one of .*protected/,
    pointer: "/query/protection",
  },
  ...["bogus", "vm.*.x", "vm.failed.*", " vm.created", "*.*"].map((type) => ({
    what: `a type that no event has: ${type}`,
    method: "GET",
    path: `/v1/events?types=vm.created,${encodeURIComponent(type)}`,
    code: "validation_failed" as const,
    says: new RegExp(`"${type.replaceAll("*", "\\*")}" is no type of event.*vm\\.created`),
    pointer: "/query/types",
  })),
  ...["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"].map((time) => ({
    what: `a time of no year that is known: ${time}`,
    method: "GET",
    path: `/v1/audit-log?startTime=${encodeURIComponent(time)}`,
    code: "validation_failed" as const,
    says: /years 1 to 9999/,
    pointer: "/query/startTime",
  })),
  {
    what: "a time with more behind it",
    method: "GET",
    path: `/v1/audit-log?endTime=${encodeURIComponent("2026-03-01T09:00:00Z[Europe/Paris]")}`,
    code: "validation_failed",
    says: /nothing behind it/,
    pointer: "/query/endTime",
  },
  ...(
    [
      ["/v1/vms", ["createdAt", "0000-01-01 00:00:00+00", "vm_1"]],
      ["/v1/operations", ["0000-01-01 00:00:00+00", "op_1"]],
      ["/v1/operations", ["2026-03-01 09:00:00+16", "op_1"]],
    ] as const
  ).map(([path, parts]) => ({
    what: `a page token that was made up, ${parts}`,
    method: "GET",
    path: `${path}?pageToken=${Buffer.from(JSON.stringify(parts)).toString("base64url")}`,
    code: "bad_page_token" as const,
    says: /List again from the start/,
  })),
  {
    what: "no token",
    method: "GET",
    path: "/v1/vms",
    headers: { authorization: "" },
    code: "unauthenticated",
    says: /Authorization: Bearer/,
  },
  {
    what: "a wrong token",
    method: "GET",
    path: "/v1/vms",
    headers: { authorization: "Bearer ust_wrong" },
    code: "unauthenticated",
    says: /not one of this service/,
  },
  {
    what: "a token of another scheme",
    method: "GET",
    path: "/v1/vms",
    headers: { authorization: `Basic ${TOKEN}` },
    code: "unauthenticated",
    says: /Bearer/,
  },
];

describe("a caller that sends", () => {
  test.each(CASES)("$what", async ({ method = "POST", path = "/v1/vms", body, headers, code, says, pointer }) => {
    const { status, headers: answer, body: problem } = await control.call<Problem>(method, path, body, headers);
    expect(problem).toMatchObject({
      code,
      status,
      title: ERROR_TABLE[code].title,
      type: `/docs/errors#${code}`,
      instance: path.split("?")[0],
    });
    expect(status).toBe(ERROR_TABLE[code].status);
    expect(problem.detail).toMatch(/^Cannot /);
    expect(problem.detail).toMatch(says);
    if (pointer !== undefined) expect(problem.errors?.map((error) => error.pointer)).toContain(pointer);
    expect(answer.get("content-type")).toContain("application/problem+json");
    expect(answer.get("request-id")).toBe(problem.requestId);
    if (code === "unauthenticated") expect(answer.get("www-authenticate")).toContain("Bearer");
  });

  test("nothing of that made a VM, an event or an operation", async () => {
    const { body } = await control.get<{ items: unknown[] }>("/v1/vms");
    expect(body.items).toEqual([]);
    const { body: events } = await control.get<{ items: { type: string }[] }>("/v1/events");
    expect(events.items.map((event) => event.type)).toEqual(["image.created"]);
  });

  test("a name twice", async () => {
    await control.createVm("twice");
    const { status, body } = await control.call<Problem>("POST", "/v1/vms", { name: "twice", spec });
    expect([status, body.code]).toEqual([409, "name_taken"]);
    const { body: list } = await control.get<{ items: unknown[] }>("/v1/vms");
    expect(list.items).toHaveLength(1);
  });

  test("nothing, and announces it as JSON, is served where no body is wanted", async () => {
    await control.createVm("unwanted", "none");
    const { status, body } = await control.call<Problem>("DELETE", "/v1/vms/unwanted", "", { "content-type": "application/json" });
    expect([status, body.code]).toEqual([202, undefined]);
  });

  test("a body where none is wanted, and it is not JSON, is told so", async () => {
    const { status, body } = await control.call<Problem>("DELETE", "/v1/vms/unwanted", "{", { "content-type": "application/json" });
    expect([status, body.code]).toEqual([400, "malformed_json"]);
  });

  test("a request id, gets it back", async () => {
    const { headers } = await control.call("GET", "/v1/version", undefined, { "request-id": "mine-1" });
    expect(headers.get("request-id")).toBe("mine-1");
  });

  test("something that is not HTTP", async () => {
    const socket = connect(Number(new URL(control.url).port), "127.0.0.1");
    socket.end("SSH-2.0-client\r\n\r\n");
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    expect(answer).toContain("400 Bad Request");
    expect(JSON.parse(answer.slice(answer.indexOf("{")))).toMatchObject({ code: "bad_request" });
  });

  const UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const HOST = "Host: here\r\n";
  const KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  const refusals: readonly [string, string, string, RegExp, ErrorCode?][] = [
    ["without a host", "GET $other", "", /Host header/],
    ["with an expectation", "GET $other", `${HOST}Expect: wonders\r\n`, /"wonders"/],
    ["with too many headers", "GET $other", `${HOST}X: ${"x".repeat(20_000)}\r\n`, /16 KiB/],
    ["with a path that cannot be read", "GET /v1/%zz", HOST, /percent signs/],
    ["that takes it for a proxy", "CONNECT there:1", HOST, /no proxy/],
    ["to upgrade what is no WebSocket", "GET $other", `${HOST}${UPGRADE}${KEY}Sec-WebSocket-Version: 13\r\n`, /no WebSocket/],
    ["to upgrade to something else", "GET $socket", `${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n`, /Upgrade header/, "upgrade_required"],
    ["for a WebSocket without a key", "GET $socket", `${HOST}${UPGRADE}Sec-WebSocket-Version: 13\r\n`, /Key header/],
    ["for a WebSocket of the future", "GET $socket", `${HOST}${UPGRADE}${KEY}Sec-WebSocket-Version: 99\r\n`, /Version/, "upgrade_required"],
    [
      "for a WebSocket with no protocol",
      "GET $socket",
      `${HOST}${UPGRADE}${KEY}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ,\r\n`,
      /Protocol/,
    ],
  ];
  test.each(refusals)("a request %s, at either listener", async (_what, line, headers, says, code = "bad_request") => {
    await control.createVm("upgraded", "none");
    for (const [url, token, other, socketPath] of [
      [control.url, TOKEN, "/v1/vms", "/v1/vms/upgraded/console"],
      [control.internalUrl, JOIN_TOKEN, `/internal/v1/blobs/sha256:${"0".repeat(64)}`, "/internal/v1/workers"],
    ] as const) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      const first = line.replace("$other", other).replace("$socket", socketPath);
      // Not kept alive where it is answered by a route.
      const close = headers.includes("Connection") ? "" : "Connection: close\r\n";
      socket.write(`${first} HTTP/1.1\r\n${headers}${close}Authorization: Bearer ${token}\r\n\r\n`);
      let answer = "";
      for await (const chunk of socket) answer += chunk;
      const { status } = ERROR_TABLE[code];
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json/i);
      expect(JSON.parse(answer.slice(answer.indexOf("{")))).toMatchObject({ status, code, detail: expect.stringMatching(says) });
      if (code === "upgrade_required") expect(answer).toMatch(/\r\nSec-WebSocket-Version: 13\r\n/i);
    }
    await control.call("DELETE", "/v1/vms/upgraded?wait=30");
  });

  test.each(["/v1/vms/nobody/console", "/v1/cats", `/v1/vms/${"x".repeat(300)}/console`, "/v1/vms/%zz/console"])(
    "an upgrade that is refused, to %s, is told so and left",
    async (path) => {
      const socket = connect({ port: Number(new URL(control.url).port), host: "127.0.0.1", allowHalfOpen: true });
      const headers = [
        "Connection: upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      ];
      socket.write(`GET ${path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer ${TOKEN}\r\n${headers.join("\r\n")}\r\n\r\n`);
      let answer = "";
      // Ends when the service ends the connection: this side does not.
      for await (const chunk of socket) answer += chunk;
      expect(answer).toMatch(/^HTTP\/1.1 40[04] /);
      socket.destroy();
    },
  );
});

test("what only the database refuses of a call is the caller's error, and is logged", async () => {
  const { database, images } = control.parts;
  const resolve = vi.spyOn(images, "resolve");
  resolve.mockImplementationOnce(async () => (await database.query("SELECT 'no time'::timestamptz", [])) as never);
  onTestFinished(() => resolve.mockRestore());
  const { status, body } = await control.call<Problem>("POST", "/v1/vms", { spec });
  expect([status, body.code]).toEqual([422, "validation_failed"]);
  expect(control.log.some((line) => String(line["msg"]).includes("that no check refused"))).toBe(true);
});

describe("health and contract need no token", () => {
  test.each(["/livez", "/readyz", "/openapi.json"])("%s", async (path) => {
    const response = await fetch(control.url + path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("application/json");
  });
});

describe("a worker that joins", () => {
  const join = (options: Partial<Parameters<typeof ScriptedWorker.join>[0]>) =>
    ScriptedWorker.join({ internalUrl: control.internalUrl, joinToken: JOIN_TOKEN, name: "worker", guests: new Map(), ...options });

  test.each(["wrong", "", TOKEN])("with the join token %j is refused before the upgrade with 401", async (token) => {
    const { port } = new URL(control.internalUrl);
    const upgrade = request({
      port,
      host: "127.0.0.1",
      path: "/internal/v1/workers",
      headers: {
        connection: "upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        authorization: `Bearer ${token}`,
      },
    });
    upgrade.end();
    const [response] = await once(upgrade, "response");
    expect(response.statusCode).toBe(401);
    let body = "";
    for await (const chunk of response) body += chunk;
    expect(JSON.parse(body)).toMatchObject({ code: "unauthenticated" });
    expect(control.log.some((line) => String(line["msg"]).includes("join token is missing or wrong"))).toBe(true);
  });

  test("with another protocol is told to run the same build", async () => {
    await expect(join({ protocol: 99 })).rejects.toThrow("protocol_mismatch");
  });

  test("under a name that is no label is refused", async () => {
    await expect(join({ name: "Not A Label" })).rejects.toThrow("bad_worker_name");
  });

  test("under the name of one that is there is refused; of one that is not, is taken", async () => {
    const first = await join({ name: "taken" });
    await expect(join({ name: "taken" })).rejects.toThrow("name_in_use");
    first.pause();
    const second = await join({ name: "taken" });
    expect(second.workerId).toBe(first.workerId);
    first.close();
    second.close();
  });

  test("and then sends what is no message loses its channel", async () => {
    const worker = await join({ name: "babbler" });
    worker.sendText('{"type":"replicaReport","report":{"replicaId":7}}');
    await worker.closed();
    expect(control.log.some((line) => String(line["msg"]).includes("a message of the worker cannot be read"))).toBe(true);
  });

  test("without a hello loses its channel", async () => {
    const worker = await join({ name: "silent" });
    worker.sendText('{"type":"hello"}');
    await worker.closed();
  });

  test("with a replica that no VM has is told to drop it", async () => {
    const worker = await join({ name: "strange" });
    const stranger = { ...strangeReport, replicaId: "rep_strange" };
    worker.reports.set("rep_strange", stranger);
    worker.report("rep_strange");
    expect((await worker.order("dropReplica")).replicaId).toBe("rep_strange");
    worker.close();
  });
});

describe("blobs", () => {
  const blob = (digest: string, token = JOIN_TOKEN) =>
    fetch(`${control.internalUrl}/internal/v1/blobs/${encodeURIComponent(digest)}`, { headers: { authorization: `Bearer ${token}` } });

  test("are given to workers, whole", async () => {
    const { body } = await control.get<{ items: { kernel: { digest: string; sizeBytes: number } }[] }>("/v1/images");
    const kernel = body.items[0]?.kernel as { digest: string; sizeBytes: number };
    const response = await blob(kernel.digest);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("the kernel's bytes");
  });

  test("that are not there, or no digest, or asked for with a wrong token", async () => {
    expect((await blob(`sha256:${"0".repeat(64)}`)).status).toBe(404);
    expect((await blob("../../token")).status).toBe(422);
    expect((await blob("sha256:x", "wrong")).status).toBe(401);
  });
});

const strangeReport = newReport("", "vm_strange", "primary", "live", "1", 2_000, undefined);
