/**
 * The two kinds of wrong that are not the guest's (see README of this room).
 *
 * `UnderstudyError`: the world erred. It carries a code of the public error table.
 * `InvariantViolation`: we erred. The shell halts the replica and keeps the log.
 */

export interface ErrorDetails {
  /** Machine-readable extras that go into the problem document, such as `currentState`. */
  readonly [name: string]: unknown;
}

/** An error that a caller can act on. `code` is one of the codes of the public contract, or of a worker-internal table. */
export class UnderstudyError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, { cause: options.cause });
    this.name = "UnderstudyError";
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** A broken assumption of ours: never caught to go on, only to halt. */
export class InvariantViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvariantViolation";
  }
}
