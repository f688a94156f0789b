/** The catalogue of images: what the store held when it was looked at last, what VMs were made from, and what was deleted. */
import { and, asc, desc, eq, isNull, ne, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Database, Queryable, Transaction } from "../database.ts";
import { imageAliases, images, type StoredManifest, vms } from "../schema.ts";

export type ImageRow = typeof images.$inferSelect;

export interface ImageFacts {
  readonly id: string;
  readonly name: string;
  readonly digest: string;
  readonly manifest: StoredManifest;
  readonly createdAt: Date;
}

/** Adds what is not known yet, and what came into the store again after it was deleted; the digest is the identity. */
export async function catalogueImages(database: Database, found: readonly ImageFacts[]): Promise<void> {
  const known = new Map((await database.db.select().from(images)).map((image) => [image.digest, image]));
  const fresh = found.filter(({ digest, createdAt }) => {
    const row = known.get(digest);
    return row === undefined || (row.deletedAt !== null && row.deletedAt < createdAt);
  });
  if (fresh.length === 0) return;
  await database.transaction(async (tx) => {
    for (const image of fresh) {
      const rows = await tx.db
        .insert(images)
        .values(image)
        .onConflictDoUpdate({
          target: images.digest,
          set: { deletedAt: null, createdAt: image.createdAt },
          setWhere: sql`${images.deletedAt} < ${image.createdAt.toISOString()}::timestamptz`,
        })
        .returning();
      if (rows.length > 0) tx.emit({ type: "image.created", cause: "found_in_store", data: factsOf(image) });
    }
  });
}

/**
 * Adds an image that was uploaded, or says of one that is there that its bytes are in the database now.
 *
 * @returns `added` false: it was there
 */
export async function addUploadedImage(tx: Transaction, image: ImageFacts): Promise<{ readonly row: ImageRow; readonly added: boolean }> {
  const [fresh] = await tx.db
    .insert(images)
    .values({ ...image, uploaded: true })
    .onConflictDoNothing({ target: images.digest })
    .returning();
  const [before] = fresh === undefined ? await tx.db.select().from(images).where(eq(images.digest, image.digest)).for("update") : [];
  const added = before === undefined || before.deletedAt !== null;
  const again = added ? { deletedAt: null, createdAt: image.createdAt } : {};
  const [row] =
    fresh === undefined
      ? await tx.db
          .update(images)
          .set({ manifest: image.manifest, uploaded: true, ...again })
          .where(eq(images.digest, image.digest))
          .returning()
      : [fresh];
  if (added) tx.emit({ type: "image.created", cause: USER_ACTION, data: factsOf(image) });
  return { row: row as ImageRow, added };
}

function factsOf({ id, name, digest }: ImageFacts): Readonly<Record<string, string>> {
  return { imageId: id, name, digest };
}

/** Those that were not deleted, newest first. */
export function listImages(db: Queryable): Promise<ImageRow[]> {
  return db.select().from(images).where(isNull(images.deletedAt)).orderBy(desc(images.createdAt), asc(images.id));
}

/** Of those, the ones of which only stores have the bytes. */
export async function digestsInStoresOnly(db: Queryable): Promise<ReadonlySet<string>> {
  const rows = await db
    .select({ digest: images.digest })
    .from(images)
    .where(and(isNull(images.deletedAt), eq(images.uploaded, false), eq(images.shared, false)));
  return new Set(rows.map(({ digest }) => digest));
}

/**
 * Its bytes are in the database now. With the manifest, since rows of older versions lack a part of it.
 *
 * @returns false: it was deleted meanwhile
 */
export async function markImageShared(db: Queryable, { digest, manifest }: ImageFacts): Promise<boolean> {
  const rows = await db
    .update(images)
    .set({ shared: true, manifest })
    .where(and(eq(images.digest, digest), isNull(images.deletedAt)))
    .returning({ id: images.id });
  return rows.length > 0;
}

/** Deleted ones too. */
export async function readImage(db: Queryable, id: string): Promise<ImageRow | null> {
  const [row] = await db.select().from(images).where(eq(images.id, id));
  return row ?? null;
}

/**
 * Before something is made from an image: it is not deleted while this transaction runs.
 *
 * @throws {ApiError} `image_not_found` where it was
 */
export async function holdImage(tx: Transaction, id: string): Promise<void> {
  const [row] = await tx.db.select().from(images).where(eq(images.id, id)).for("share");
  if (row?.deletedAt === null) return;
  throw new ApiError("image_not_found", `Cannot use the image "${id}": it was deleted`, { details: { pointer: "/spec/image" } });
}

/**
 * Where another call has deleted it meanwhile, nothing changes.
 *
 * @throws {ApiError} `image_not_found`; `image_in_use` where a VM is made from it, or an alias names it
 */
export async function deleteImage(tx: Transaction, id: string): Promise<ImageRow> {
  const [image] = await tx.db.select().from(images).where(eq(images.id, id)).for("update");
  if (image === undefined)
    throw new ApiError("image_not_found", `Cannot find the image "${id}": GET /v1/images lists those that there are`);
  if (image.deletedAt !== null) return image;
  const users = await tx.db
    .select({ id: vms.id, name: vms.name })
    .from(vms)
    .where(and(eq(vms.imageId, id), ne(vms.state, "deleted")))
    .limit(10);
  const aliases = await tx.db.select().from(imageAliases).where(eq(imageAliases.imageId, id));
  if (users.length > 0 || aliases.length > 0) {
    const by = [...users.map((vm) => `the VM ${vm.name ?? vm.id}`), ...aliases.map(({ name }) => `the alias ${name}`)];
    throw new ApiError("image_in_use", `Cannot delete the image "${id}": it is used by ${by.join(", ")}`, {
      details: { vms: users.map((vm) => vm.id), aliases: aliases.map(({ name }) => name) },
    });
  }
  const [row] = await tx.db
    .update(images)
    .set({ deletedAt: sql`now()`, uploaded: false, shared: false })
    .where(eq(images.id, id))
    .returning();
  tx.emit({ type: "image.deleted", cause: USER_ACTION, data: factsOf(image) });
  return row as ImageRow;
}
