/** The workers that the service knows, and what an operator may want of one. */
import type { Opened, RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import { PendingOperation } from "./operation.ts";
import { PagedList } from "./paged-list.ts";
import type { CallOptions } from "./vms.ts";

export type Worker = Opened<Schemas["Worker"]>;
export type WorkerPatch = Schemas["PatchWorkerRequest"];

export interface ListWorkersOptions {
  readonly labelSelector?: string;
  /** Resources in one answer of the service, 1..1000. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

export class Workers {
  private readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** By name. @param options.labelSelector `rack=a,!retired`: all of them */
  list(options: ListWorkersOptions = {}): PagedList<Worker> {
    const { signal: _, ...filter } = options;
    return new PagedList(async (pageToken) => {
      const query = { ...filter, ...(pageToken === null ? {} : { pageToken }) };
      return unwrap(await this.raw.GET("/v1/workers", { params: { query }, ...signalOf(options) }));
    });
  }

  /** @param worker id or name */
  async get(worker: string, call: { readonly signal?: AbortSignal } = {}): Promise<Worker> {
    return unwrap(await this.raw.GET("/v1/workers/{worker}", { params: { path: { worker } }, ...signalOf(call) }));
  }

  /** Labels that are left out stay, null takes one away. */
  async update(worker: string, patch: WorkerPatch, call: { readonly signal?: AbortSignal } = {}): Promise<Worker> {
    return unwrap(await this.raw.PATCH("/v1/workers/{worker}", { params: { path: { worker } }, body: patch, ...signalOf(call) }));
  }

  /** Places nothing new there; what it holds stays. */
  cordon(worker: string, call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.raw.POST("/v1/workers/{worker}/cordon", this.verb(worker, call)));
  }

  /** Takes it back into use, also after a drain or a fence. */
  uncordon(worker: string, call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.raw.POST("/v1/workers/{worker}/uncordon", this.verb(worker, call)));
  }

  /** Moves everything off it; the operation ends when it holds nothing. `force`: does not wait until every VM can stay protected. */
  drain(worker: string, options: { readonly force?: boolean } & CallOptions = {}): PendingOperation<void> {
    const body = options.force === undefined ? {} : { force: options.force };
    return this.operation(this.raw.POST("/v1/workers/{worker}/drain", { ...this.verb(worker, options), body }));
  }

  /** Cuts it off: everything on it counts as lost at once. */
  fence(worker: string, call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.raw.POST("/v1/workers/{worker}/fence", this.verb(worker, call)));
  }

  /**
   * Forgets a worker that is gone.
   *
   * @throws {WorkerNotDrainedError} while it holds replicas; {InvalidStateError} while it would join again
   */
  async delete(worker: string, call: { readonly signal?: AbortSignal } = {}): Promise<Worker> {
    return unwrap(await this.raw.DELETE("/v1/workers/{worker}", { params: { path: { worker } }, ...signalOf(call) }));
  }

  private verb(worker: string, { idempotencyKey, signal }: CallOptions) {
    return {
      params: { path: { worker }, header: idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey } },
      ...(signal === undefined ? {} : { signal }),
    };
  }

  private operation(answer: Parameters<typeof PendingOperation.of>[1]): PendingOperation<void> {
    return PendingOperation.of(this.raw, answer, () => undefined);
  }
}

function signalOf(call: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
  return call.signal === undefined ? {} : { signal: call.signal };
}
