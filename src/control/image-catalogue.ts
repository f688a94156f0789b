/**
 * The images that VMs can be made from: those whose manifest is in this control plane's store, those that were uploaded to any, and those
 * that any has shared (`image-sharing.ts`). Each has a row in the database.
 *
 *     blob wanted --in the store--> its file
 *          '-- uploaded or shared: in the database --digest verified, stored--> its file
 */
import type { FastifyBaseLogger } from "fastify";
import { UnderstudyError } from "../base/errors.ts";
import { SingleFlight } from "../base/single-flight.ts";
import { type ImageManifest, ImageStore, imageId, type OpenSource, resumedStream } from "../images/index.ts";
import type { Database } from "./db/database.ts";
import { listImageAliases } from "./db/queries/image-aliases.ts";
import { hasImageBlob, readImageBlob } from "./db/queries/image-chunks.ts";
import { catalogueImages, type ImageFacts, type ImageRow, listImages, readImage } from "./db/queries/images.ts";
import { isDatabaseUnavailable } from "./db/unavailable.ts";
import type { EventDraft } from "./domain/events.ts";
import { ApiError } from "./errors/api-error.ts";
import { ImageContents } from "./image-content.ts";

export class ImageCatalogue {
  readonly store: ImageStore;
  readonly contents = new ImageContents((digest) => this.obtain(digest));
  /** Two that want a blob have it brought once. */
  private readonly bringing = new SingleFlight<boolean>();

  constructor(
    private readonly database: Database,
    folder: string,
    private readonly log: FastifyBaseLogger,
  ) {
    this.store = new ImageStore(folder);
  }

  /** Looks into the store and writes down what is new. */
  async refresh(): Promise<readonly ImageManifest[]> {
    const manifests = await this.store.list();
    await catalogueImages(this.database, manifests.map(imageFacts));
    return manifests;
  }

  /** Takes what was deleted while this control plane was away out of its store. */
  async sweep(): Promise<void> {
    for (const manifest of await this.store.list()) {
      const row = await readImage(this.database.db, imageId(manifest));
      if (row?.deletedAt != null && row.deletedAt > new Date(manifest.createdAt)) await this.store.remove(row.id);
    }
  }

  /** Newest first. */
  async list(): Promise<ImageRow[]> {
    return (await this.look()).here;
  }

  /** `elsewhere`: only another control plane's store has it. */
  private async look(): Promise<{ readonly here: ImageRow[]; readonly elsewhere: readonly ImageRow[] }> {
    const held = new Set((await this.refresh()).map((manifest) => manifest.digest));
    const rows = await listImages(this.database.db);
    const isHere = (row: ImageRow): boolean => row.uploaded || row.shared || held.has(row.digest);
    return { here: rows.filter(isHere), elsewhere: rows.filter((row) => !isHere(row)) };
  }

  /**
   * @param reference id, alias, name, or name@digest; an alias goes over a name
   * @throws {ApiError} `image_not_found`
   */
  async resolve(reference: string): Promise<ImageRow> {
    const { here, elsewhere } = await this.look();
    const alias = (await listImageAliases(this.database.db)).find((each) => each.name === reference);
    const [name, digest] = reference.split("@");
    const among = (rows: readonly ImageRow[]): ImageRow | undefined =>
      rows.find((row) => row.id === alias?.imageId) ??
      rows.find((row) => row.id === reference || (row.name === name && (digest === undefined || row.digest === digest)));
    const found = among(here);
    if (found !== undefined) return found;
    const names = [...new Set(here.map((row) => row.name))].sort();
    const advice =
      among(elsewhere) !== undefined
        ? "so far only the store of another control plane has it, which gives it to all of them while it runs; try again soon"
        : names.length === 0
          ? 'there is none, run "understudy image pull debian"'
          : `there are: ${names.join(", ")}. "understudy image pull debian" gets another`;
    throw new ApiError("image_not_found", `Cannot find the image "${reference}": ${advice}`, { details: { pointer: "/spec/image" } });
  }

  /** @throws {ApiError} `image_store_error` where the store has lost it */
  async manifestOf(row: ImageRow): Promise<ImageManifest> {
    const { kernel, initramfs, cmdline, minMemoryMiB, source, kernelRelease } = row.manifest;
    const { name, digest, createdAt } = row;
    if (source !== undefined && kernelRelease !== undefined) {
      return { name, digest, kernel, initramfs, cmdline, minMemoryMiB, source, kernelRelease, createdAt: createdAt.toISOString() };
    }
    return await this.store.resolve(row.id);
  }

  /**
   * Has a blob in the store of this control plane.
   *
   * @returns where it is; null where nobody has it
   */
  async obtain(digest: string): Promise<string | null> {
    const there = (await this.store.hasBlob(digest)) || (await this.bringing.run(digest, () => this.bring(digest)));
    return there ? this.store.blobPath(digest) : null;
  }

  private async bring(digest: string): Promise<boolean> {
    if (!(await hasImageBlob(this.database.db, digest))) return false;
    try {
      const open: OpenSource = async (from) => ({ from, bytes: readImageBlob(this.database.db, digest, from) });
      // A database that is restarted is back by then.
      const isFinal = (error: unknown): boolean => !isDatabaseUnavailable(error);
      await this.store.putBlob(resumedStream(open, { waitMs: 250, fruitlessMax: 5, isFinal }), digest);
      return true;
    } catch (error) {
      // An upload of it was broken off.
      if (error instanceof UnderstudyError && error.code === "digest_mismatch") return false;
      throw error;
    }
  }

  /** Events that other control planes have committed: the files of an image that was deleted go. */
  heard(events: readonly EventDraft[]): void {
    for (const { type, data } of events) {
      if (type !== "image.deleted") continue;
      this.discard(String(data?.["imageId"])).catch((error: unknown) => this.log.warn({ err: error }, "an image's files were not removed"));
    }
  }

  /** Takes what belongs to a deleted image alone out of the store; where that is gone already, there is nothing to do. */
  async discard(id: string): Promise<void> {
    const row = await readImage(this.database.db, id);
    // It may have come back meanwhile.
    if (row?.deletedAt == null) return;
    try {
      await this.store.remove(id);
    } catch (error) {
      if (!(error instanceof UnderstudyError) || error.code !== "image_not_found") throw error;
      await this.store.removeUnused([row.manifest.kernel, row.manifest.initramfs]);
    }
  }

  /** @returns what is wrong with the store, or null */
  async check(): Promise<string | null> {
    try {
      await this.store.list();
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

/** A manifest as the database has it. */
export function imageFacts(manifest: ImageManifest): ImageFacts {
  const { name, digest, kernel, initramfs, cmdline, minMemoryMiB, source, kernelRelease, createdAt } = manifest;
  return {
    id: imageId({ digest }),
    name,
    digest,
    manifest: { kernel, initramfs, cmdline, minMemoryMiB, source, kernelRelease },
    createdAt: new Date(createdAt),
  };
}
