/** What calls have set going: list, get, take back. Those that have ended are kept for 30 days. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import { Operation, type OperationResource } from "./operation.ts";
import { PagedList } from "./paged-list.ts";
import type { CallOptions } from "./vms.ts";

export interface ListOperationsOptions {
  readonly state?: Schemas["OperationState"];
  readonly kind?: Schemas["Operation"]["kind"];
  /** Id or name of a VM. */
  readonly vm?: string;
  /** Id or name of a worker. */
  readonly worker?: string;
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

export class Operations {
  private readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** Newest first. */
  list(options: ListOperationsOptions = {}): PagedList<OperationResource> {
    const { signal, ...filter } = options;
    return new PagedList(async (pageToken) => {
      const query = { ...filter, ...(pageToken === null ? {} : { pageToken }) };
      return unwrap(await this.raw.GET("/v1/operations", { params: { query }, ...(signal === undefined ? {} : { signal }) }));
    });
  }

  /** A handle on it: `result()` waits for its end, and gives what its kind yields. */
  async get(operation: string, call: { readonly signal?: AbortSignal } = {}): Promise<Operation<OperationResource["result"]>> {
    return new Operation(
      this.raw,
      unwrap(await this.raw.GET("/v1/operations/{operation}", { params: { path: { operation } }, ...call })),
      ({ result }) => result,
    );
  }

  /**
   * Takes it back.
   *
   * @throws {InvalidStateError} where it has ended, or what it has set going cannot be taken back any more
   */
  async cancel(operation: string, { idempotencyKey, signal }: CallOptions = {}): Promise<OperationResource> {
    const header = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    const params = { path: { operation }, header };
    return unwrap(await this.raw.POST("/v1/operations/{operation}/cancel", { params, ...(signal === undefined ? {} : { signal }) }));
  }
}
