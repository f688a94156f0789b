/** API tokens: only their SHA-256 is kept. One that was revoked stays, so that what was done with it can be told. */
import { createHash } from "node:crypto";
import { and, desc, eq, isNull, type SQL, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import type { Scope } from "../../domain/scopes.ts";
import { ApiError } from "../../errors/api-error.ts";
import { newId, type Queryable, type Transaction } from "../database.ts";
import { type TokenRow, tokens } from "../schema.ts";
import type { CreatedCursor } from "./list-operations.ts";

export interface NewToken {
  readonly name: string;
  readonly secretSha256: string;
  readonly scopes: readonly Scope[];
  /** Null: it never expires. */
  readonly ttlSeconds: number | null;
  /** The token by which it is made. */
  readonly createdBy: string;
}

export function sha256Of(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** @returns the token with this secret, or this id, expired ones too; null if there is none, or it was revoked */
export async function findToken(
  db: Queryable,
  wanted: { readonly secretSha256: string } | { readonly id: string },
): Promise<TokenRow | null> {
  const found = "id" in wanted ? eq(tokens.id, wanted.id) : eq(tokens.secretSha256, wanted.secretSha256);
  const [row] = await db
    .select()
    .from(tokens)
    .where(and(found, isNull(tokens.revokedAt)));
  return row ?? null;
}

/** A token of the set-up, which may do everything. One that was revoked stays so. */
export async function registerToken(db: Queryable, name: string, secret: string): Promise<boolean> {
  const { rowCount } = await db
    .insert(tokens)
    .values({ id: newId("tok"), name, secretSha256: sha256Of(secret), scopes: ["admin"] })
    .onConflictDoNothing();
  return (rowCount ?? 0) > 0;
}

export async function createToken(tx: Transaction, token: NewToken): Promise<TokenRow> {
  const { ttlSeconds, ...rest } = token;
  const [row] = await tx.db
    .insert(tokens)
    .values({
      ...rest,
      scopes: [...rest.scopes],
      id: newId("tok"),
      expiresAt: ttlSeconds === null ? null : sql`now() + make_interval(secs => ${ttlSeconds})`,
    })
    .returning();
  const made = row as TokenRow;
  tx.emit({
    type: "token.created",
    cause: USER_ACTION,
    data: { tokenId: made.id, name: made.name, scopes: made.scopes, expiresAt: made.expiresAt?.toISOString() ?? null },
  });
  return made;
}

/**
 * A second call finds it revoked, and changes nothing.
 *
 * @throws {ApiError} `token_not_found`
 */
export async function revokeToken(tx: Transaction, id: string): Promise<TokenRow> {
  const [locked] = await tx.db.select().from(tokens).where(eq(tokens.id, id)).for("update");
  if (locked === undefined)
    throw new ApiError("token_not_found", `Cannot find the token "${id}": GET /v1/tokens lists those that there are`);
  if (locked.revokedAt !== null) return locked;
  const [row] = await tx.db.update(tokens).set({ revokedAt: sql`now()` }).where(eq(tokens.id, id)).returning();
  tx.emit({
    type: "token.revoked",
    cause: USER_ACTION,
    data: { tokenId: id, name: locked.name },
  });
  return row as TokenRow;
}

/** Those that were not revoked, newest first. */
export async function listTokens(
  db: Queryable,
  after: CreatedCursor | null,
  pageSize: number,
): Promise<{ readonly items: readonly TokenRow[]; readonly next: CreatedCursor | null }> {
  const conditions: SQL[] = [isNull(tokens.revokedAt)];
  if (after !== null) conditions.push(sql`(${tokens.createdAt}, ${tokens.id}) < (${after.createdAt}::timestamptz, ${after.id})`);
  const rows = await db
    .select({ token: tokens, cursor: sql<string>`${tokens.createdAt}::text` })
    .from(tokens)
    .where(and(...conditions))
    .orderBy(desc(tokens.createdAt), desc(tokens.id))
    .limit(pageSize + 1);
  const page = rows.slice(0, pageSize);
  const last = page.at(-1);
  return {
    items: page.map(({ token }) => token),
    next: rows.length > pageSize && last !== undefined ? { createdAt: last.cursor, id: last.token.id } : null,
  };
}
