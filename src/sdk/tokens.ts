/** The tokens of a service: who may do what, until when. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import { PagedList } from "./paged-list.ts";
import type { CallOptions } from "./vms.ts";

export type Token = Schemas["Token"];
export type Scope = Schemas["Scope"];

export interface CreateTokenOptions {
  /** What it is for. */
  readonly name: string;
  /** None that the caller's own token has not. */
  readonly scopes: readonly Scope[];
  /** Default: for ever. */
  readonly ttlSeconds?: number;
}

export class Tokens {
  private readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** @returns the token with its secret, which is shown this once */
  async create(options: CreateTokenOptions, { idempotencyKey, signal }: CallOptions = {}): Promise<Schemas["CreatedToken"]> {
    const header = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    const body = { ...options, scopes: [...options.scopes] };
    return unwrap(await this.raw.POST("/v1/tokens", { params: { header }, body, ...(signal === undefined ? {} : { signal }) }));
  }

  /** Those that were not revoked, newest first. */
  list(options: { readonly pageSize?: number; readonly signal?: AbortSignal } = {}): PagedList<Token> {
    const { signal, ...filter } = options;
    return new PagedList(async (pageToken) => {
      const query = { ...filter, ...(pageToken === null ? {} : { pageToken }) };
      return unwrap(await this.raw.GET("/v1/tokens", { params: { query }, ...(signal === undefined ? {} : { signal }) }));
    });
  }

  /** At once, and for good. */
  async revoke(token: string, call: { readonly signal?: AbortSignal } = {}): Promise<Token> {
    return unwrap(await this.raw.DELETE("/v1/tokens/{token}", { params: { path: { token } }, ...call }));
  }
}
