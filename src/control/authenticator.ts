/**
 * Bearer tokens: `Authorization: Bearer …`, or for browsers' WebSockets the subprotocol `understudy.bearer.<base64url>`.
 *
 * A token that was good a short time ago is good without asking the database again.
 */
import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Database } from "./db/database.ts";
import { findToken, sha256Of } from "./db/queries/tokens.ts";
import { ApiError } from "./errors/api-error.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Id of the token that the caller showed. */
    principal: string;
  }
}

const KEPT_MS = 30_000;
const KEPT_MAX = 1000;
const BEARER_PROTOCOL = "understudy.bearer.";

export class Authenticator {
  private readonly kept = new Map<string, { readonly id: string; readonly untilMs: number }>();
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /**
   * @returns the token's id
   * @throws {ApiError} `unauthenticated`
   */
  async authenticate(secret: string | null): Promise<string> {
    if (secret === null) {
      throw new ApiError("unauthenticated", "Cannot serve without a token: send Authorization: Bearer <token>");
    }
    const hash = sha256Of(secret);
    const kept = this.kept.get(hash);
    if (kept !== undefined && kept.untilMs > performance.now()) return kept.id;
    const id = await findToken(this.database.db, hash);
    if (id === null) {
      this.kept.delete(hash);
      throw new ApiError(
        "unauthenticated",
        "Cannot accept the token: it is not one of this service. The first one is in the file that the start prints",
      );
    }
    if (this.kept.size >= KEPT_MAX) this.kept.clear();
    this.kept.set(hash, { id, untilMs: performance.now() + KEPT_MS });
    return id;
  }
}

export function installAuthentication(app: FastifyInstance, authenticator: Authenticator): void {
  app.decorateRequest("principal", "");
  app.addHook("onRequest", async (request) => {
    request.principal = await authenticator.authenticate(secretOf(request));
  });
}

/** Compares without telling by its time how much was right. */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Of(a)), Buffer.from(sha256Of(b)));
}

export function bearerOf(request: FastifyRequest): string | null {
  const { authorization } = request.headers;
  return authorization === undefined ? null : (/^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? null);
}

function secretOf(request: FastifyRequest): string | null {
  const bearer = bearerOf(request);
  if (bearer !== null) return bearer;
  const offered = String(request.headers["sec-websocket-protocol"] ?? "").split(",");
  const entry = offered.map((protocol) => protocol.trim()).find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  return entry === undefined ? null : Buffer.from(entry.slice(BEARER_PROTOCOL.length), "base64url").toString("utf8");
}
