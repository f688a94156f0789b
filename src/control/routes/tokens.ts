/** /v1/tokens and /v1/whoami: makes tokens, lists and revokes them, and tells a caller who it is. */
import { randomBytes } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { requireScope, secretOf } from "../authenticator.ts";
import type { ControlPlane } from "../control-plane.ts";
import { runIdempotently } from "../db/queries/idempotency.ts";
import { createToken, listTokens, revokeToken, sha256Of } from "../db/queries/tokens.ts";
import type { TokenRow } from "../db/schema.ts";
import { presentToken } from "../presenters/token.ts";
import { CreatedToken, CreateTokenRequest, Identity, Token, TokenList } from "../schemas/token.ts";
import { seal, unseal } from "../sealed-secret.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { OPERATION_CALL_ERRORS } from "./operation-call.ts";
import { readPageToken, writePageToken } from "./page-token.ts";
import { IdempotencyHeader, PageQuery } from "./parameters.ts";

const tags = ["tokens"];

export const tokenRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "POST",
      url: "/v1/tokens",
      schema: {
        operationId: "createToken",
        summary: "Make a token",
        description: "The secret is in this answer, and in that to a repeat with the same key and the same token; only its hash is kept.",
        tags,
        scope: "tokens:write",
        headers: Type.Object(IdempotencyHeader),
        body: CreateTokenRequest,
        response: { 201: CreatedToken },
        answerHeaders: { Location: "Path of the token" },
        errors: [...OPERATION_CALL_ERRORS],
      },
      handler: async (request, reply) => {
        const { name, scopes, ttlSeconds = null } = request.body;
        for (const scope of scopes) requireScope(request, scope);
        const own = secretOf(request) as string;
        const key = readIdempotencyKey(request.headers["idempotency-key"]);
        const call = { apiCall: request.apiCall, route: "POST /v1/tokens", key, body: request.body };
        const answer = await runIdempotently(control.database, call, async (tx) => {
          const secret = `ust_${randomBytes(24).toString("base64url")}`;
          const made = await createToken(tx, {
            name,
            scopes,
            ttlSeconds,
            secretSha256: sha256Of(secret),
            createdBy: (request.token as TokenRow).id,
          });
          const body = { token: presentToken(made), secret: seal(secret, own, "idempotent answer") };
          return { status: 201, headers: { location: `/v1/tokens/${made.id}` }, body };
        });
        if (answer.replayed) reply.header("Idempotency-Replayed", "true");
        const { token, secret } = answer.body as CreatedToken;
        return reply
          .code(201)
          .headers({ ...answer.headers, "cache-control": "no-store" })
          .send({ token, secret: unseal(secret, own, "idempotent answer") });
      },
    });

    app.route({
      method: "GET",
      url: "/v1/tokens",
      schema: {
        operationId: "listTokens",
        summary: "List tokens that were not revoked, newest first",
        tags,
        scope: "tokens:write",
        querystring: Type.Object(PageQuery, { additionalProperties: false }),
        response: { 200: TokenList },
        errors: ["bad_page_token", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken } = request.query;
        const page = await listTokens(control.database.db, readPageToken(pageToken), pageSize);
        return { items: page.items.map(presentToken), nextPageToken: writePageToken(page.next) };
      },
    });

    app.route({
      method: "DELETE",
      url: "/v1/tokens/:token",
      schema: {
        operationId: "revokeToken",
        summary: "Revoke a token, at once and for good",
        description: "Answers with the token as it was; a second call is the same.",
        tags,
        scope: "tokens:write",
        params: Type.Object({
          token: Type.String({ minLength: 1, maxLength: 80, description: "Id", examples: ["tok_01KJM700B1C2D3E4F5G6H7J8K9"] }),
        }),
        response: { 200: Token },
        errors: ["token_not_found"],
      },
      handler: async (request) =>
        presentToken(await control.database.transaction((tx) => revokeToken(tx, request.params.token), request.apiCall)),
    });

    app.route({
      method: "GET",
      url: "/v1/whoami",
      schema: {
        operationId: "whoami",
        summary: "The token that the caller shows, with what it may do",
        tags,
        scope: null,
        response: { 200: Identity },
      },
      handler: async (request) => ({ token: presentToken(request.token as TokenRow), project: "default" }),
    });
  };
