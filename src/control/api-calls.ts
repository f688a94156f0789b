/** Knows every call from its first byte to its answer, for the audit log and the metrics; what it says of a call goes into its transactions and events. */
import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ControlPlane } from "./control-plane.ts";
import type { ApiCall } from "./domain/api-call.ts";
import { makeId } from "./domain/ids.ts";
import { continueTrace, traceIdOf } from "./domain/trace-context.ts";

declare module "fastify" {
  interface FastifyRequest {
    apiCall: ApiCall;
    /** Its audit entry is complete, or on its way. */
    audited: boolean;
  }
}

type CallRecords = Pick<ControlPlane, "audit" | "activity">;

/** Of a path that is longer nothing is found. */
const RESOURCE_MAX = 500;

/** Comes before authentication: a call that is refused there is written down too. */
export function installApiCalls(app: FastifyInstance, control: CallRecords): void {
  app.decorateRequest("apiCall");
  app.decorateRequest("audited", false);
  app.addHook("onRequest", async (request, reply) => {
    const { url = "", schema, method } = request.routeOptions;
    const traceparent = continueTrace(request.headers["traceparent"] as string | undefined, randomBytes(24));
    request.log = request.log.child({ traceId: traceIdOf(traceparent) });
    request.apiCall = {
      id: makeId("aud", Date.now(), randomBytes(10)),
      requestId: request.id,
      traceparent,
      method: String(method),
      route: pathTemplate(url),
      operation: schema?.operationId ?? "",
      resource: (request.url.split("?")[0] ?? "/").slice(0, RESOURCE_MAX),
      sourceAddress: request.ip,
      startedMs: performance.now(),
      token: null,
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
  const { method, route, operation, resource, token } = request.apiCall;
  const { problemCode: code } = request;
  activity.answered({ method, route, status, durationMs, replayed });
  audit.complete(request.apiCall, { status, code, durationMs });
  const level = method === "GET" || method === "HEAD" ? "debug" : "info";
  request.log[level]({ operation, resource, tokenId: token?.id, status, code, durationMs }, "call answered");
}

/** `/v1/vms/:vm` as the API's document has it: `/v1/vms/{vm}`. */
export function pathTemplate(url: string): string {
  return url.replaceAll(/:([A-Za-z]+)/g, "{$1}");
}
