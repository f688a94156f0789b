/** Aliases of images: names that are moved from one image to another, each move by who saw the last one. */
import { asc, eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Queryable, Transaction } from "../database.ts";
import { type ImageAliasRow, imageAliases } from "../schema.ts";
import { holdImage } from "./images.ts";

export async function listImageAliases(db: Queryable): Promise<readonly ImageAliasRow[]> {
  return await db.select().from(imageAliases).orderBy(asc(imageAliases.name));
}

/** @throws {ApiError} `image_alias_not_found` */
export async function readImageAlias(db: Queryable, name: string): Promise<ImageAliasRow> {
  const [row] = await db.select().from(imageAliases).where(eq(imageAliases.name, name));
  if (row === undefined) throw new ApiError("image_alias_not_found", `Cannot find the image alias "${name}": PUT makes it`);
  return row;
}

/**
 * Makes the alias, or moves it.
 *
 * @param check called with the row under its lock; null: there is none yet
 * @throws {ApiError} `image_not_found`, and what `check` throws
 */
export async function putImageAlias(
  tx: Transaction,
  name: string,
  imageId: string,
  check: (row: ImageAliasRow | null) => void,
): Promise<ImageAliasRow> {
  await tx.db.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`image alias ${name}`}, 0))`);
  const [before] = await tx.db.select().from(imageAliases).where(eq(imageAliases.name, name));
  check(before ?? null);
  await holdImage(tx, imageId);
  const [row] = await tx.db
    .insert(imageAliases)
    .values({ name, imageId })
    .onConflictDoUpdate({
      target: imageAliases.name,
      set: { imageId, version: sql`${imageAliases.version} + 1`, updatedAt: sql`now()` },
    })
    .returning();
  tx.emit({ type: "image.alias.moved", cause: USER_ACTION, data: { name, imageId, from: before?.imageId ?? null } });
  return row as ImageAliasRow;
}

/** @throws {ApiError} `image_alias_not_found`, and what `check` throws */
export async function deleteImageAlias(tx: Transaction, name: string, check: (row: ImageAliasRow) => void): Promise<ImageAliasRow> {
  await tx.db.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`image alias ${name}`}, 0))`);
  const row = await readImageAlias(tx.db, name);
  check(row);
  await tx.db.delete(imageAliases).where(eq(imageAliases.name, name));
  tx.emit({ type: "image.alias.moved", cause: USER_ACTION, data: { name, imageId: null, from: row.imageId } });
  return row;
}
