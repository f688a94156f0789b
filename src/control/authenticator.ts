/**
 * Bearer tokens: `Authorization: Bearer …`, or for browsers' WebSockets the subprotocol `understudy.bearer.<base64url>`, or a ticket,
 * `?ticket=`, which is good once and for one console. All of it is checked before anything else of a request is looked at, an upgrade
 * included.
 *
 *     secret --known, not revoked, not expired--> its scopes --has the route's--> served
 *       '-- unauthenticated, token_expired (401)     '-- scope_missing (403)
 *
 * A token that was good a short time ago is good without asking the database again, unless it was revoked: that is an event, which
 * every control plane on the database hears of.
 */
import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TIMER_MAX_MS } from "../base/timer-max.ts";
import type { Database } from "./db/database.ts";
import { redeemConsoleTicket } from "./db/queries/console-tickets.ts";
import { findToken, sha256Of } from "./db/queries/tokens.ts";
import type { TokenRow } from "./db/schema.ts";
import type { EventDraft } from "./domain/events.ts";
import { allows, type Scope } from "./domain/scopes.ts";
import { ApiError } from "./errors/api-error.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The token that the caller showed. */
    token: TokenRow | null;
    /** VM whose console the caller's ticket is for; null: it showed the token itself. */
    ticketFor: string | null;
  }
}

const KEPT_MS = 30_000;
const KEPT_MAX = 1000;
const BEARER_PROTOCOL = "understudy.bearer.";

export class Authenticator {
  private readonly kept = new Map<string, { readonly token: TokenRow; readonly untilMs: number }>();
  /** By the token's id: what ends where it is good no more. */
  private readonly lasting = new Map<string, Set<() => void>>();
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
    database.onCommitted((events) => this.heard(events));
  }

  /** Events that were committed here or elsewhere: a token that was revoked is not good any more. */
  heard(events: readonly EventDraft[]): void {
    for (const { type, data } of events) {
      if (type !== "token.revoked") continue;
      const id = String(data?.["tokenId"]);
      for (const [hash, { token }] of this.kept) if (token.id === id) this.kept.delete(hash);
      for (const end of [...(this.lasting.get(id) ?? [])]) end();
    }
  }

  /**
   * Calls `end` once the token is good no more: it was revoked, or has expired. For an answer that lasts.
   *
   * @returns to be called where the answer has ended by itself
   */
  whenEnded({ id, expiresAt }: TokenRow, end: () => void): () => void {
    const ends = this.lasting.get(id) ?? new Set();
    this.lasting.set(id, ends.add(end));
    // What has lasted as long as a timer can wait may as well end: its client comes back.
    const expiry = expiresAt === null ? null : setTimeout(end, Math.min(TIMER_MAX_MS, Math.max(0, expiresAt.getTime() - Date.now())));
    return () => {
      if (expiry !== null) clearTimeout(expiry);
      ends.delete(end);
      if (ends.size === 0 && this.lasting.get(id) === ends) this.lasting.delete(id);
    };
  }

  /** @throws {ApiError} `unauthenticated`, `token_expired` */
  async authenticate(secret: string | null): Promise<TokenRow> {
    if (secret === null) {
      throw new ApiError("unauthenticated", "Cannot serve without a token: send Authorization: Bearer <token>");
    }
    const token = await this.find(sha256Of(secret));
    if (token === null) {
      throw new ApiError(
        "unauthenticated",
        "Cannot accept the token: it is not one of this service, or was revoked. The first one is in the file that the start prints",
      );
    }
    refuseExpired(token);
    return token;
  }

  /**
   * Redeems a console ticket: it is not good again, whatever becomes of the call.
   *
   * @returns the VM that it is for, and its maker's token, with the scopes that the ticket gives
   * @throws {ApiError} `unauthenticated`, `token_expired`
   */
  async redeem(ticket: string): Promise<{ readonly vmId: string; readonly token: TokenRow }> {
    const { db } = this.database;
    const redeemed = await redeemConsoleTicket(db, sha256Of(ticket));
    const token = redeemed === null ? null : await findToken(db, { id: redeemed.tokenId });
    if (redeemed === null || token === null) {
      throw new ApiError(
        "unauthenticated",
        "Cannot accept the ticket: it is not known, was redeemed, or is too old. Each is good once, for a minute",
      );
    }
    refuseExpired(token);
    const scopes: Scope[] = redeemed.mode === "write" ? ["console:read", "console:write"] : ["console:read"];
    return { vmId: redeemed.vmId, token: { ...token, scopes } };
  }

  private async find(hash: string): Promise<TokenRow | null> {
    const kept = this.kept.get(hash);
    if (kept !== undefined && kept.untilMs > performance.now()) return kept.token;
    this.kept.delete(hash);
    const token = await findToken(this.database.db, { secretSha256: hash });
    if (token === null) return null;
    if (this.kept.size >= KEPT_MAX) this.kept.clear();
    this.kept.set(hash, { token, untilMs: performance.now() + KEPT_MS });
    return token;
  }
}

/** @throws {ApiError} `token_expired` */
function refuseExpired(token: TokenRow): void {
  if (token.expiresAt === null || token.expiresAt.getTime() > Date.now()) return;
  throw new ApiError("token_expired", `Cannot accept the token "${token.name}": it expired at ${token.expiresAt.toISOString()}`);
}

/** Every route says by `scope` in its schema what a token must be allowed; null: any token will do. */
export function installAuthentication(app: FastifyInstance, authenticator: Authenticator): void {
  app.decorateRequest("token", null);
  app.decorateRequest("ticketFor", null);
  app.addHook("onRequest", async (request) => {
    const { scope = null, takesTicket = false } = request.routeOptions.schema ?? {};
    const ticket = takesTicket && request.headers.upgrade !== undefined ? ticketOf(request) : null;
    if (ticket === null) {
      request.token = await authenticator.authenticate(secretOf(request));
    } else {
      const { vmId, token } = await authenticator.redeem(ticket);
      request.token = token;
      request.ticketFor = vmId;
    }
    const { id, name } = request.token;
    request.apiCall = { ...request.apiCall, token: { id, name } };
    if (scope !== null) requireScope(request, scope);
  });
}

/** @throws {ApiError} `scope_missing`, with its name */
export function requireScope(request: FastifyRequest, scope: Scope): void {
  const { token } = request;
  if (token !== null && allows(token.scopes, scope)) return;
  // Its maker may have the scope: short, because a page is told in a close frame.
  if (request.ticketFor !== null) {
    throw new ApiError("scope_missing", 'Cannot serve this with the ticket: it is for reading. Ask for one with mode "write"', {
      details: { scope },
    });
  }
  throw new ApiError("scope_missing", `Cannot serve this with the token "${token?.name}": it has not the scope ${scope}`, {
    details: { scope },
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

function ticketOf(request: FastifyRequest): string | null {
  const { ticket } = request.query as { readonly ticket?: unknown };
  return typeof ticket === "string" ? ticket : null;
}

/** Subprotocols that a WebSocket's client offers, the first one preferred; an entry that is a credential is none. */
export function offeredSubprotocols(request: FastifyRequest): readonly string[] {
  return offeredEntries(request).filter((entry) => entry !== "" && !entry.startsWith(BEARER_PROTOCOL));
}

function offeredEntries(request: FastifyRequest): readonly string[] {
  const offered = String(request.headers["sec-websocket-protocol"] ?? "").split(",");
  return offered.map((entry) => entry.trim());
}

export function secretOf(request: FastifyRequest): string | null {
  const bearer = bearerOf(request);
  if (bearer !== null) return bearer;
  const entry = offeredEntries(request).find((each) => each.startsWith(BEARER_PROTOCOL));
  return entry === undefined ? null : Buffer.from(entry.slice(BEARER_PROTOCOL.length), "base64url").toString("utf8");
}
