/** Handles on what a call set going: one knows its id, and gives the result when asked for it. */
import type { Opened, RawClient, Schemas } from "./client.ts";
import { unwrap, unwrapOperation } from "./client.ts";
import { askWithin, longPollSeconds } from "./deadline.ts";
import { errorFromProblem, ProtocolError, WaitTimeoutError } from "./errors.ts";
import { EXTRA_TIMEOUT_HEADER } from "./transport.ts";

export type OperationResource = Opened<Schemas["Operation"]>;

/** Longest wait that the service takes in one call, seconds. */
const LONG_POLL_SECONDS = 60;
/** Where somebody wants to see how it goes. */
const PROGRESS_POLL_SECONDS = 1;

type ProgressListener = (operation: OperationResource) => void;

/** What such a call returns: a promise of the handle, whose result may be asked for at once, `vm.failover({ mode: "test" }).result()`. */
export class PendingOperation<Result> extends Promise<Operation<Result>> {
  /** What is made of it by `then` is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** @param answer of the call; `read` gives the result of the operation when that has succeeded */
  static of<Result>(
    raw: RawClient,
    answer: Promise<Parameters<typeof unwrapOperation>[0]>,
    read: (operation: OperationResource) => Result,
  ): PendingOperation<Result> {
    const begun = answer.then((operation) => new Operation(raw, unwrapOperation(operation), read));
    return new PendingOperation<Result>((resolve) => resolve(begun));
  }

  /** As `Operation.result`. */
  async result(options: ResultOptions = {}): Promise<Result> {
    return (await this).result(options);
  }
}

export interface ResultOptions {
  /** Default 120 s. The wait ends then, whether or not the service answers. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export class Operation<Result> {
  private readonly raw: RawClient;
  private latest: OperationResource;
  private readonly read: (operation: OperationResource) => Result;
  private readonly listeners = new Set<ProgressListener>();

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
   * Calls `listener` with the operation as it is, when it has changed; the last time at its end. There is progress while `result()`
   * waits, which then asks about once a second.
   *
   * @returns what takes the listener off again
   */
  on(_event: "progress", listener: ProgressListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Waits for the end.
   *
   * @throws the operation's own error where it failed; {WaitTimeoutError} where it takes longer than `timeoutMs`
   */
  async result(options: ResultOptions = {}): Promise<Result> {
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
      const longest = this.listeners.size === 0 ? LONG_POLL_SECONDS : PROGRESS_POLL_SECONDS;
      const seen =
        leftMs > 0 ? await askWithin(leftMs, options.signal, (signal) => this.ask(longPollSeconds(leftMs, longest), signal)) : null;
      if (seen === null) throw new WaitTimeoutError(`the end of operation ${this.id}`, timeoutMs, `it is ${this.latest.state}`);
      const before = this.latest;
      this.latest = seen;
      const changed = before.state !== this.latest.state || before.updatedAt !== this.latest.updatedAt;
      if (changed) for (const listener of [...this.listeners]) listener(this.latest);
    }
  }

  private async ask(wait: number, signal: AbortSignal): Promise<OperationResource> {
    return unwrap(
      await this.raw.GET("/v1/operations/{operation}", {
        params: { path: { operation: this.id }, query: { wait } },
        headers: { [EXTRA_TIMEOUT_HEADER]: wait * 1000 },
        signal,
      }),
    );
  }
}
