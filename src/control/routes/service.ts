/** What the service says of itself: version, contract, health. No token is wanted for the last two. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { ERROR_CODES, ERROR_TABLE } from "../errors/error-codes.ts";
import { Health, Version } from "../schemas/service.ts";
import { CAPABILITIES, SERVICE_VERSION } from "../version.ts";

const tags = ["service"];

export const versionRoute = (): FastifyPluginAsyncTypebox => async (app) => {
  app.route({
    method: "GET",
    url: "/v1/version",
    schema: { operationId: "getVersion", summary: "Version and capabilities", tags, scope: null, response: { 200: Version } },
    handler: async () => ({ service: "understudy", version: SERVICE_VERSION, api: "v1", capabilities: [...CAPABILITIES] }),
  });
};

export const healthRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/livez",
      schema: { operationId: "getLiveness", summary: "The process runs", tags, authenticated: false, response: { 200: Health } },
      handler: async () => ({ status: "ok" as const, checks: [] }),
    });

    app.route({
      method: "GET",
      url: "/readyz",
      schema: {
        operationId: "getReadiness",
        summary: "The service can serve; names what it lacks",
        tags,
        authenticated: false,
        response: { 200: Health, 503: Health },
      },
      handler: async (_request, reply) => {
        const checks = [...(await Promise.all([databaseCheck(control), imageStoreCheck(control)])), reconcilerCheck(control)];
        const ok = checks.every((check) => check.status === "ok");
        return reply.code(ok ? 200 : 503).send({ status: ok ? "ok" : "failing", checks });
      },
    });
  };

export const documentRoute =
  (document: () => string): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/openapi.json",
      schema: {
        operationId: "getOpenApi",
        summary: "This contract",
        tags,
        authenticated: false,
        response: {
          200: Type.Unsafe<string>({ type: "object", examples: [{ openapi: "3.1.0", info: { title: "Understudy" }, paths: {} }] }),
        },
      },
      handler: async (_request, reply) => {
        reply.type("application/json").serializer(String);
        return document();
      },
    });
  };

/** Where the `type` of a problem leads: `/docs/errors#invalid_state`. */
export const errorDocsRoute = (): FastifyPluginAsyncTypebox => async (app) => {
  app.route({
    method: "GET",
    url: "/docs/errors",
    schema: {
      operationId: "getErrorDocs",
      summary: "What the error codes mean, for people; each by an anchor of its name",
      tags,
      authenticated: false,
      response: { 200: Type.String() },
      otherMedia: { "text/html": "A page with every code of the contract" },
    },
    handler: async (_request, reply) => {
      reply.type("text/html; charset=utf-8").header("content-security-policy", "default-src 'none'");
      return ERROR_PAGE;
    },
  });
};

/** Nothing in it comes from callers, so nothing has to be escaped. */
const ERROR_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Understudy: error codes</title></head><body>
<h1>Error codes</h1>
<p>Refusals are problems (RFC 9457). <code>code</code> says what is wrong, <code>detail</code> what is and what was wanted, <code>retryable</code> whether the same
call may succeed later, <code>requestId</code> what the service's log calls it.</p>
<dl>
${ERROR_CODES.map((code) => {
  const { status, title, retryable } = ERROR_TABLE[code];
  return `<dt id="${code}"><code>${code}</code></dt><dd>HTTP ${status}. ${title}. ${retryable ? "The same call may succeed later." : "The same call will be refused again."}</dd>`;
}).join("\n")}
</dl></body></html>
`;

type Check = { readonly name: string; readonly status: "ok" | "failing"; readonly message: string };

async function databaseCheck(control: ControlPlane): Promise<Check> {
  const problem = await control.database.ping();
  return problem === null
    ? { name: "database", status: "ok", message: "Postgres answers" }
    : { name: "database", status: "failing", message: `arbiter_unavailable: ${problem}` };
}

/** Never failing: whoever follows can serve as well. */
function reconcilerCheck(control: ControlPlane): Check {
  const message = control.presence.isLeader ? "This control plane reconciles" : "Another control plane reconciles";
  return { name: "reconciler", status: "ok", message };
}

async function imageStoreCheck(control: ControlPlane): Promise<Check> {
  const problem = await control.images.check();
  return problem === null
    ? { name: "image-store", status: "ok", message: "The image store can be read" }
    : { name: "image-store", status: "failing", message: problem };
}
