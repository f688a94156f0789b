/** The workers that the service knows. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";

export type Worker = Schemas["Worker"];

export class Workers {
  private readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  async list(call: { readonly signal?: AbortSignal } = {}): Promise<readonly Worker[]> {
    return unwrap(await this.raw.GET("/v1/workers", call.signal === undefined ? {} : { signal: call.signal })).items;
  }
}
