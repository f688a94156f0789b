/**
 * The internal listener: workers' control channels, the blobs of images, and the certificates that workers show. Never public.
 *
 * Plain, on a loopback, the join token opens all of it. Over TLS a worker's certificate does, and the join token nothing but the way
 * to a certificate: so it is said to a server that has shown who it is, and as seldom as can be.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import websocket from "@fastify/websocket";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import { UnderstudyError } from "../base/errors.ts";
import type { AuthorityMaterial } from "../pki/certificate-authority.ts";
import { workerIdOf } from "../pki/identity.ts";
import { NONCE_BYTES } from "../pki/join-secret.ts";
import { SERVER_OPTIONS, verifiedIdentity } from "../pki/tls-peer.ts";
import { AUTHORITY_PATH, CERTIFICATES_PATH, type CertificateAnswer, decodeCertificateRequest } from "../wire/join-messages.ts";
import { bearerOf, equalSecrets } from "./authenticator.ts";
import { Certificates } from "./certificates.ts";
import type { ControlPlane } from "./control-plane.ts";
import { identifyWorker, isRevoked } from "./db/queries/identify-worker.ts";
import { ApiError } from "./errors/api-error.ts";
import { installProblems, sendProblem, toApiError } from "./errors/problem.ts";
import { refuseBytes } from "./errors/refused-bytes.ts";
import { installRefusals } from "./errors/refused-upgrades.ts";
import { rangeAsked } from "./routes/byte-range.ts";
import { admitWorker, isWorkerName, type KnownWorkers } from "./workers/admit-worker.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

interface InternalOptions {
  /** TLS, both sides verified. */
  readonly secure: boolean;
  /** Null: the installation's own. */
  readonly authority: AuthorityMaterial | null;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Of the internal listener: the worker that the client's certificate is for; null: the join token was shown. */
    certifiedId: string | null;
  }
}

/**
 * @returns ready to listen
 * @throws {UnderstudyError} `bad_certificate_authority`
 */
export async function buildInternalApp(
  control: ControlPlane,
  joinToken: string,
  { secure, authority }: InternalOptions = { secure: false, authority: null },
): Promise<FastifyInstance> {
  const { log } = control;
  const common = {
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      void sendProblem(toApiError(error, request), request, reply),
    clientErrorHandler: (error: Error, socket: Socket) => refuseBytes(log, error, socket),
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  };
  const server = { requireHostHeader: false };
  const app = (
    secure ? Fastify({ ...common, https: { ...SERVER_OPTIONS, ...server } }) : Fastify({ ...common, http: server })
  ) as FastifyInstance;
  installProblems(app);
  await app.register(websocket, { options: { maxPayload: 4 * 1024 * 1024 }, preClose: (done) => done() });
  installRefusals(app);
  const known: KnownWorkers = new Map();
  const ttlMs = control.config.certificateTtlSeconds * 1000;
  const certificates = new Certificates({ database: control.database, joinToken, authority, ttlMs, log });
  // Not when the app is made ready, which has a time-out of its own.
  if (secure) await certificates.serve(app.server as unknown as Server);
  app.addHook("onClose", async () => certificates.close());

  app.decorateRequest("certifiedId", null);
  app.addHook("onRequest", async (request) => {
    const { url } = request.routeOptions;
    // Asked before anybody can show anything: it is proved, and is no secret.
    if (url === AUTHORITY_PATH) return;
    const secret = bearerOf(request);
    if (secure && (url !== CERTIFICATES_PATH || secret === null)) {
      request.certifiedId = certifiedWorker(request);
      return;
    }
    if (secret !== null && equalSecrets(secret, joinToken)) return;
    throw rejected(
      request,
      "join_token_wrong",
      "Cannot join: the join token is missing or wrong. It is in the file that the control plane's start prints",
    );
  });

  app.get(AUTHORITY_PATH, async (request) => {
    const { nonce } = request.query as { readonly nonce?: unknown };
    if (typeof nonce !== "string" || !new RegExp(`^[0-9a-f]{${2 * NONCE_BYTES}}$`).test(nonce))
      throw new ApiError(
        "validation_failed",
        `Cannot prove the certificate authority: a nonce of ${NONCE_BYTES} bytes in hexadecimal is wanted`,
      );
    return certificates.prove(Buffer.from(nonce, "hex"));
  });

  app.post(CERTIFICATES_PATH, async (request): Promise<CertificateAnswer> => {
    const { name, request: signingRequest } = validated(() => decodeCertificateRequest(request.body));
    if (!isWorkerName(name)) throw new ApiError("validation_failed", `Cannot certify a worker of the name "${name}"`);
    const worker = await identifyWorker(control.database, name, request.certifiedId);
    if (worker === null)
      throw rejected(
        request,
        "certificate_revoked",
        `Cannot renew the certificate of "${name}": it was deleted, or the certificate is another's`,
      );
    if (worker.fenced) {
      throw new ApiError("invalid_state", `Cannot certify the worker "${name}": it is fenced; uncordon it first`, {
        details: { reason: "fenced", currentState: "fenced" },
      });
    }
    const answer = await certificates.certifyWorker(worker.workerId, signingRequest).catch((error: unknown) => {
      if (!(error instanceof UnderstudyError) || error.code !== "bad_signing_request") throw error;
      throw new ApiError("validation_failed", error.message, { cause: error });
    });
    log.info({ worker: name, workerId: worker.workerId, renewed: request.certifiedId !== null }, "worker certified");
    return answer;
  });

  app.route({
    method: "GET",
    url: "/internal/v1/workers",
    handler: async () => {
      throw new ApiError("upgrade_required", "Cannot join: this route is a WebSocket");
    },
    wsHandler: (socket, request) => admitWorker(control, known, socket, request.certifiedId, request.log),
  });

  app.route({
    method: "GET",
    url: "/internal/v1/blobs/:digest",
    handler: async (request, reply) => {
      const { digest } = request.params as { digest: string };
      if (!DIGEST.test(digest))
        throw new ApiError("validation_failed", `Cannot serve the blob "${digest}": sha256:<64 hex digits> is wanted`);
      const { certifiedId } = request;
      if (certifiedId !== null && (await isRevoked(control.database, certifiedId)))
        throw rejected(
          request,
          "certificate_revoked",
          `Cannot serve the blob ${digest}: the worker ${certifiedId} was deleted, or is fenced`,
        );
      const path = await control.images.obtain(digest);
      const info = path === null ? null : await stat(path).catch(() => null);
      if (path === null || info === null) throw new ApiError("not_found", `Cannot serve the blob ${digest}: no image store has it`);
      // Of bytes that are named by their digest, a part is of the same whole wherever it comes from.
      const etag = `"${digest}"`;
      const range = request.method === "HEAD" ? null : rangeAsked(request.headers, etag, info.size);
      reply.header("etag", etag).header("accept-ranges", "bytes").type("application/octet-stream");
      if (range === "unsatisfiable") {
        reply.header("content-range", `bytes */${info.size}`);
        throw new ApiError(
          "range_not_satisfiable",
          `Cannot send ${request.headers.range} of the blob ${digest}: it has ${info.size} bytes`,
          {
            details: { sizeBytes: info.size },
          },
        );
      }
      const { start, end } = range ?? { start: 0, end: info.size };
      if (range !== null) reply.code(206).header("content-range", `bytes ${start}-${end - 1}/${info.size}`);
      return reply.header("content-length", end - start).send(createReadStream(path, { start, end: Math.max(start, end - 1) }));
    },
  });
  return app;
}

/** @throws {ApiError} `unauthenticated`, with the reason */
function certifiedWorker(request: FastifyRequest): string {
  try {
    const identity = verifiedIdentity(request.raw.socket as TLSSocket);
    const workerId = workerIdOf(identity);
    if (workerId !== null) return workerId;
    throw new UnderstudyError("certificate_of_another", `Cannot join with the certificate of ${identity}: a worker's is wanted`);
  } catch (error) {
    if (!(error instanceof UnderstudyError)) throw error;
    throw rejected(request, error.code, error.message);
  }
}

function rejected(request: FastifyRequest, reason: string, message: string): ApiError {
  request.log.warn({ code: reason, from: request.ip, url: request.url, certifiedId: request.certifiedId }, `rejected: ${message}`);
  return new ApiError("unauthenticated", message, { details: { reason } });
}

function validated<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof UnderstudyError)) throw error;
    throw new ApiError("validation_failed", error.message, { cause: error });
  }
}
