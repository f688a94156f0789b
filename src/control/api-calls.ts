/** Knows every call from its first byte to its answer, for audit log, metrics and traces; what it says of a call goes into its transactions and events. */
import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { continueTrace, logFieldsOfTrace, readTraceparent } from "../tracing/trace-context.ts";
import type { Attributes, Span } from "../tracing/tracer.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { ApiCall } from "./domain/api-call.ts";
import { makeId } from "./domain/ids.ts";

declare module "fastify" {
  interface FastifyRequest {
    apiCall: ApiCall;
    span: Span;
    /** Its audit entry is complete, or on its way. */
    audited: boolean;
  }
}

type CallRecords = Pick<ControlPlane, "audit" | "activity" | "tracer">;

/** Of a path that is longer nothing is found. */
const RESOURCE_MAX = 500;

/** Comes before authentication: a call that is refused there is written down too. */
export function installApiCalls(app: FastifyInstance, control: CallRecords): void {
  app.decorateRequest("apiCall");
  app.decorateRequest("span");
  app.decorateRequest("audited", false);
  app.addHook("onRequest", async (request, reply) => {
    const { url = "", schema, method } = request.routeOptions;
    const route = pathTemplate(url);
    const caller = readTraceparent(request.headers["traceparent"] as string | undefined);
    const { tracer } = control;
    const attributes = tracer.enabled ? attributesOf(request, route) : {};
    request.span = tracer.start(`${method} ${route}`, { kind: "server", parent: caller, attributes });
    const traceparent = request.span.traceparent ?? continueTrace(caller, randomBytes(24));
    request.log = request.log.child(logFieldsOfTrace(traceparent));
    request.apiCall = {
      id: makeId("aud", Date.now(), randomBytes(10)),
      requestId: request.id,
      traceparent,
      method: String(method),
      route,
      operation: schema?.operationId ?? "",
      resource: (request.url.split("?")[0] ?? "/").slice(0, RESOURCE_MAX),
      sourceAddress: request.ip,
      startedMs: performance.now(),
      token: null,
      vmId: null,
    };
    // Comes after the end of the answer, and where the caller went away before it.
    reply.raw.once("close", () => {
      const status = reply.raw.writableFinished ? reply.statusCode : null;
      completeCall(control, request, status, reply.getHeader("idempotency-replayed") === "true");
    });
  });
}

/** For a call whose answer is a stream: it counts as answered when that begins. */
export function completeCall({ audit, activity }: CallRecords, request: FastifyRequest, status: number | null, replayed = false): void {
  if (request.audited) return;
  request.audited = true;
  const durationMs = performance.now() - request.apiCall.startedMs;
  const { method, route, operation, resource, token, vmId } = request.apiCall;
  const { problemCode: code } = request;
  activity.answered({ method, route, status, durationMs, replayed });
  audit.complete(request.apiCall, { status, code, durationMs });
  const { vm } = request.params as { readonly vm?: string };
  const isId = vm?.startsWith("vm_") === true;
  request.span.set({
    "http.response.status_code": status ?? undefined,
    "understudy.vm.id": vmId ?? (isId ? vm : undefined),
    "understudy.vm.name": isId ? undefined : vm,
    "understudy.problem.code": code ?? undefined,
  });
  // By the conventions an answer that says what the caller did wrong is no error of the server's.
  const failed = status === null ? "not_answered" : status >= 500 ? (code ?? String(status)) : undefined;
  request.span.end({ error: failed });
  const level = method === "GET" || method === "HEAD" ? "debug" : "info";
  request.log[level]({ operation, resource, tokenId: token?.id, status, code, durationMs }, "call answered");
}

/** By OpenTelemetry's conventions for HTTP servers. Without the query, which may carry secrets. */
function attributesOf(request: FastifyRequest, route: string): Attributes {
  return {
    "http.request.method": request.method,
    "http.route": route,
    "url.path": request.url.split("?")[0],
    "url.scheme": request.protocol,
    "server.address": request.hostname,
    "server.port": request.port ?? undefined,
    "client.address": request.ip,
    "network.protocol.version": request.raw.httpVersion,
    "user_agent.original": request.headers["user-agent"],
    "understudy.operation": request.routeOptions.schema?.operationId,
    "understudy.request.id": request.id,
  };
}

/** `/v1/vms/:vm` as the API's document has it: `/v1/vms/{vm}`. */
export function pathTemplate(url: string): string {
  return url.replaceAll(/:([A-Za-z]+)/g, "{$1}");
}
