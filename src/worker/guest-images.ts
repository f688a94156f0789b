/**
 * The guest images of this worker: from its own image store, or, what that lacks, from a control plane.
 *
 *     read(digest) --in the store--> bytes
 *          '--missing or damaged--> GET /internal/v1/blobs/{digest} --digest verified, stored--> bytes
 *                                      '-- broken off: the rest, from that one or another
 */
import type { IncomingMessage } from "node:http";
import { UnderstudyError } from "../base/errors.ts";
import { SingleFlight } from "../base/single-flight.ts";
import { httpParts } from "../images/http-parts.ts";
import { type OpenSource, type ResumeOptions, resumedStream } from "../images/resumed-stream.ts";
import type { ImageStore } from "../images/store.ts";
import { type ControlAccess, requestControl } from "./control-requests.ts";

const ANSWERS = [200, 206, 416];
const RESUME: ResumeOptions = { waitMs: 100, fruitlessMax: 8 };

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

  /** From the first control plane that has it; from the next one that does, where what it sends is something else. */
  private async fetch(digest: string): Promise<void> {
    for (let first = 0; ; first++) {
      try {
        await this.store.putBlob(resumedStream(this.source(digest, first), RESUME), digest);
        return;
      } catch (error) {
        const isOther = error instanceof UnderstudyError && (error.code === "digest_mismatch" || error.code === "source_changed");
        if (!isOther || first === this.controlUrls.length - 1) throw error;
      }
    }
  }

  /** All control planes in turn: what one has broken off the next one goes on with, since a digest names the same bytes everywhere. */
  private source(digest: string, first: number): OpenSource {
    const sources = this.controlUrls.map((url) => httpParts((headers) => this.ask(url, digest, headers), `"${digest}"`));
    let next = first;
    return async (from) => {
      const failures: Error[] = [];
      for (let asked = 0; asked < sources.length; asked++) {
        const open = sources[next % sources.length] as OpenSource;
        next++;
        try {
          return await open(from);
        } catch (error) {
          failures.push(error as Error);
        }
      }
      throw new Error(failures.map(({ message }) => message).join("; "), { cause: failures[0] });
    };
  }

  private async ask(controlUrl: URL, digest: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const path = `/internal/v1/blobs/${encodeURIComponent(digest)}`;
    const response = await requestControl(controlUrl, path, { method: "GET", access: this.access(controlUrl), headers });
    if (ANSWERS.includes(response.statusCode ?? 0)) return response;
    response.destroy();
    throw new Error(`the control plane answered HTTP ${response.statusCode}`);
  }
}
