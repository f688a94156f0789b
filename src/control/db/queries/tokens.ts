/** API tokens: only their SHA-256 is kept. */
import { createHash } from "node:crypto";
import { eq } from "drizzle-orm";
import { newId, type Queryable } from "../database.ts";
import { tokens } from "../schema.ts";

export function sha256Of(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** @returns the token's id, or null if there is none with this secret */
export async function findToken(db: Queryable, secretSha256: string): Promise<string | null> {
  const [row] = await db.select({ id: tokens.id }).from(tokens).where(eq(tokens.secretSha256, secretSha256));
  return row?.id ?? null;
}

export async function registerToken(db: Queryable, name: string, secret: string): Promise<void> {
  await db
    .insert(tokens)
    .values({ id: newId("tok"), name, secretSha256: sha256Of(secret) })
    .onConflictDoNothing();
}
