/** One call of the API, as it is known before it is answered: what its audit entry says, and who the user of its events is. */
export interface ApiCall {
  /** Id of its audit entry. */
  readonly id: string;
  readonly requestId: string;
  /** W3C trace context: the caller's trace, or a new one. */
  readonly traceparent: string;
  readonly method: string;
  /** Path with the names of its parameters: `/v1/vms/{vm}`. */
  readonly route: string;
  /** `operationId` in the API's document. */
  readonly operation: string;
  /** Path as it was asked for, without the query, which may carry secrets. */
  readonly resource: string;
  readonly sourceAddress: string;
  /** Monotonic clock of this process. */
  readonly startedMs: number;
  /** The token that was shown and is good; null: none, or not looked at yet. */
  readonly token: { readonly id: string; readonly name: string } | null;
  /** The VM that it is about, once that is known by its id. */
  vmId: string | null;
}

/** What came of a call. */
export interface CallOutcome {
  /** Null: it was not answered. */
  readonly status: number | null;
  /** Code of the problem that was answered with. */
  readonly code: string | null;
  readonly durationMs: number;
}
