/**
 * The guest images of this worker: from its own image store, or, what that lacks, from a control plane.
 *
 *     read(digest) --in the store--> bytes
 *          '--missing or damaged--> GET /internal/v1/blobs/{digest} --digest verified, stored--> bytes
 */
import { UnderstudyError } from "../base/errors.ts";
import { SingleFlight } from "../base/single-flight.ts";
import type { ImageStore } from "../images/store.ts";
import { type ControlAccess, requestControl } from "./control-requests.ts";

export class GuestImages {
  /** Two replicas that start together fetch a blob once. */
  private readonly fetching = new SingleFlight<void>();

  /** @param controlUrls of the control channels; the blobs are on the same listeners */
  constructor(
    private readonly store: ImageStore,
    private readonly controlUrls: readonly URL[],
    private readonly access: (controlUrl: URL) => ControlAccess,
  ) {}

  /** @throws {UnderstudyError} `image_unavailable` */
  async read(digest: string): Promise<Uint8Array> {
    try {
      const stored = await this.stored(digest);
      if (stored !== null) return stored;
      await this.fetching.run(digest, () => this.fetch(digest));
      return await this.store.readBlob(digest);
    } catch (cause) {
      throw new UnderstudyError("image_unavailable", `Cannot get the image blob ${digest}: ${(cause as Error).message}`, { cause });
    }
  }

  private async stored(digest: string): Promise<Uint8Array | null> {
    if (!(await this.store.hasBlob(digest))) return null;
    try {
      return await this.store.readBlob(digest);
    } catch (error) {
      if (error instanceof UnderstudyError && error.code === "image_corrupt") return null;
      throw error;
    }
  }

  /** From the first control plane that has it. */
  private async fetch(digest: string): Promise<void> {
    const failures: Error[] = [];
    for (const controlUrl of this.controlUrls) {
      try {
        await this.fetchFrom(controlUrl, digest);
        return;
      } catch (error) {
        failures.push(error as Error);
      }
    }
    throw new Error(failures.map(({ message }) => message).join("; "), { cause: failures[0] });
  }

  private async fetchFrom(controlUrl: URL, digest: string): Promise<void> {
    const path = `/internal/v1/blobs/${encodeURIComponent(digest)}`;
    const response = await requestControl(controlUrl, path, { method: "GET", access: this.access(controlUrl) });
    if (response.statusCode !== 200) {
      response.resume();
      throw new Error(`the control plane answered HTTP ${response.statusCode}`);
    }
    await this.store.putBlob(response, digest);
  }
}
