/**
 * Gives images that only this control plane's store has to the others on the same database: their bytes go to where those of uploaded
 * images are, so that any control plane serves any call of them, whatever becomes of this one and its disk.
 *
 *     in the store only --another control plane is there--> its blobs checked, written piece by piece --one update--> shared
 *          ^------ no room, database away, file damaged: again later, from the first piece that is missing ------'  '-- deleted: no more
 *
 * One image after another, one piece at a time: what else this control plane asks of the database goes between. A control plane that is
 * alone keeps its images to itself, as its database is often on the same disk.
 */
import type { FastifyBaseLogger } from "fastify";
import { type ImageManifest, imageId } from "../images/index.ts";
import type { Database } from "./db/database.ts";
import type { Presence } from "./db/presence.ts";
import { storeImageBlob } from "./db/queries/image-chunks.ts";
import { digestsInStoresOnly, markImageShared } from "./db/queries/images.ts";
import type { EventDraft } from "./domain/events.ts";
import { type ImageCatalogue, imageFacts } from "./image-catalogue.ts";
import type { ControlSettings } from "./settings.ts";

/** Waits double up to this one. */
const BACKOFF_MAX_MS = 5 * 60_000;

interface SharingParts {
  readonly database: Database;
  readonly images: ImageCatalogue;
  readonly presence: Presence;
  readonly settings: Pick<ControlSettings, "imageShareMs">;
  readonly log: FastifyBaseLogger;
}

interface Failures {
  readonly count: number;
  readonly retryAtMs: number;
}

export class ImageSharing {
  private readonly failures = new Map<string, Failures>();
  private sharing: { readonly imageId: string; readonly deleted: AbortController } | null = null;
  private readonly closing = new AbortController();
  private looking: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: SharingParts) {}

  start(): void {
    if (this.closing.signal.aborted) return;
    this.timer = setTimeout(() => {
      this.looking = this.look()
        .catch((error: unknown) => this.parts.log.debug({ err: error }, "it could not be looked for images that others lack"))
        .finally(() => this.start());
    }, this.parts.settings.imageShareMs);
  }

  async close(): Promise<void> {
    this.closing.abort();
    clearTimeout(this.timer);
    await this.looking;
  }

  /** Events that were committed, here or elsewhere: nobody wants an image that was deleted. */
  heard(events: readonly EventDraft[]): void {
    for (const { type, data } of events) {
      if (type === "image.deleted" && data?.["imageId"] === this.sharing?.imageId) this.sharing?.deleted.abort();
    }
  }

  private async look(): Promise<void> {
    const { database, images, presence } = this.parts;
    const held = await images.refresh();
    const wanted = await digestsInStoresOnly(database.db);
    const own = held.filter(({ digest }) => wanted.has(digest));
    for (const digest of this.failures.keys()) if (!own.some((image) => image.digest === digest)) this.failures.delete(digest);
    const due = own.filter(({ digest }) => (this.failures.get(digest)?.retryAtMs ?? 0) <= performance.now());
    if (due.length === 0 || ![...(await presence.present())].some((instance) => instance !== presence.instance)) return;
    for (const image of due) {
      if (this.closing.signal.aborted) return;
      await this.share(image);
    }
  }

  private async share(manifest: ImageManifest): Promise<void> {
    const { database, images, log, settings } = this.parts;
    const id = imageId(manifest);
    const about = { imageId: id, image: manifest.name, digest: manifest.digest };
    const deleted = new AbortController();
    const signal = AbortSignal.any([deleted.signal, this.closing.signal]);
    this.sharing = { imageId: id, deleted };
    try {
      for (const { digest } of [manifest.kernel, manifest.initramfs]) {
        // What is written is never looked at again until it is read somewhere else.
        await images.store.checkBlob(digest);
        await storeImageBlob(database.db, { digest, path: images.store.blobPath(digest) }, signal);
      }
      if (await markImageShared(database.db, imageFacts(manifest))) log.info(about, "an image is there for all control planes now");
      this.failures.delete(manifest.digest);
    } catch (error) {
      if (signal.aborted) return;
      const count = (this.failures.get(manifest.digest)?.count ?? 0) + 1;
      const retryMs = Math.min(BACKOFF_MAX_MS, settings.imageShareMs * 2 ** (count - 1));
      this.failures.set(manifest.digest, { count, retryAtMs: performance.now() + retryMs });
      log.warn({ ...about, err: error, retryMs }, "an image is not there for the other control planes yet");
    } finally {
      this.sharing = null;
    }
  }
}
