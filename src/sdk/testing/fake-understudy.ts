/**
 * A small Understudy service in the process of a test: HTTP, events and consoles over real sockets on the loopback, no database, no
 * guest. It answers as the real one does where the SDK's own tests hold both to the same stories (`test/sdk/same-stories.test.ts`);
 * what it does not have is answered with `not_found`, and schemas are checked only where callers most often err.
 *
 *     const fake = await FakeUnderstudy.start();
 *     const client = new Understudy({ url: fake.url, token: fake.token });
 *     const vm = await client.vms.create({ name: "web", image: "debian" });
 *     await vm.waitFor("protected");
 *     fake.vm("web").write("login: ");        // what the guest writes
 *     fake.vm("web").failOver();              // its worker is lost: the consoles go on
 *     fake.refuse({ status: 503, code: "arbiter_unavailable", retryable: true }); // the next request, once
 *     await fake.close();
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Schemas } from "../client.ts";
import { CONSOLE_SUBPROTOCOL, type FakeAttachment } from "./fake-console.ts";
import { FAKE_OPERATIONS } from "./fake-operations.ts";
import { FakeProblem } from "./fake-problem.ts";
import { eventsAfter, FAKE_ROUTES, type FakeAnswer, type FakeCall } from "./fake-routes.ts";
import { FakeState } from "./fake-state.ts";
import type { FakeVm } from "./fake-vm.ts";

const BEARER_PROTOCOL = "understudy.bearer.";
const BOOKMARK_MS = 15_000;

export interface FakeOptions {
  /** The secret of the first token, which may do everything. Default: `fake`. */
  readonly token?: string;
  /**
   * True (default): VMs run and are protected, and operations end, by themselves, after the answer that told of them. False: a test
   * brings that about with `become`, `run`, `setProtection` and `failOver`.
   */
  readonly settles?: boolean;
}

export interface FakeRefusal {
  readonly status: number;
  readonly code: Schemas["ErrorCode"];
  readonly detail?: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
}

export interface FakeRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

interface Known {
  readonly fingerprint: string;
  readonly answer: FakeAnswer;
}

/** What the audit log is told of a call. */
interface FakeAuditedCall {
  readonly route: string | null;
  readonly requestId: string;
  readonly startedAt: Date;
  token: Schemas["Token"] | null;
  code: Schemas["ErrorCode"] | null;
}

export class FakeUnderstudy {
  readonly url: string;
  readonly token: string;
  /** Everything that was asked for by HTTP, in order. */
  readonly requests: FakeRequest[] = [];
  private readonly state: FakeState;
  private readonly server: Server;
  private readonly sockets = new WebSocketServer({ noServer: true, handleProtocols: () => CONSOLE_SUBPROTOCOL });
  private readonly known = new Map<string, Known>();
  private readonly refusals: FakeProblem[] = [];
  private readonly closing = new AbortController();
  private count = 0;

  private constructor(server: Server, { token = "fake", settles = true }: FakeOptions) {
    this.server = server;
    this.token = token;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.state = new FakeState(settles, token);
    server.on("request", (request, response) => void this.serve(request, response));
    server.on("upgrade", (request, socket, head) => this.upgrade(request, socket, head));
  }

  static async start(options: FakeOptions = {}): Promise<FakeUnderstudy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new FakeUnderstudy(server, options);
  }

  /** @param ref id or name. @throws where there is none */
  vm(ref: string): FakeVm {
    return this.state.vm(ref);
  }

  /** The next `times` requests are answered with this problem. */
  refuse({ status, code, detail = "Cannot serve this: a test said so", ...extra }: FakeRefusal, times = 1): void {
    for (let i = 0; i < times; i++) this.refusals.push(new FakeProblem(status, code, detail, extra));
  }

  /** No event up to now is kept: who asks for one is told to list again. */
  forgetEvents(): void {
    this.state.events = [];
  }

  async close(): Promise<void> {
    this.closing.abort();
    for (const client of this.sockets.clients) client.terminate();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = String(request.headers["request-id"] ?? `req_${String(++this.count).padStart(26, "0")}`);
    response.setHeader("request-id", requestId);
    const url = new URL(request.url ?? "/", this.url);
    const route = routeOf(request.method ?? "GET", url);
    const operation = FAKE_OPERATIONS[route ?? ""];
    const call: FakeAuditedCall = { route, requestId, startedAt: new Date(), token: null, code: null };
    response.on("close", () => this.audit(request, response, url, call));
    try {
      const body = await readBody(request);
      const headers = request.headers as Record<string, string | undefined>;
      this.requests.push({ method: request.method ?? "GET", path: `${url.pathname}${url.search}`, headers, body });
      call.token = this.authenticate(request);
      const refusal = this.refusals.shift();
      if (refusal !== undefined) throw refusal;
      if (operation?.scope != null) this.state.tokens.require(call.token, operation.scope);
      if (url.pathname === "/v1/events" && String(headers["accept"]).includes("text/event-stream")) {
        await this.stream(url.searchParams, headers["last-event-id"], response);
        return;
      }
      const gone = new AbortController();
      response.on("close", () => gone.abort());
      const signal = AbortSignal.any([gone.signal, this.closing.signal]);
      const answer = await this.answer(request.method ?? "GET", route, url, { headers, body, token: call.token, signal });
      response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
      response.end(JSON.stringify(answer.body));
    } catch (error) {
      if (!(error instanceof FakeProblem)) throw error;
      // A stream whose place is no longer kept: its client comes back, and is told so.
      if (response.headersSent) {
        response.end();
        return;
      }
      const problem = { ...error.problem, instance: url.pathname, requestId };
      call.code = problem.code;
      const after = problem.retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(problem.retryAfterMs / 1000)) };
      response.writeHead(problem.status, { "content-type": "application/problem+json", ...after });
      response.end(JSON.stringify(problem));
    }
  }

  /** Once for each idempotency key. */
  private async answer(
    method: string,
    route: string | null,
    url: URL,
    { headers, body, token, signal }: Omit<FakeCall, "path" | "query">,
  ): Promise<FakeAnswer> {
    const path = segmentsOf(url);
    const handler = route === null ? undefined : FAKE_ROUTES[route];
    if (handler === undefined)
      throw new FakeProblem(404, "not_found", `Cannot ${method} ${url.pathname}: the fake service has no such route`);
    const key = method === "POST" ? headers["idempotency-key"] : undefined;
    const name = `${token.id} ${method} ${url.pathname} ${key}`;
    const fingerprint = JSON.stringify(body ?? null);
    const known = key === undefined ? undefined : this.known.get(name);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint)
        throw new FakeProblem(422, "idempotency_key_reused", "Cannot use this idempotency key: it was sent with another body");
      return { ...known.answer, headers: { ...known.answer.headers, "idempotency-replayed": "true" } };
    }
    const answer = await handler(this.state, { path, query: url.searchParams, headers, body, token, signal });
    // As it is now: the resource goes on.
    if (key !== undefined) this.known.set(name, { fingerprint, answer: { ...answer, body: structuredClone(answer.body) } });
    return answer;
  }

  private async stream(query: URLSearchParams, last: string | undefined, response: ServerResponse): Promise<void> {
    let cursor = last ?? query.get("after") ?? String(this.state.seq);
    eventsAfter(this.state, query, cursor);
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.closing.signal]);
    const write = (seq: string, type: string, data: unknown) =>
      response.write(`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    write(cursor, "bookmark", { seq: cursor, type: "bookmark", time: new Date().toISOString() });
    while (!signal.aborted) {
      const news = this.state.news(BOOKMARK_MS, signal);
      const { events } = eventsAfter(this.state, query, cursor);
      for (const event of events) {
        cursor = event.seq;
        write(event.seq, event.type, event);
      }
      await news;
    }
    response.end();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? "/", this.url);
    try {
      const token = this.authenticate(request);
      const [, , ref = "", last] = segmentsOf(url);
      if (last !== "console") throw new FakeProblem(404, "not_found", `Cannot upgrade ${url.pathname}: it is no console`);
      const vm = this.state.living(ref);
      const attachment = attachmentOf(url.searchParams);
      this.state.tokens.require(token, attachment.mode === "write" ? "console:write" : "console:read");
      const other = attachment.takeover ? null : this.state.consoles.otherWriter(vm, attachment.inputSession);
      if (attachment.mode === "write" && other !== null)
        throw new FakeProblem(409, "console_writer_busy", `Cannot write: session ${other} does`, { writer: other });
      this.sockets.handleUpgrade(request, socket, head, (client) => this.state.consoles.attach(vm, client, attachment));
    } catch (error) {
      if (!(error instanceof FakeProblem)) throw error;
      const body = JSON.stringify({ ...error.problem, instance: url.pathname });
      socket.end(
        `HTTP/1.1 ${error.problem.status} Refused\r\ncontent-type: application/problem+json\r\nconnection: close\r\n` +
          `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    }
  }

  /** @throws {FakeProblem} `unauthenticated`, `token_expired` */
  private authenticate({ headers }: IncomingMessage): Schemas["Token"] {
    const offered = String(headers["sec-websocket-protocol"] ?? "").split(/, */);
    const entry = offered.find((protocol) => protocol.startsWith(BEARER_PROTOCOL))?.slice(BEARER_PROTOCOL.length);
    const shown = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? Buffer.from(entry ?? "", "base64url").toString("utf8");
    return this.state.tokens.authenticate(shown);
  }

  private audit(request: IncomingMessage, response: ServerResponse, { pathname }: URL, call: FakeAuditedCall): void {
    const { route, requestId, startedAt, token, code } = call;
    const completedAt = new Date();
    const status = response.headersSent ? response.statusCode : null;
    const outcome = status === null ? "unknown" : status < 400 ? "succeeded" : status < 500 ? "refused" : "failed";
    this.state.audit.push({
      ...{ id: this.state.id("aud"), requestId, method: request.method ?? "GET", resource: pathname, sourceAddress: "127.0.0.1" },
      actor: token === null ? null : { tokenId: token.id, tokenName: token.name },
      ...{ route: route?.split(" ")[1] ?? "", operation: FAKE_OPERATIONS[route ?? ""]?.id ?? "" },
      ...{ startedAt: startedAt.toISOString(), completedAt: completedAt.toISOString(), outcome, status, code },
      durationMs: completedAt.getTime() - startedAt.getTime(),
    });
  }
}

/** Of the contract's words; null: the fake service has none such. */
function routeOf(method: string, url: URL): string | null {
  try {
    const path = segmentsOf(url);
    return Object.keys(FAKE_ROUTES).find((each) => fits(each, method, path)) ?? null;
  } catch {
    return null;
  }
}

function fits(route: string, method: string, path: readonly string[]): boolean {
  const [of, pattern = ""] = route.split(" ");
  const parts = pattern.slice(1).split("/");
  return of === method && parts.length === path.length && parts.every((part, index) => part.startsWith("{") || part === path[index]);
}

function segmentsOf(url: URL): string[] {
  try {
    return url.pathname.slice(1).split("/").map(decodeURIComponent);
  } catch {
    throw new FakeProblem(400, "bad_request", `Cannot decode the path ${url.pathname}`);
  }
}

function attachmentOf(query: URLSearchParams): FakeAttachment {
  return {
    mode: query.get("mode") === "write" ? "write" : "read",
    from: query.get("from") ?? "end",
    inputSession: query.get("inputSession"),
    takeover: query.get("takeover") === "true",
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new FakeProblem(400, "malformed_json", "Cannot read the body: it is not JSON");
  }
}
