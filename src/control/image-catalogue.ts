/** The images that VMs can be made from: the manifests of the image store, with a row in the database for each. */
import { type ImageManifest, ImageStore, imageId } from "../images/index.ts";
import type { Database } from "./db/database.ts";
import { listImageAliases } from "./db/queries/image-aliases.ts";
import { catalogueImages, type ImageRow, listImages } from "./db/queries/images.ts";
import { ApiError } from "./errors/api-error.ts";

export class ImageCatalogue {
  readonly store: ImageStore;
  private readonly database: Database;

  constructor(database: Database, folder: string) {
    this.database = database;
    this.store = new ImageStore(folder);
  }

  /** Looks into the store and writes down what is new. */
  async refresh(): Promise<readonly ImageManifest[]> {
    const manifests = await this.store.list();
    await catalogueImages(
      this.database,
      manifests.map(({ name, digest, kernel, initramfs, cmdline, minMemoryMiB, createdAt }) => ({
        id: imageId({ digest }),
        name,
        digest,
        manifest: { kernel, initramfs, cmdline, minMemoryMiB },
        createdAt: new Date(createdAt),
      })),
    );
    return manifests;
  }

  /** What the store holds now, newest first. */
  async list(): Promise<ImageRow[]> {
    const held = new Set((await this.refresh()).map((manifest) => manifest.digest));
    return (await listImages(this.database.db)).filter((row) => held.has(row.digest));
  }

  /**
   * @param reference id, alias, name, or name@digest; an alias goes over a name
   * @throws {ApiError} `image_not_found`
   */
  async resolve(reference: string): Promise<ImageRow> {
    const rows = await this.list();
    const alias = (await listImageAliases(this.database.db)).find((each) => each.name === reference);
    const named = rows.find((row) => row.id === alias?.imageId);
    if (named !== undefined) return named;
    const [name, digest] = reference.split("@");
    const found = rows.find((row) => row.id === reference || (row.name === name && (digest === undefined || row.digest === digest)));
    if (found !== undefined) return found;
    const names = [...new Set(rows.map((row) => row.name))].sort();
    const advice =
      names.length === 0
        ? 'the image store is empty, run "understudy image pull debian"'
        : `there are: ${names.join(", ")}. "understudy image pull debian" gets another`;
    throw new ApiError("image_not_found", `Cannot find the image "${reference}": ${advice}`, { details: { pointer: "/spec/image" } });
  }

  /** Takes what belongs to a deleted image alone out of the store; where that is gone already, there is nothing to do. */
  async discard(id: string): Promise<void> {
    const held = (await this.store.list()).some((manifest) => imageId(manifest) === id);
    if (held) await this.store.remove(id);
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
