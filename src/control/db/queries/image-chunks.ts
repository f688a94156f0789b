/** The bytes of uploaded images: blobs by their digest, in pieces. */
import { open } from "node:fs/promises";
import { and, eq, sql } from "drizzle-orm";
import type { ReceivedBlob } from "../../../images/index.ts";
import type { Queryable } from "../database.ts";
import { imageChunks } from "../schema.ts";

const CHUNK_BYTES = 1024 * 1024;

/** Writes a blob down, from a file. Pieces that are there already count as written now, so that they are not forgotten meanwhile. */
export async function storeImageBlob(db: Queryable, { digest, path }: Pick<ReceivedBlob, "digest" | "path">): Promise<void> {
  const file = await open(path);
  try {
    for (let n = 0; ; n++) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, n * CHUNK_BYTES);
      if (bytesRead === 0) return;
      await db
        .insert(imageChunks)
        .values({ digest, n, bytes: buffer.subarray(0, bytesRead) })
        .onConflictDoUpdate({ target: [imageChunks.digest, imageChunks.n], set: { storedAt: sql`now()` } });
      if (bytesRead < CHUNK_BYTES) return;
    }
  } finally {
    await file.close();
  }
}

/** A blob as it was written down; nothing where it was not. */
export async function* readImageBlob(db: Queryable, digest: string): AsyncGenerator<Buffer> {
  for (let n = 0; ; n++) {
    const [chunk] = await db
      .select({ bytes: imageChunks.bytes })
      .from(imageChunks)
      .where(and(eq(imageChunks.digest, digest), eq(imageChunks.n, n)));
    if (chunk === undefined) return;
    yield chunk.bytes;
  }
}

export async function hasImageBlob(db: Queryable, digest: string): Promise<boolean> {
  return (await db.select({ n: imageChunks.n }).from(imageChunks).where(eq(imageChunks.digest, digest)).limit(1)).length > 0;
}
