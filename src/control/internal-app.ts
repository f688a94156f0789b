/** The internal listener: workers' control channels, and the blobs of images. Never public; one join token opens it. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import websocket from "@fastify/websocket";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import { bearerOf, equalSecrets } from "./authenticator.ts";
import type { ControlPlane } from "./control-plane.ts";
import { ApiError } from "./errors/api-error.ts";
import { installProblems, refuseUnreadable } from "./errors/problem.ts";
import { admitWorker, type KnownWorkers } from "./workers/admit-worker.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export async function buildInternalApp(control: ControlPlane, joinToken: string): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: control.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    clientErrorHandler: refuseUnreadable,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  });
  installProblems(app);
  await app.register(websocket, { options: { maxPayload: 4 * 1024 * 1024 }, preClose: (done) => done() });
  const known: KnownWorkers = new Map();

  app.addHook("onRequest", async (request) => {
    const secret = bearerOf(request);
    if (secret !== null && equalSecrets(secret, joinToken)) return;
    request.log.warn({ from: request.ip, url: request.url }, "rejected: the join token is missing or wrong");
    throw new ApiError(
      "unauthenticated",
      "Cannot join: the join token is missing or wrong. It is in the file that the control plane's start prints",
    );
  });

  app.route({
    method: "GET",
    url: "/internal/v1/workers",
    handler: async () => {
      throw new ApiError("upgrade_required", "Cannot join: this route is a WebSocket");
    },
    wsHandler: (socket, request) => admitWorker(control, known, socket, request.log),
  });

  app.route({
    method: "GET",
    url: "/internal/v1/blobs/:digest",
    handler: async (request, reply) => {
      const { digest } = request.params as { digest: string };
      if (!DIGEST.test(digest))
        throw new ApiError("validation_failed", `Cannot serve the blob "${digest}": sha256:<64 hex digits> is wanted`);
      const path = await control.images.obtain(digest);
      const info = path === null ? null : await stat(path).catch(() => null);
      if (path === null || info === null) throw new ApiError("not_found", `Cannot serve the blob ${digest}: no image store has it`);
      return reply.header("content-length", info.size).type("application/octet-stream").send(createReadStream(path));
    },
  });
  return app;
}
