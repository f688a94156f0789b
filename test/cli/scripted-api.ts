/** A real HTTP server that answers the routes a test names, and keeps what it was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  readonly route: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export type Routes = Readonly<Record<string, unknown | ((asked: Asked, response: ServerResponse) => unknown)>>;

export class ScriptedApi {
  readonly asked: Asked[] = [];
  private readonly server: Server;
  private readonly routes: Routes;

  /** @param routes `"GET /v1/vms"` to the body of a 200, or to a function that answers; others get a 404 problem */
  constructor(routes: Routes) {
    this.routes = routes;
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => this.answer(request, response, Buffer.concat(chunks).toString("utf8")));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse, text: string): void {
    const url = new URL(request.url ?? "/", "http://localhost");
    const route = `${request.method} ${url.pathname}${url.search}`;
    const asked = { route, headers: request.headers, body: text === "" ? null : (JSON.parse(text) as unknown) };
    this.asked.push(asked);
    const found = this.routes[route] ?? this.routes[`${request.method} ${url.pathname}`];
    const body = typeof found === "function" ? (found as (asked: Asked, response: ServerResponse) => unknown)(asked, response) : found;
    // It answers by itself, later.
    if (body instanceof Promise || response.writableEnded) return;
    if (body === undefined) {
      sendProblem(response, 404, url.pathname.startsWith("/v1/vms/") ? "vm_not_found" : "not_found", `No ${url.pathname}`);
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  }
}

export function sendProblem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  extra: Record<string, unknown> = {},
): void {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(
    JSON.stringify({
      type: `/docs/errors#${code}`,
      title: code,
      status,
      code,
      detail,
      instance: null,
      requestId: "req_9",
      retryable: false,
      ...extra,
    }),
  );
}

export function vmResource(extra: Record<string, unknown> = {}, status: Record<string, unknown> = {}): Record<string, unknown> {
  const replica = (role: string, workerName: string) => ({
    id: `rep_${role}`,
    role,
    state: "live",
    workerName,
    worker: `wrk_${workerName}`,
    lastHeartbeatAt: new Date().toISOString(),
  });
  return {
    id: "vm_1",
    name: "demo",
    project: "default",
    labels: {},
    createdAt: new Date().toISOString(),
    updatedAt: new Date().toISOString(),
    generation: 1,
    resourceVersion: "7",
    spec: {
      image: "debian@sha256:00",
      machine: { vcpus: 1, memoryMiB: 256 },
      cmdline: "",
      desiredState: "running",
      protection: { mode: "lockstep" },
    },
    status: {
      state: "running",
      stateReason: null,
      stateMessage: null,
      term: 3,
      instant: "123",
      protection: { state: "protected", reason: null },
      replicas: [replica("primary", "worker-1"), replica("backup", "worker-2")],
      console: { start: "0", end: "10", writer: null },
      conditions: [],
      operationId: null,
      lastFailover: null,
      ...status,
    },
    ...extra,
  };
}
