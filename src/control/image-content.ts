/** An image's archive from the blobs in the store: its size, its digest, and any range of it as a stream. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { archiveBytes, archiveOf, type ByteRange, type ImageManifest, readArchive } from "../images/index.ts";
import { ApiError } from "./errors/api-error.ts";

const KNOWN_MAX = 1000;

export class ImageContents {
  /** Digests of archives by those of images: either says the other. */
  private readonly digests = new Map<string, string>();

  /** @param obtain has a blob in the store, and says where; null where nobody has it */
  constructor(private readonly obtain: (digest: string) => Promise<string | null>) {}

  sizeOf(manifest: ImageManifest): number {
    return archiveBytes(archiveOf(manifest));
  }

  /**
   * `sha256:…` of the archive. It is read for the first of these, and the blobs' own digests are checked on the way.
   *
   * @throws {ApiError} `image_store_error` where a blob is lost or damaged; one that is damaged is taken away, to be brought again
   */
  async digestOf(manifest: ImageManifest): Promise<string> {
    const paths = await this.pathsOf(manifest);
    const known = this.digests.get(manifest.digest);
    if (known !== undefined) return known;
    const whole = createHash("sha256");
    for (const piece of archiveOf(manifest)) {
      const own = createHash("sha256");
      for await (const chunk of readArchive([piece], (digest) => paths.get(digest) as string)) {
        whole.update(chunk);
        own.update(chunk);
      }
      if ("bytes" in piece || `sha256:${own.digest("hex")}` === piece.blob.digest) continue;
      await rm(paths.get(piece.blob.digest) as string, { force: true });
      throw lost(piece.blob.digest, "its file is damaged");
    }
    const digest = `sha256:${whole.digest("hex")}`;
    if (this.digests.size >= KNOWN_MAX) this.digests.clear();
    this.digests.set(manifest.digest, digest);
    return digest;
  }

  /** @throws {ApiError} `image_store_error` where a blob is lost */
  async read(manifest: ImageManifest, range: ByteRange): Promise<AsyncGenerator<Uint8Array>> {
    const paths = await this.pathsOf(manifest);
    return readArchive(archiveOf(manifest), (digest) => paths.get(digest) as string, range);
  }

  private async pathsOf({ kernel, initramfs }: ImageManifest): Promise<ReadonlyMap<string, string>> {
    const paths = new Map<string, string>();
    for (const { digest } of [kernel, initramfs]) {
      const path = await this.obtain(digest);
      if (path === null) throw lost(digest, "nobody has it");
      paths.set(digest, path);
    }
    return paths;
  }
}

function lost(digest: string, why: string): ApiError {
  return new ApiError("image_store_error", `Cannot read the blob ${digest} of the image: ${why}; try again, or upload the image again`);
}
