/** Pages of other origins: what a browser asks before it lets them call, and what it lets them read. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import { document, OPERATIONS } from "./support/contract-document.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

const NAMED = "https://console.example";
const STRANGE = "https://elsewhere.example";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start({ settings: { allowedOrigins: ["https://first.example", NAMED] } });
  return () => control.close();
});

const listed = (value: string | null) => (value ?? "").split(",").map((name) => name.trim().toLowerCase());
/** Without fetch, which knows of CORS itself. The body is left unread: a stream has no end. */
async function ask(method: string, path: string, headers: Record<string, string>, at = control) {
  const asked = request(at.url + path, { method, headers, agent: false });
  asked.on("error", () => undefined);
  asked.end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  asked.destroy();
  return { status: answer.statusCode ?? 0, headers: new Headers(answer.headers as Record<string, string>) };
}

const preflight = (origin: string, at = control) =>
  ask("OPTIONS", "/v1/vms", { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" }, at);
const grants = (answer: { readonly headers: Headers }) => [...answer.headers.keys()].filter((name) => name.startsWith("access-control-"));

describe("a page of an origin that is named", () => {
  test("is told before it shows a token what it may ask: every method and header of the document", async () => {
    const answer = await preflight(NAMED);
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([204, NAMED]);
    const methods = listed(answer.headers.get("access-control-allow-methods"));
    const headers = listed(answer.headers.get("access-control-allow-headers"));
    expect(headers).toEqual(expect.arrayContaining(["authorization", "content-type", "traceparent", "request-id"]));
    for (const { method, operation } of OPERATIONS) {
      expect(methods).toContain(method);
      for (const { in: where, name } of operation.parameters ?? [])
        if (where === "header") expect(headers, operation.operationId).toContain(name.toLowerCase());
    }
  });

  test("may read every header that the document declares, of answers and of refusals", async () => {
    const served = await ask("GET", "/v1/vms", { origin: NAMED, authorization: `Bearer ${TOKEN}` });
    const refused = await ask("GET", "/v1/vms", { origin: NAMED });
    expect([served.status, refused.status]).toEqual([200, 401]);
    const declared = OPERATIONS.flatMap(({ operation }) =>
      Object.values(operation.responses).flatMap((response) => Object.keys((response as { headers?: object }).headers ?? {})),
    );
    expect(declared).toContain("ETag");
    for (const answer of [served, refused]) {
      expect(answer.headers.get("access-control-allow-origin")).toBe(NAMED);
      expect(listed(answer.headers.get("vary"))).toContain("origin");
      const exposed = listed(answer.headers.get("access-control-expose-headers"));
      for (const name of [...declared, "Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed", "Console-Gap"])
        expect(exposed).toContain(name.toLowerCase());
    }
  });

  test("may read a stream of events", async () => {
    const stream = await ask("GET", "/v1/events", { origin: NAMED, authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" });
    expect(stream.headers.get("content-type")).toContain("text/event-stream");
    expect(stream.headers.get("access-control-allow-origin")).toBe(NAMED);
    expect(listed(stream.headers.get("access-control-expose-headers"))).toContain("request-id");
  });
});

describe("a page of another origin", () => {
  test("is granted nothing", async () => {
    const before = await preflight(STRANGE);
    expect([before.status, before.headers.get("content-type")]).toEqual([404, "application/problem+json; charset=utf-8"]);
    const called = await ask("GET", "/v1/vms", { origin: STRANGE, authorization: `Bearer ${TOKEN}` });
    const stream = await ask("GET", "/v1/events", { origin: STRANGE, authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" });
    expect([before, called, stream].flatMap(grants)).toEqual([]);
  });

  test("is granted nothing where none is named", async () => {
    const closed = await ControlUnderTest.ofTest();
    const called = await ask("GET", "/v1/vms", { origin: NAMED, authorization: `Bearer ${TOKEN}` }, closed);
    expect([await preflight(NAMED, closed), called].flatMap(grants)).toEqual([]);
  });
});

test("the document has no operation for what a browser asks before", () => {
  expect(Object.keys(document.paths)).not.toContain("*");
});
