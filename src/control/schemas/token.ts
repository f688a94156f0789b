/** Tokens: who may do what, until when. The secret is shown when a token is made, and never again. */
import { type Static, Type } from "typebox";
import { SCOPES } from "../domain/scopes.ts";
import { orNull, Timestamp, words } from "./scalars.ts";

const Scope = words(SCOPES, { $id: "Scope" });

export const Token = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Scope),
    createdAt: Timestamp,
    expiresAt: orNull(Timestamp),
    createdBy: orNull(Type.String({ description: "Id of the token by which it was made; null: at set-up" })),
  },
  { $id: "Token" },
);
export type Token = Static<typeof Token>;

export const CreatedToken = Type.Object(
  { token: Token, secret: Type.String({ description: "What a caller shows as bearer token; it is not kept, and never shown again" }) },
  { $id: "CreatedToken" },
);
export type CreatedToken = Static<typeof CreatedToken>;

export const TokenList = Type.Object({ items: Type.Array(Token), nextPageToken: orNull(Type.String()) }, { $id: "TokenList" });

export const CreateTokenRequest = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63, description: "What it is for" }),
    scopes: Type.Array(Scope, { minItems: 1, maxItems: SCOPES.length, description: "None that the caller's own token has not" }),
    ttlSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 315_360_000, description: "How long it is good; for ever where it is left out" }),
    ),
  },
  { $id: "CreateTokenRequest", additionalProperties: false },
);

export const Identity = Type.Object({ token: Token, project: Type.String() }, { $id: "Identity" });
