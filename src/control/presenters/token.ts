/** A token as the public contract shows it: without its secret, which nobody has. */
import type { TokenRow } from "../db/schema.ts";
import type { Token } from "../schemas/token.ts";

export function presentToken(row: TokenRow): Token {
  return {
    id: row.id,
    name: row.name,
    scopes: [...row.scopes],
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    createdBy: row.createdBy,
  };
}
