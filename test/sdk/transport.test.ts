/** Calls against a real HTTP server that fails as told: what is repeated, with which key, and what is not. */
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  ConfigurationError,
  ConnectionError,
  EtagMismatchError,
  NameTakenError,
  ProtocolError,
  RequestTimeoutError,
  Understudy,
  type UnderstudyOptions,
  VmNotFoundError,
  WaitTimeoutError,
} from "../../src/sdk/index.ts";
import { backoffMs, retryAfterMs } from "../../src/sdk/retry.ts";
import { collectGarbage } from "../../src/worker/collect-garbage.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const servers: Server[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Answers the first call with the first answer, and so on; the last one goes on. */
async function serve(
  answers: readonly Answer[],
  options: UnderstudyOptions = {},
): Promise<{ client: Understudy; seen: Seen[]; url: string }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const answer = answers[Math.min(seen.length, answers.length - 1)];
      seen.push({
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      });
      answer?.(response, request);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { client: new Understudy({ url, token: "secret", backoff: { baseMs: 1, capMs: 4 }, ...options }), seen, url };
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": status >= 400 ? "application/problem+json" : "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

function problem(status: number, code: string, extra: Record<string, unknown> = {}): Answer {
  return json(status, { type: `/docs/errors#${code}`, title: code, status, code, detail: `It is ${code}`, requestId: "req_7", ...extra });
}

const hangUp: Answer = (response) => response.destroy();
const silence: Answer = () => {};
const vm = { id: "vm_1", name: "demo", status: { state: "running", protection: { state: "protected", reason: null } } };

describe("a call", () => {
  it("carries the token and gives the value", async () => {
    const { client, seen } = await serve([json(200, vm)]);
    expect((await client.vms.get("demo")).id).toBe("vm_1");
    expect(seen[0]).toMatchObject({ method: "GET", url: "/v1/vms/demo", headers: { authorization: "Bearer secret" } });
  });

  it("that creates has an idempotency key of its own, the same in every attempt", async () => {
    const { client, seen } = await serve([hangUp, problem(503, "arbiter_unavailable", { retryable: true }), json(201, vm), json(201, vm)]);
    await client.vms.create({ image: "debian", name: "demo", protection: { mode: "lockstep" } });
    expect(seen.map(({ method }) => method)).toEqual(["POST", "POST", "POST"]);
    const keys = seen.map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(seen.map(({ body }) => body))).toEqual(
      new Set(['{"name":"demo","spec":{"image":"debian","protection":{"mode":"lockstep"}}}']),
    );
    await client.vms.create({ image: "debian" });
    expect(seen[3]?.headers["idempotency-key"]).not.toBe(keys[0]);
  });

  it("takes the key that the caller gives", async () => {
    const { client, seen } = await serve([json(201, vm)]);
    await client.vms.create({ image: "debian" }, { idempotencyKey: "order-66" });
    expect(seen[0]?.headers["idempotency-key"]).toBe("order-66");
  });

  it.each([
    ["a connection that is cut", hangUp],
    ["408", json(408, {})],
    ["429", problem(429, "rate_limited", { retryable: true })],
    ["502 of a proxy, in HTML", (response: ServerResponse) => response.writeHead(502, { "content-type": "text/html" }).end("<html>")],
    ["503", problem(503, "shutting_down", { retryable: true })],
    ["504", problem(504, "worker_timeout", { retryable: true })],
    ["409 idempotency_in_progress", problem(409, "idempotency_in_progress", { retryable: true })],
  ])("is repeated after %s", async (_what, failure) => {
    const { client, seen } = await serve([failure as Answer, json(200, vm)]);
    await client.vms.get("demo");
    expect(seen).toHaveLength(2);
  });

  it.each([
    ["404", problem(404, "vm_not_found"), VmNotFoundError],
    ["409", problem(409, "name_taken"), NameTakenError],
    ["409, though it may go later", problem(409, "operation_in_progress", { retryable: true }), Error],
    ["503 that says it is in vain", problem(503, "quota_exceeded", { retryable: false }), Error],
    ["500", problem(500, "internal_error"), Error],
    ["404 of something else", json(404, "nope"), ProtocolError],
  ] as const)("is not repeated after %s", async (_what, failure, errorClass) => {
    const { client, seen } = await serve([failure]);
    await expect(client.vms.get("demo")).rejects.toBeInstanceOf(errorClass);
    expect(seen).toHaveLength(1);
  });

  it("with an If-Match is not repeated where the first may have been made", async () => {
    for (const failure of [hangUp, json(504, {})]) {
      const { client, seen } = await serve([json(200, vm), failure, problem(412, "etag_mismatch")]);
      const found = await client.vms.get("demo");
      const changed = found.update({ labels: { tier: "web" } }, { ifGeneration: 1 });
      await expect(changed).rejects.not.toBeInstanceOf(EtagMismatchError);
      expect(seen.map(({ method }) => method)).toEqual(["GET", "PATCH"]);
    }
    const { client, seen } = await serve([json(200, vm), problem(503, "shutting_down", { retryable: true }), json(200, vm)]);
    await (await client.vms.get("demo")).update({ labels: { tier: "web" } }, { ifGeneration: 1 });
    expect(seen.map(({ method }) => method)).toEqual(["GET", "PATCH", "PATCH"]);
  });

  it("that deletes by name deletes the VM that has it now, whoever has it when the call is repeated", async () => {
    const operation = { id: "op_1", kind: "vm.delete", state: "succeeded", vmId: "vm_1" };
    const { client, seen } = await serve([json(200, vm), hangUp, json(200, operation)]);
    await client.vms.delete("demo");
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(["GET /v1/vms/demo", "DELETE /v1/vms/vm_1", "DELETE /v1/vms/vm_1"]);
    const { client: other, seen: missing } = await serve([problem(404, "vm_not_found"), json(200, operation)]);
    await other.vms.delete("demo", { allowMissing: true });
    expect(missing.map(({ method, url }) => `${method} ${url}`)).toEqual(["GET /v1/vms/demo", "DELETE /v1/vms/demo?allowMissing=true"]);
  });

  it("throws the last answer once its attempts are used up", async () => {
    const { client, seen } = await serve([problem(503, "arbiter_unavailable", { retryable: true })], { maxRetries: 2 });
    await expect(client.vms.get("demo")).rejects.toMatchObject({ code: "arbiter_unavailable", requestId: "req_7", retryable: true });
    expect(seen).toHaveLength(3);
  });

  it("throws ConnectionError with the reason where nobody answers", async () => {
    const { client } = await serve([hangUp], { maxRetries: 1 });
    const server = servers.pop();
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    const error = await client.vms.get("demo").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toContain("connection refused");
  });

  it("says so where the service speaks no TLS and its URL says that it does", async () => {
    const { url } = await serve([silence]);
    const { client } = await serve([silence], { url: url.replace("http:", "https:"), maxRetries: 0 });
    const error = await client.vms.get("demo").catch(String);
    expect(error).toContain("it does not speak TLS there");
  });

  it("throws RequestTimeoutError where no attempt is answered in time", async () => {
    // Counted where they begin: on a slow machine one may be given up before the server has read it.
    let attempts = 0;
    const counting = (request: Request, init: RequestInit) => {
      attempts++;
      return fetch(request, init);
    };
    const { client } = await serve([silence], { requestTimeoutMs: 20, maxRetries: 1, fetch: counting });
    await expect(client.vms.get("demo")).rejects.toBeInstanceOf(RequestTimeoutError);
    expect(attempts).toBe(2);
  });

  it("waits as long as the service asks", async () => {
    const { client, seen } = await serve([problem(503, "shutting_down", { retryable: true, retryAfterMs: 120 }), json(200, vm)]);
    const before = performance.now();
    await client.vms.get("demo");
    expect(performance.now() - before).toBeGreaterThanOrEqual(119);
    expect(seen).toHaveLength(2);
  });

  it("ends at once when the caller aborts, also between attempts", async () => {
    const abort = new AbortController();
    const { client } = await serve([
      (response, request) => {
        problem(503, "shutting_down", { retryable: true, retryAfterMs: 60_000 })(response, request);
        setImmediate(() => abort.abort(new Error("enough")));
      },
    ]);
    await expect(client.vms.get("demo", { signal: abort.signal })).rejects.toThrow("enough");
  });

  it("ends when the caller aborts, or its time is over, also where garbage was collected meanwhile", async () => {
    const asked = new EventEmitter();
    const { client } = await serve([() => asked.emit("call")]);
    const abort = new AbortController();
    const called = once(asked, "call");
    const aborted = client.vms.get("demo", { signal: abort.signal });
    await called;
    collectGarbage();
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    const { client: hasty } = await serve([() => collectGarbage()], { requestTimeoutMs: 100, maxRetries: 0 });
    await expect(hasty.vms.get("demo")).rejects.toBeInstanceOf(RequestTimeoutError);
  });
});

describe("waiting for a VM", () => {
  it("asks again until the target is reached, and is up to date then", async () => {
    const starting = { ...vm, status: { ...vm.status, state: "starting" } };
    const { client, seen } = await serve([
      json(200, starting),
      json(200, { reached: false, vm: starting }),
      json(200, { reached: true, vm }),
    ]);
    const found = await client.vms.get("demo");
    expect((await found.waitFor("running")).status.state).toBe("running");
    expect(seen.at(-1)?.url).toBe("/v1/vms/vm_1/wait?for=running&timeout=59");
  });

  it("says what was seen last where it takes too long", async () => {
    const { client } = await serve([json(200, vm), json(200, { reached: false, vm })]);
    const found = await client.vms.get("demo");
    await expect(found.waitFor("stopped", { timeoutMs: 1 })).rejects.toMatchObject({
      code: "wait_timeout",
      message: "Cannot see demo stopped within 1 ms: it is running, protected",
    });
  });
});

describe("a wait", () => {
  const operation = { id: "op_1", kind: "vm.stop", state: "running", vmId: "vm_1", result: null, error: null };

  it("gives up when its time is over, though the service has not answered", async () => {
    const { client } = await serve([json(200, vm), silence]);
    const found = await client.vms.get("demo");
    await expect(found.waitFor("stopped", { timeoutMs: 50 })).rejects.toThrow(
      new WaitTimeoutError("demo stopped", 50, "it is running, protected"),
    );
    const { client: other } = await serve([json(200, vm), json(202, operation), silence]);
    await expect((await other.vms.get("demo")).stop().result({ timeoutMs: 50 })).rejects.toBeInstanceOf(WaitTimeoutError);
  });

  it("without any time is one look", async () => {
    const { client, seen } = await serve([json(200, vm), json(200, { reached: true, vm })]);
    await (await client.vms.get("demo")).waitFor("running", { timeoutMs: 0 });
    expect(seen.at(-1)?.url).toBe("/v1/vms/vm_1/wait?for=running&timeout=0");
  });

  it("ends with the caller's reason where it is aborted", async () => {
    const asked = new EventEmitter();
    const { client } = await serve([json(200, vm), () => asked.emit("wait")]);
    const found = await client.vms.get("demo");
    const abort = new AbortController();
    const called = once(asked, "wait");
    const waited = found.waitFor("stopped", { signal: abort.signal });
    await called;
    abort.abort(new Error("enough"));
    await expect(waited).rejects.toThrow("enough");
    await expect(found.waitFor("stopped", { signal: abort.signal })).rejects.toThrow("enough");
  });
});

describe("an operation", () => {
  it("gives its result when it ends", async () => {
    const pending = { id: "op_1", kind: "vm.failover", state: "running", vmId: "vm_1", result: null, error: null };
    const { client, seen } = await serve([
      json(200, vm),
      json(202, pending),
      json(200, { ...pending, state: "succeeded", result: { id: "fo_1" } }),
    ]);
    const operation = await (await client.vms.get("demo")).failover({ mode: "test", expectedTerm: 3 });
    expect(operation.id).toBe("op_1");
    expect(await operation.result()).toEqual({ id: "fo_1" });
    expect(seen[1]).toMatchObject({ url: "/v1/vms/vm_1/failover", body: '{"mode":"test","expectedTerm":3}' });
    expect(seen[2]?.url).toBe("/v1/operations/op_1?wait=60");
  });

  it("gives its result without a look at the handle, and the refusal of the call that would have begun it", async () => {
    const ended = { id: "op_1", kind: "vm.failover", state: "succeeded", vmId: "vm_1", result: { id: "fo_1" }, error: null };
    const problem = { type: "x", title: "No backup", status: 409, code: "not_protected", detail: "It has no backup", retryable: false };
    const { client } = await serve([json(200, vm), json(202, ended), json(409, problem)]);
    const found = await client.vms.get("demo");
    expect(await found.failover({ mode: "test" }).result()).toEqual({ id: "fo_1" });
    await expect(found.failover({ mode: "test" }).result()).rejects.toMatchObject({ code: "not_protected" });
  });

  it("throws its own error where it failed", async () => {
    const error = { type: "x", title: "No backup", status: 409, code: "not_protected", detail: "It has no backup", retryable: true };
    const failed = { id: "op_1", kind: "vm.failover", state: "failed", vmId: "vm_1", result: null, error };
    const { client } = await serve([json(200, vm), json(202, failed)]);
    const operation = await (await client.vms.get("demo")).failover({ mode: "test" });
    await expect(operation.result()).rejects.toMatchObject({ code: "not_protected", retryable: true });
  });
});

describe("a list", () => {
  it("is iterated over all its pages", async () => {
    const { client, seen } = await serve([
      json(200, { items: [vm], nextPageToken: "p2", resourceVersion: "1" }),
      json(200, { items: [{ ...vm, id: "vm_2" }], nextPageToken: null, resourceVersion: "1" }),
    ]);
    const ids: string[] = [];
    for await (const listed of client.vms.list({ pageSize: 1 })) ids.push(listed.id);
    expect(ids).toEqual(["vm_1", "vm_2"]);
    expect(seen.map(({ url }) => url)).toEqual(["/v1/vms?pageSize=1", "/v1/vms?pageSize=1&pageToken=p2"]);
  });
});

describe("the URL", () => {
  it.each([
    ["127.0.0.1:18080", "begin with http:// or https://"],
    ["localhost:18080", "begin with http:// or https://"],
    ["notaurl", "begin with http:// or https://"],
    ["", "begin with http:// or https://"],
    ["http://127.0.0.1:99999", "a port that there can be"],
    ["http://here/?a=b", "without a query"],
  ])("%j is refused before anything is asked, with an example of another one", (url, says) => {
    expect(() => new Understudy({ url, token: "secret" })).toThrow(ConfigurationError);
    expect(() => new Understudy({ url, token: "secret" })).toThrow(
      new RegExp(`^Cannot use the URL ".*" of the option url: .*${says}.*, such as http://127\\.0\\.0\\.1:8080$`),
    );
  });

  it("is not shown where it may have a password", () => {
    for (const url of ["http://me:hidden@here", "me:hidden@here"]) {
      const refused = () => new Understudy({ url });
      expect(refused).toThrow(ConfigurationError);
      expect(refused).not.toThrow("hidden");
    }
  });

  it("of the environment is named by its variable", () => {
    vi.stubEnv("UNDERSTUDY_API_URL", "notaurl");
    expect(() => new Understudy()).toThrow("of the environment variable UNDERSTUDY_API_URL");
  });
});

describe("the token", () => {
  it.each([["ab\ncd"], ["“smart”"], ["two words"], ["nul\0"], [""]])("%j is refused, and said is where it is from", async (token) => {
    const refused = () => new Understudy({ url: "http://here", token });
    expect(refused).toThrow(ConfigurationError);
    expect(refused).toThrow(/^Cannot use the token of the option token: it (is empty|has other characters than visible ASCII ones.*)$/);
    if (token !== "") expect(refused).not.toThrow(token);
  });

  it("of the environment, or of a file, is named by that", async () => {
    vi.stubEnv("UNDERSTUDY_TOKEN", "ab\ncd");
    expect(() => new Understudy({ url: "http://here" })).toThrow("the token of the environment variable UNDERSTUDY_TOKEN");
    await inFolder(async (folder) => {
      const tokenFile = join(folder, "token");
      await writeFile(tokenFile, "ab\ncd\n");
      const { client, seen } = await serve([json(200, vm)]);
      const error = await new Understudy({ url: client.url, tokenFile }).vms.get("demo").catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(String(error)).toContain(`the token of the file ${tokenFile}`);
      expect(seen).toEqual([]);
    });
  });

  it("is taken without white space around it", async () => {
    const { client, seen } = await serve([json(200, vm)], { token: " secret\n" });
    await client.vms.get("demo");
    expect(seen[0]?.headers.authorization).toBe("Bearer secret");
  });

  it("is read from a file, which may appear later: until then a call says that it is not there", async () => {
    await inFolder(async (folder) => {
      const tokenFile = join(folder, "token");
      const { client: listed, seen } = await serve([json(200, vm)]);
      const client = new Understudy({ url: listed.url, tokenFile });
      const error = await client.vms.get("demo").catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(String(error)).toContain(`Cannot read the token from the file ${tokenFile}: there is no such file, or it is empty`);
      expect(seen).toEqual([]);
      await writeFile(tokenFile, "from-file\n");
      await client.vms.get("demo");
      expect(seen[0]?.headers.authorization).toBe("Bearer from-file");
    });
  });

  it("of a file that the environment names, and of a folder, is refused with its name", async () => {
    const { client } = await serve([json(200, vm)]);
    vi.stubEnv("UNDERSTUDY_TOKEN", "");
    vi.stubEnv("UNDERSTUDY_TOKEN_FILE", "/nope");
    await expect(new Understudy({ url: client.url }).vms.get("demo")).rejects.toThrow("Cannot read the token from the file /nope");
    const folder = new Understudy({ url: client.url, tokenFile: tmpdir() });
    await expect(folder.vms.get("demo")).rejects.toThrow(
      new ConfigurationError(`Cannot read the token from the file ${tmpdir()}: it is a folder`),
    );
  });

  it("is not sent where none is named, and the default file is not there", async () => {
    const { client, seen } = await serve([json(200, vm)]);
    vi.stubEnv("UNDERSTUDY_TOKEN", "");
    vi.stubEnv("UNDERSTUDY_TOKEN_FILE", "");
    const before = process.cwd();
    await inFolder(async (folder) => {
      process.chdir(folder);
      await new Understudy({ url: client.url }).vms.get("demo").finally(() => process.chdir(before));
    });
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });
});

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "understudy-sdk-"));
  try {
    await act(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("backoff", () => {
  it("is anything from nothing to a bound that doubles, and has an end", () => {
    const backoff = { baseMs: 100, capMs: 1_000 };
    expect([0, 1, 2, 3, 4, 50].map((attempt) => backoffMs(backoff, attempt, 0.999_999))).toEqual([99, 199, 399, 799, 999, 999]);
    expect(backoffMs(backoff, 3, 0)).toBe(0);
  });

  it.each([
    ["7", 7_000],
    [" 0 ", 0],
    ["Thu, 01 Jan 1970 00:01:00 GMT", 59_000],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["soon", null],
    [null, null],
  ])("reads Retry-After %s as %s ms", (header, expected) => {
    expect(retryAfterMs(header, 1_000)).toBe(expected);
  });
});
