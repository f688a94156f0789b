/** A handle on what a call set going: it knows its id, and gives the result when asked for it. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import { errorFromProblem, ProtocolError, WaitTimeoutError } from "./errors.ts";
import { EXTRA_TIMEOUT_HEADER } from "./transport.ts";

export type OperationResource = Schemas["Operation"];

/** Longest wait that the service takes in one call, seconds. */
const LONG_POLL_SECONDS = 60;

export class Operation<Result> {
  private readonly raw: RawClient;
  private latest: OperationResource;
  private readonly read: (operation: OperationResource) => Result;

  constructor(raw: RawClient, resource: OperationResource, read: (operation: OperationResource) => Result) {
    this.raw = raw;
    this.latest = resource;
    this.read = read;
  }

  get id(): string {
    return this.latest.id;
  }

  /** As of the last answer. */
  get resource(): OperationResource {
    return this.latest;
  }

  /**
   * Waits for the end.
   *
   * @throws the operation's own error where it failed; {WaitTimeoutError} where it takes longer than `timeoutMs`
   */
  async result(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<Result> {
    const timeoutMs = options.timeoutMs ?? 120_000;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      switch (this.latest.state) {
        case "succeeded":
          return this.read(this.latest);
        case "failed":
        case "cancelled":
          if (this.latest.error !== null) throw errorFromProblem(this.latest.error);
          throw new ProtocolError(`Cannot tell why operation ${this.id} is ${this.latest.state}: it has no error`);
        default:
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new WaitTimeoutError(`the end of operation ${this.id}`, timeoutMs, `it is ${this.latest.state}`);
      const wait = Math.min(LONG_POLL_SECONDS, Math.ceil(leftMs / 1000));
      this.latest = unwrap(
        await this.raw.GET("/v1/operations/{operation}", {
          params: { path: { operation: this.id }, query: { wait } },
          headers: { [EXTRA_TIMEOUT_HEADER]: wait * 1000 },
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        }),
      );
    }
  }
}
