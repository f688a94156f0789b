/** The guest images that VMs can be created from. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";

export type Image = Schemas["Image"];
export type ImageAlias = Schemas["ImageAlias"];

export class Images {
  private readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  async list(call: { readonly signal?: AbortSignal } = {}): Promise<readonly Image[]> {
    return unwrap(await this.raw.GET("/v1/images", call.signal === undefined ? {} : { signal: call.signal })).items;
  }

  /** @param image id, alias, name, or name@sha256:… */
  async get(image: string, call: { readonly signal?: AbortSignal } = {}): Promise<Image> {
    return unwrap(await this.raw.GET("/v1/images/{image}", { params: { path: { image } }, ...call }));
  }

  /** @throws {ImageInUseError} while a VM is made from it, or an alias names it */
  async delete(image: string, call: { readonly signal?: AbortSignal } = {}): Promise<Image> {
    return unwrap(await this.raw.DELETE("/v1/images/{image}", { params: { path: { image } }, ...call }));
  }

  /**
   * Has a name stand for an image, moved from wherever it is now.
   *
   * @throws {EtagMismatchError} where somebody else moves it meanwhile
   */
  async tag(name: string, image: string, call: { readonly signal?: AbortSignal } = {}): Promise<ImageAlias> {
    const header = await this.seen(name, call);
    return unwrap(await this.raw.PUT("/v1/image-aliases/{name}", { params: { path: { name }, header }, body: { image }, ...call }));
  }

  /** Takes an alias away; its image stays. */
  async untag(name: string, call: { readonly signal?: AbortSignal } = {}): Promise<ImageAlias> {
    const header = await this.seen(name, call);
    return unwrap(await this.raw.DELETE("/v1/image-aliases/{name}", { params: { path: { name }, header }, ...call }));
  }

  /** Where the alias is now, as the service wants to be told. */
  private async seen(name: string, call: { readonly signal?: AbortSignal }): Promise<{ readonly "if-match"?: string }> {
    const { response } = await this.raw.GET("/v1/image-aliases/{name}", { params: { path: { name } }, ...call });
    const etag = response.headers.get("etag");
    return response.ok && etag !== null ? { "if-match": etag } : {};
  }
}
