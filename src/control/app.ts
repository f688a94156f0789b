/** Composes the public API: hooks, error answers, one plugin for each resource. `main.ts` listens. */
import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import websocket from "@fastify/websocket";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RouteOptions,
} from "fastify";
import { installApiCalls } from "./api-calls.ts";
import { installAuthentication } from "./authenticator.ts";
import { GatewaySocket, MESSAGE_BYTES_MAX, socketFailed } from "./consoles/gateway-socket.ts";
import type { ControlPlane } from "./control-plane.ts";
import { installCrossOrigin } from "./cross-origin.ts";
import { chooseSubprotocol } from "./domain/console-subprotocols.ts";
import { makeId } from "./domain/ids.ts";
import { ApiError } from "./errors/api-error.ts";
import { installProblems, sendProblem, toApiError } from "./errors/problem.ts";
import { refuseBytes } from "./errors/refused-bytes.ts";
import { installRefusals } from "./errors/refused-upgrades.ts";
import { describeRoutes, openApiText } from "./openapi.ts";
import { installRateLimits } from "./rate-limits.ts";
import { auditLogRoute } from "./routes/audit-log.ts";
import { consoleRoute } from "./routes/console.ts";
import { consoleCallRoutes } from "./routes/console-calls.ts";
import { consoleSessionRoutes } from "./routes/console-sessions.ts";
import { eventRoutes } from "./routes/events.ts";
import { failoverRoutes } from "./routes/failovers.ts";
import { imageContentRoute } from "./routes/image-content.ts";
import { imageUploadRoute } from "./routes/image-upload.ts";
import { imageRoutes } from "./routes/images.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { operationRoutes } from "./routes/operations.ts";
import { protectionRoutes } from "./routes/protection.ts";
import { quotaRoute } from "./routes/quotas.ts";
import { replicaVerbRoutes } from "./routes/replica-verbs.ts";
import { documentRoute, errorDocsRoute, healthRoutes, versionRoute } from "./routes/service.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { MERGE_PATCH, vmPatchRoute } from "./routes/vm-patch.ts";
import { vmVerbRoutes } from "./routes/vm-verbs.ts";
import { vmWaitRoute } from "./routes/vm-wait.ts";
import { vmRoutes } from "./routes/vms.ts";
import { workerVerbRoutes } from "./routes/worker-verbs.ts";
import { workerRoutes } from "./routes/workers.ts";
import { installValidation } from "./validation.ts";

export interface PublicApp {
  readonly app: FastifyInstance;
  /** The OpenAPI document, as text. */
  readonly openApi: () => string;
}

interface PublicOptions {
  /** TLS; the server has no certificate until it is given one. */
  readonly secure: boolean;
}

export async function buildApp(control: ControlPlane, { secure }: PublicOptions = { secure: false }): Promise<PublicApp> {
  const common = {
    loggerInstance: control.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      void sendProblem(toApiError(error, request), request, reply),
    clientErrorHandler: (error: Error, socket: Socket) => refuseBytes(control.log, error, socket),
    bodyLimit: 1024 * 1024,
    forceCloseConnections: "idle" as const,
    // Fastify's own answer is no problem document: the hook below gives one.
    return503OnClosing: false,
    genReqId: (request: { readonly headers: IncomingHttpHeaders }) => {
      const given = request.headers["request-id"];
      return typeof given === "string" && /^[\w.-]{1,64}$/.test(given) ? given : makeId("req", Date.now(), randomBytes(10));
    },
    routerOptions: { maxParamLength: 200 },
  };
  const server = { requireHostHeader: false };
  const app = (secure ? Fastify({ ...common, https: server }) : Fastify({ ...common, http: server })) as FastifyInstance;
  installValidation(app);
  installProblems(app);
  installBodies(app);
  await installCrossOrigin(app, control.config.allowedOrigins);
  app.addHook("onRequest", async (request, reply) => {
    reply.header("Request-Id", request.id);
    if (control.stopping.aborted && request.routeOptions.url !== "/livez")
      throw new ApiError("shutting_down", "Cannot serve: the control plane is stopping", { details: { retryAfterMs: 1000 } });
  });
  app.addHook("onSend", async (_request, reply) => {
    // A connection that is kept alive would keep the process alive.
    if (control.stopping.aborted) reply.header("Connection", "close");
  });
  const routes: RouteOptions[] = [];
  app.addHook("onRoute", (route) => {
    routes.push(route);
  });
  await app.register(websocket, {
    options: {
      maxPayload: MESSAGE_BYTES_MAX,
      // By its type it would have to be the library's whole module.
      WebSocket: GatewaySocket as never,
      handleProtocols: (offered) => chooseSubprotocol(offered) ?? false,
    },
    errorHandler: socketFailed,
    // The hub closes its sockets itself, with a code that says to come back.
    preClose: (done) => done(),
  });
  installRefusals(app);
  let text: string | null = null;
  // Every route is there when it is asked for first.
  const document = (): string => (text ??= openApiText(describeRoutes(routes)));
  await app.register(healthRoutes(control));
  await app.register(documentRoute(document));
  await app.register(errorDocsRoute());
  await app.register(async (v1) => {
    installApiCalls(v1, control);
    installAuthentication(v1, control.authenticator);
    installRateLimits(v1, control.rateLimits, (limit, key) => control.rateSharing.took(limit, key));
    await v1.register(versionRoute());
    await v1.register(vmRoutes(control));
    await v1.register(vmPatchRoute(control));
    await v1.register(vmVerbRoutes(control));
    await v1.register(vmWaitRoute(control));
    await v1.register(failoverRoutes(control));
    await v1.register(replicaVerbRoutes(control));
    await v1.register(protectionRoutes(control));
    await v1.register(consoleRoute(control));
    await v1.register(consoleCallRoutes(control));
    await v1.register(consoleSessionRoutes(control));
    await v1.register(operationRoutes(control));
    await v1.register(workerRoutes(control));
    await v1.register(workerVerbRoutes(control));
    await v1.register(imageRoutes(control));
    await v1.register(imageUploadRoute(control));
    await v1.register(imageContentRoute(control));
    await v1.register(eventRoutes(control));
    await v1.register(tokenRoutes(control));
    await v1.register(auditLogRoute(control));
    await v1.register(quotaRoute(control));
    await v1.register(metricsRoute(control));
  });
  return { app, openApi: document };
}

/**
 * JSON, and where a route wants no body, none: some clients announce JSON with every request. A route that does want one is
 * told of an empty one in words.
 */
function installBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  const types = ["application/json", MERGE_PATCH];
  app.addContentTypeParser(types, { parseAs: "string" }, (request, body, done) => {
    if (body !== "") parse(request, body as string, done);
    else if (!wantsBody(request.routeOptions.schema?.body)) done(null, undefined);
    else done(new ApiError("malformed_json", "Cannot read the body: it is empty, JSON was announced"));
  });
}

/** A schema with a default takes nothing for that. */
function wantsBody(schema: unknown): boolean {
  return schema !== undefined && (schema as { readonly default?: unknown }).default === undefined;
}
