/**
 * The image store: a folder of blobs named by their digest, and of manifests that name blobs.
 *
 *     DIR/blobs/sha256/<hex>       a kernel or an initramfs
 *     DIR/manifests/<hex>.json     an image; named by the manifest's digest
 *     DIR/incoming/<random>        a blob that is being received
 *
 * Any number of processes may use one folder: a file appears under its name by `rename`, whole and checked, or not at all.
 * Nothing is ever changed in place. What a process left in `incoming` when it died is swept a day later.
 */
import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve as resolvePath } from "node:path";
import { UnderstudyError } from "../base/errors.ts";
import { type BlobReference, type ImageManifest, imageId, isDigest, parseManifest, sha256 } from "./manifest.ts";

const CHECK_BYTES = 256 * 1024;
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** A blob that was received whole, and is kept apart: `keep` gives it its place, `discard` takes it away. */
export interface ReceivedBlob extends BlobReference {
  /** Where it is until then. */
  readonly path: string;
  keep(): Promise<void>;
  discard(): Promise<void>;
}

export class ImageStore {
  readonly dir: string;
  private readonly blobs: string;
  private readonly manifests: string;
  private readonly incoming: string;

  constructor(dir: string) {
    this.dir = resolvePath(dir);
    this.blobs = join(this.dir, "blobs", "sha256");
    this.manifests = join(this.dir, "manifests");
    this.incoming = join(this.dir, "incoming");
  }

  /** Makes the folders, and sweeps what dead processes left. */
  async init(): Promise<void> {
    await this.guard("prepare the image store", async () => {
      for (const folder of [this.blobs, this.manifests, this.incoming]) await mkdir(folder, { recursive: true });
      for (const name of await readdir(this.incoming)) {
        const path = join(this.incoming, name);
        const info = await stat(path).catch(ignoreMissing);
        if (info && Date.now() - info.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true, recursive: true });
      }
    });
  }

  /**
   * Receives a blob. It is there, whole and on the disk, when the promise resolves; else there is nothing of it.
   *
   * @param stream the bytes; its own errors pass through
   * @throws {UnderstudyError} `digest_mismatch`, `image_store_full`, `image_store_error`
   */
  async putBlob(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, expectedDigest?: string): Promise<BlobReference> {
    const { digest, sizeBytes, keep, discard } = await this.receiveBlob(stream, expectedDigest);
    await keep().catch(async (error: unknown) => {
      await discard();
      throw error;
    });
    return { digest, sizeBytes };
  }

  /** As `putBlob`, and it is not there before it is kept. */
  async receiveBlob(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, expectedDigest?: string): Promise<ReceivedBlob> {
    if (expectedDigest !== undefined) this.checkDigest(expectedDigest);
    const path = join(this.incoming, randomUUID());
    const file = await this.guard("create a file in the image store", () => open(path, "wx", 0o644));
    const discard = async (): Promise<void> => {
      await rm(path, { force: true }).catch(() => {});
    };
    try {
      const blob = await this.receive(file, stream, expectedDigest);
      const keep = (): Promise<void> =>
        this.guard("keep a blob in the image store", async () => {
          // The same name holds the same bytes, so a concurrent put of it, or one before, does no harm.
          await rename(path, this.blobPath(blob.digest));
          await syncFolder(this.blobs);
        });
      return { ...blob, path, keep, discard };
    } catch (error) {
      await discard();
      throw error;
    }
  }

  private async receive(
    file: FileHandle,
    stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    expectedDigest?: string,
  ): Promise<BlobReference> {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    try {
      for await (const chunk of stream) {
        hash.update(chunk);
        await this.guard("write a blob to the image store", () => writeAll(file, chunk));
        sizeBytes += chunk.length;
      }
      await this.guard("flush a blob of the image store", () => file.sync());
    } finally {
      await file.close().catch(() => {});
    }
    const digest = `sha256:${hash.digest("hex")}`;
    if (expectedDigest !== undefined && digest !== expectedDigest) {
      throw new UnderstudyError(
        "digest_mismatch",
        `Cannot accept the blob: its ${sizeBytes} bytes have digest ${digest}, wanted was ${expectedDigest}; send it again, or correct the digest`,
      );
    }
    return { digest, sizeBytes };
  }

  async hasBlob(digest: string): Promise<boolean> {
    return (await this.guard("look into the image store", () => stat(this.blobPath(digest)).catch(ignoreMissing))) !== null;
  }

  /** Where the blob is, or would be. */
  blobPath(digest: string): string {
    this.checkDigest(digest);
    return join(this.blobs, digest.slice("sha256:".length));
  }

  /**
   * The bytes of a blob, checked. A damaged one is taken out of the store, so that the next pull or fetch replaces it.
   *
   * @throws {UnderstudyError} `image_corrupt` when it is missing, truncated or changed
   */
  async readBlob(digest: string): Promise<Uint8Array> {
    const path = this.blobPath(digest);
    const bytes = await this.guard("read a blob of the image store", () => readFile(path).catch(ignoreMissing));
    if (bytes === null) throw missing(digest);
    const actual = sha256(bytes);
    if (actual !== digest) throw await this.damaged(digest, actual);
    return bytes;
  }

  /**
   * Reads a blob through, without keeping it. A damaged one is taken out of the store, so that the next pull or fetch replaces it.
   *
   * @throws {UnderstudyError} `image_corrupt` when it is missing, truncated or changed
   */
  async checkBlob(digest: string): Promise<void> {
    const path = this.blobPath(digest);
    const actual = await this.guard("read a blob of the image store", async () => {
      const hash = createHash("sha256");
      const file = await open(path).catch(ignoreMissing);
      if (file === null) return null;
      for await (const chunk of file.createReadStream({ highWaterMark: CHECK_BYTES })) hash.update(chunk as Buffer);
      return `sha256:${hash.digest("hex")}`;
    });
    if (actual === null) throw missing(digest);
    if (actual !== digest) throw await this.damaged(digest, actual);
  }

  /** Lists the image in the store; its blobs must be there. An image that is listed keeps its date. */
  async putManifest(manifest: ImageManifest): Promise<void> {
    for (const { digest } of [manifest.kernel, manifest.initramfs]) {
      if (!(await this.hasBlob(digest))) {
        throw new UnderstudyError(
          "image_corrupt",
          `Cannot list image "${manifest.name}": its blob ${digest} is not in the store; pull or import it again`,
        );
      }
    }
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    const path = this.manifestPath(manifest);
    parseManifest(text, path);
    const temporary = join(this.incoming, randomUUID());
    try {
      await this.guard("list an image in the store", async () => {
        if (await stat(path).catch(ignoreMissing)) return;
        const file = await open(temporary, "wx", 0o644);
        try {
          await writeAll(file, new TextEncoder().encode(text));
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
        await syncFolder(this.manifests);
      });
    } finally {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  /** All images, the newest first. @throws {UnderstudyError} `image_corrupt` when a manifest is damaged */
  async list(): Promise<ImageManifest[]> {
    const images: ImageManifest[] = [];
    const names = (await this.guard("list the image store", () => readdir(this.manifests).catch(ignoreMissing))) ?? [];
    for (const name of names.filter((name) => name.endsWith(".json"))) {
      const path = join(this.manifests, name);
      const text = await this.guard("read an image manifest", () => readFile(path, "utf8").catch(ignoreMissing));
      if (text !== null) images.push(parseManifest(text, path));
    }
    return images.sort((a, b) => compare(b.createdAt, a.createdAt) || compare(a.name, b.name) || compare(a.digest, b.digest));
  }

  /**
   * @param reference an image id (`img_…`), a name (the newest image of that name), or `name@sha256:…`
   * @throws {UnderstudyError} `image_not_found`
   */
  async resolve(reference: string): Promise<ImageManifest> {
    const [name, digest] = splitReference(reference);
    const images = await this.list();
    const found = images.find(
      (image) => imageId(image) === reference || (image.name === name && (digest === null || image.digest === digest)),
    );
    if (found !== undefined) return found;
    const there = [...new Set(images.map((image) => image.name))].sort();
    throw new UnderstudyError(
      "image_not_found",
      there.length === 0
        ? `Cannot find image "${reference}": the store is empty; run "understudy image pull debian" first`
        : `Cannot find image "${reference}": the store has ${there.map((each) => `"${each}"`).join(", ")}; use one of these, or pull or import it first`,
    );
  }

  /** Takes an image out of the store, and the blobs that no other image has. */
  async remove(reference: string): Promise<ImageManifest> {
    const image = await this.resolve(reference);
    await this.guard("remove an image from the store", () => rm(this.manifestPath(image), { force: true }));
    await this.removeUnused([image.kernel, image.initramfs]);
    return image;
  }

  /** Removes those of the blobs that no listed image has. */
  async removeUnused(blobs: readonly BlobReference[]): Promise<void> {
    const used = new Set((await this.list()).flatMap((image) => [image.kernel.digest, image.initramfs.digest]));
    await this.guard("remove blobs from the image store", async () => {
      for (const { digest } of blobs) if (!used.has(digest)) await rm(this.blobPath(digest), { force: true });
    });
  }

  private async damaged(digest: string, actual: string): Promise<UnderstudyError> {
    const path = this.blobPath(digest);
    const removed = await rm(path).then(
      () => "it has been removed",
      () => `it cannot be removed, so delete ${path}`,
    );
    return new UnderstudyError(
      "image_corrupt",
      `Cannot use blob ${digest}: the file is damaged, its bytes have digest ${actual}; ${removed}: pull or import its image again`,
    );
  }

  private manifestPath(manifest: ImageManifest): string {
    return join(this.manifests, `${manifest.digest.slice("sha256:".length)}.json`);
  }

  private checkDigest(digest: string): void {
    if (isDigest(digest)) return;
    throw new UnderstudyError("validation_failed", `Cannot use "${digest}" as a digest: it is not "sha256:" and 64 hexadecimal digits`);
  }

  /** Runs file operations; what the operating system answers becomes an error that says what to do. */
  private async guard<Result>(action: string, operation: () => Promise<Result>): Promise<Result> {
    try {
      return await operation();
    } catch (error) {
      throw toStoreError(error, action, this.dir);
    }
  }
}

function missing(digest: string): UnderstudyError {
  return new UnderstudyError("image_corrupt", `Cannot read blob ${digest}: it is not in the image store; pull or import its image again`);
}

/** Codes by which a disk, a quota or a limit says that no more fits. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** An error of the file system as one of ours; others are given back as they are. */
export function toStoreError(error: unknown, action: string, dir: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (
    error instanceof UnderstudyError ||
    !(error instanceof Error) ||
    code === undefined ||
    (error as NodeJS.ErrnoException).syscall === undefined
  )
    return error;
  if (FULL.has(code)) {
    return new UnderstudyError(
      "image_store_full",
      `Cannot ${action}: the disk of ${dir} is full (${code}); free some space, or choose another data folder`,
      {
        cause: error,
      },
    );
  }
  const advice =
    code === "EMFILE" || code === "ENFILE"
      ? "too many files are open, so raise the limit (ulimit -n)"
      : code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? "the folder cannot be written, so correct its permissions or choose another data folder"
        : code === "ENOENT"
          ? "the folder is not there, so start again to make it"
          : "see the system's log for the disk, or choose another data folder";
  return new UnderstudyError("image_store_error", `Cannot ${action} in ${dir}: ${(error as Error).message}; ${advice}`, { cause: error });
}

/** Splits `name@sha256:…`; an id or a name alone has no digest. */
function splitReference(reference: string): [name: string, digest: string | null] {
  const at = reference.indexOf("@");
  return at === -1 ? [reference, null] : [reference.slice(0, at), reference.slice(at + 1)];
}

/** `FileHandle.write` may write less than it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

/** A rename is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
