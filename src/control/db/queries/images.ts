/** The catalogue of images: what the store held when it was looked at last, and what VMs were made from. */
import { asc, desc, eq } from "drizzle-orm";
import type { Database, Queryable } from "../database.ts";
import { images, type StoredManifest } from "../schema.ts";

export type ImageRow = typeof images.$inferSelect;

export interface ImageFacts {
  readonly id: string;
  readonly name: string;
  readonly digest: string;
  readonly manifest: StoredManifest;
  readonly createdAt: Date;
}

/** Adds what is not known yet; the digest is the identity. */
export async function catalogueImages(database: Database, found: readonly ImageFacts[]): Promise<void> {
  const known = new Set((await listImages(database.db)).map((image) => image.digest));
  const fresh = found.filter((image) => !known.has(image.digest));
  if (fresh.length === 0) return;
  await database.transaction(async (tx) => {
    for (const image of fresh) {
      const rows = await tx.db.insert(images).values(image).onConflictDoNothing().returning();
      if (rows.length > 0) tx.emit({ type: "image.created", cause: "found_in_store", data: { name: image.name, digest: image.digest } });
    }
  });
}

/** Newest first. */
export function listImages(db: Queryable): Promise<ImageRow[]> {
  return db.select().from(images).orderBy(desc(images.createdAt), asc(images.id));
}

export async function readImage(db: Queryable, id: string): Promise<ImageRow | null> {
  const [row] = await db.select().from(images).where(eq(images.id, id));
  return row ?? null;
}
