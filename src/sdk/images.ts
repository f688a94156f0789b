/** The guest images that VMs can be created from. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";

export type Image = Schemas["Image"];

export class Images {
  private readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  async list(call: { readonly signal?: AbortSignal } = {}): Promise<readonly Image[]> {
    return unwrap(await this.raw.GET("/v1/images", call.signal === undefined ? {} : { signal: call.signal })).items;
  }
}
