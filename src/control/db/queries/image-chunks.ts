/** The bytes of images that all control planes have: blobs by their digest, in pieces. */
import { open } from "node:fs/promises";
import { and, eq, sql } from "drizzle-orm";
import { assert } from "../../../base/assert.ts";
import type { ReceivedBlob } from "../../../images/index.ts";
import type { Queryable } from "../database.ts";
import { imageChunks } from "../schema.ts";

const CHUNK_BYTES = 1024 * 1024;

/**
 * Writes a blob down, from a file whose digest was checked. Pieces that are there already count as written now, so that they are not
 * forgotten meanwhile; so one that was broken off goes on where it was.
 *
 * @param signal ends it between two pieces, with its reason
 */
export async function storeImageBlob(
  db: Queryable,
  { digest, path }: Pick<ReceivedBlob, "digest" | "path">,
  signal?: AbortSignal,
): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    for (let n = 0; n * CHUNK_BYTES < size; n++) {
      signal?.throwIfAborted();
      const { rowCount } = await db
        .update(imageChunks)
        .set({ storedAt: sql`now()` })
        .where(and(eq(imageChunks.digest, digest), eq(imageChunks.n, n)));
      if (rowCount === 1) continue;
      const length = Math.min(CHUNK_BYTES, size - n * CHUNK_BYTES);
      const { bytesRead, buffer: bytes } = await file.read(Buffer.allocUnsafe(length), 0, length, n * CHUNK_BYTES);
      assert(bytesRead === length, () => `the file of ${digest} has ${size} bytes, as it had when it was opened`);
      await db
        .insert(imageChunks)
        .values({ digest, n, bytes })
        .onConflictDoUpdate({ target: [imageChunks.digest, imageChunks.n], set: { storedAt: sql`now()` } });
    }
  } finally {
    await file.close();
  }
}

/** A blob as it was written down, from this byte on; nothing where it was not. */
export async function* readImageBlob(db: Queryable, digest: string, from = 0): AsyncGenerator<Buffer> {
  for (let n = Math.floor(from / CHUNK_BYTES), skip = from % CHUNK_BYTES; ; n++, skip = 0) {
    const [chunk] = await db
      .select({ bytes: imageChunks.bytes })
      .from(imageChunks)
      .where(and(eq(imageChunks.digest, digest), eq(imageChunks.n, n)));
    if (chunk === undefined) return;
    yield chunk.bytes.subarray(skip);
  }
}

export async function hasImageBlob(db: Queryable, digest: string): Promise<boolean> {
  return (await db.select({ n: imageChunks.n }).from(imageChunks).where(eq(imageChunks.digest, digest)).limit(1)).length > 0;
}
