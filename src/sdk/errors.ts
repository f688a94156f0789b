/**
 * The errors of the client: one class for each code of the public error table, in families by what a caller can do.
 *
 *     UnderstudyError                     base/: `.code`, `.message`
 *     '- ClientError                      `.requestId`, `.retryable`, `.problem`
 *        |- ConfigurationError            the URL or the token cannot be used, nobody was asked
 *        |- ConnectionError               nobody answered
 *        |- TimeoutError                  RequestTimeoutError, WaitTimeoutError
 *        |- ProtocolError                 an answer that is not of this API
 *        |- ConsoleClosedError            a console that the caller has closed, or the service has ended
 *        |- ConsoleGapError               output that the service no longer has
 *        '- ApiError                      `.status`; the service said no, in a problem document
 *           |- InvalidRequestError  |- AuthenticationError  |- PermissionError  |- NotFoundError  |- GoneError
 *           '- ConflictError        |- PreconditionError    |- RateLimitedError |- UnavailableError
 *
 * A code that this build does not know becomes its family's class, by status: new codes do not break callers.
 */
import { UnderstudyError } from "../base/errors.ts";
import type { components } from "./generated.ts";
import { isRetryableStatus } from "./retry.ts";

export { UnderstudyError };

/** RFC 9457 problem details, with the members this API adds. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly instance?: string | null;
  readonly requestId?: string | null;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | null;
  readonly errors?: readonly { readonly pointer: string; readonly code: string; readonly message: string }[];
  readonly [extension: string]: unknown;
}

interface ClientErrorOptions {
  readonly cause?: unknown;
  readonly requestId?: string | null;
  readonly retryable?: boolean;
  readonly problem?: Problem | null;
}

export class ClientError extends UnderstudyError {
  /** Names the call in the service's log; null where no answer came. */
  readonly requestId: string | null;
  /** True where the same call may succeed later. */
  readonly retryable: boolean;
  /** The whole answer; null where the service did not send one. */
  readonly problem: Problem | null;

  constructor(code: string, message: string, options: ClientErrorOptions = {}) {
    super(code, message, { cause: options.cause, details: options.problem ?? {} });
    this.name = new.target.name;
    this.requestId = options.requestId ?? null;
    this.retryable = options.retryable ?? false;
    this.problem = options.problem ?? null;
  }
}

/** What the client was given cannot mean a service: its URL, its token, or the token's file. */
export class ConfigurationError extends ClientError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("invalid_configuration", message, options);
  }
}

export class ConnectionError extends ClientError {
  /** What could not be reached. */
  readonly url: string;

  constructor(url: string, reason: string, options: { cause?: unknown } = {}) {
    super("connection_failed", `Cannot reach ${url}: ${reason}`, { ...options, retryable: true });
    this.url = url;
  }
}

export class TimeoutError extends ClientError {}

export class RequestTimeoutError extends TimeoutError {
  constructor(what: string, timeoutMs: number, options: { cause?: unknown } = {}) {
    super("request_timeout", `Cannot complete ${what}: no answer within ${timeoutMs} ms`, { ...options, retryable: true });
  }
}

export class WaitTimeoutError extends TimeoutError {
  constructor(what: string, timeoutMs: number, lastSeen: string) {
    super("wait_timeout", `Cannot see ${what} within ${timeoutMs} ms: ${lastSeen}`, { retryable: true });
  }
}

export class ProtocolError extends ClientError {
  constructor(message: string, options: { cause?: unknown; requestId?: string | null; retryable?: boolean } = {}) {
    super("protocol_error", message, options);
  }
}

/** Nothing can be written to a console that is closed: attach again. */
export class ConsoleClosedError extends ClientError {
  constructor(message: string) {
    super("console_closed", message);
  }
}

/** The service has trimmed output that the reader had not got yet. The stream goes on at `resumedAt` with the next read. */
export class ConsoleGapError extends ClientError {
  readonly requested: bigint;
  readonly resumedAt: bigint;

  constructor(requested: bigint, resumedAt: bigint) {
    super("console_gap", `Cannot continue the console at offset ${requested}: the oldest byte that is still held is ${resumedAt}`);
    this.requested = requested;
    this.resumedAt = resumedAt;
  }
}

export class ApiError extends ClientError {
  readonly status: number;

  constructor(problem: Problem, requestId: string | null = null) {
    super(problem.code, problem.detail ?? problem.title, {
      requestId: problem.requestId ?? requestId,
      retryable: problem.retryable ?? false,
      problem,
    });
    this.status = problem.status;
  }
}

export class InvalidRequestError extends ApiError {}
export class AuthenticationError extends ApiError {}
export class PermissionError extends ApiError {}
export class NotFoundError extends ApiError {}
export class GoneError extends ApiError {}
export class ConflictError extends ApiError {}
export class PreconditionError extends ApiError {}
export class RateLimitedError extends ApiError {}
export class UnavailableError extends ApiError {}

export class BadIdempotencyKeyError extends InvalidRequestError {}
export class BadPageTokenError extends InvalidRequestError {}
export class BadRequestError extends InvalidRequestError {}
export class MalformedJsonError extends InvalidRequestError {}
export class UnauthenticatedError extends AuthenticationError {}
export class TokenExpiredError extends AuthenticationError {}
export class ScopeMissingError extends PermissionError {}
export class OriginNotAllowedError extends PermissionError {}
export class ImageNotFoundError extends NotFoundError {}
export class RouteNotFoundError extends NotFoundError {}
export class ReplicaNotFoundError extends NotFoundError {}
export class FailoverNotFoundError extends NotFoundError {}
export class ImageAliasNotFoundError extends NotFoundError {}
export class OperationNotFoundError extends NotFoundError {}
export class ConsoleSessionNotFoundError extends NotFoundError {}
export class TokenNotFoundError extends NotFoundError {}
export class VmNotFoundError extends NotFoundError {}
export class WorkerNotFoundError extends NotFoundError {}
export class ConsoleWriterBusyError extends ConflictError {}
export class IdempotencyInProgressError extends ConflictError {}
export class InputOffsetGapError extends ConflictError {}
export class InputSessionExpiredError extends ConflictError {}
export class InvalidStateError extends ConflictError {}
export class NameTakenError extends ConflictError {}
export class NotProtectedError extends ConflictError {}
export class OperationInProgressError extends ConflictError {}
export class TermMismatchError extends ConflictError {}
export class WaitTargetUnreachableError extends ConflictError {}
export class DeletionProtectedError extends ConflictError {}
export class ImageInUseError extends ConflictError {}
export class WorkerNotDrainedError extends ConflictError {}
export class EventCursorExpiredError extends GoneError {}
export class VmDeletedError extends GoneError {}
export class IfMatchRequiredError extends PreconditionError {}
export class EtagMismatchError extends PreconditionError {}
export class PayloadTooLargeError extends InvalidRequestError {}
export class UnsupportedMediaTypeError extends InvalidRequestError {}
export class RangeNotSatisfiableError extends InvalidRequestError {}
export class IdempotencyKeyReusedError extends InvalidRequestError {}
export class DigestMismatchError extends InvalidRequestError {}
export class UnsupportedMachineError extends InvalidRequestError {}
export class ValidationFailedError extends InvalidRequestError {}
export class UpgradeRequiredError extends InvalidRequestError {}
export class QuotaExceededError extends RateLimitedError {}
export class InternalError extends UnavailableError {}
export class ArbiterUnavailableError extends UnavailableError {}
export class ImageStoreError extends UnavailableError {}
export class NoCapacityError extends UnavailableError {}
export class AntiAffinityUnsatisfiableError extends UnavailableError {}
export class EngineMismatchError extends UnavailableError {}
export class NoBackupAvailableError extends UnavailableError {}
export class ShuttingDownError extends UnavailableError {}
export class WorkerTimeoutError extends UnavailableError {}

type ApiErrorClass = new (problem: Problem, requestId?: string | null) => ApiError;

/** The table that `code` is looked up in. */
export const ERROR_CLASSES: Readonly<Record<components["schemas"]["ErrorCode"], ApiErrorClass>> = {
  bad_idempotency_key: BadIdempotencyKeyError,
  bad_page_token: BadPageTokenError,
  bad_request: BadRequestError,
  malformed_json: MalformedJsonError,
  unauthenticated: UnauthenticatedError,
  token_expired: TokenExpiredError,
  scope_missing: ScopeMissingError,
  origin_not_allowed: OriginNotAllowedError,
  image_not_found: ImageNotFoundError,
  not_found: RouteNotFoundError,
  replica_not_found: ReplicaNotFoundError,
  failover_not_found: FailoverNotFoundError,
  image_alias_not_found: ImageAliasNotFoundError,
  image_in_use: ImageInUseError,
  if_match_required: IfMatchRequiredError,
  operation_not_found: OperationNotFoundError,
  console_session_not_found: ConsoleSessionNotFoundError,
  token_not_found: TokenNotFoundError,
  vm_not_found: VmNotFoundError,
  worker_not_found: WorkerNotFoundError,
  console_writer_busy: ConsoleWriterBusyError,
  deletion_protected: DeletionProtectedError,
  idempotency_in_progress: IdempotencyInProgressError,
  input_offset_gap: InputOffsetGapError,
  input_session_expired: InputSessionExpiredError,
  invalid_state: InvalidStateError,
  name_taken: NameTakenError,
  not_protected: NotProtectedError,
  operation_in_progress: OperationInProgressError,
  term_mismatch: TermMismatchError,
  wait_target_unreachable: WaitTargetUnreachableError,
  worker_not_drained: WorkerNotDrainedError,
  event_cursor_expired: EventCursorExpiredError,
  vm_deleted: VmDeletedError,
  etag_mismatch: EtagMismatchError,
  payload_too_large: PayloadTooLargeError,
  unsupported_media_type: UnsupportedMediaTypeError,
  range_not_satisfiable: RangeNotSatisfiableError,
  idempotency_key_reused: IdempotencyKeyReusedError,
  validation_failed: ValidationFailedError,
  digest_mismatch: DigestMismatchError,
  unsupported_machine: UnsupportedMachineError,
  upgrade_required: UpgradeRequiredError,
  quota_exceeded: QuotaExceededError,
  rate_limited: RateLimitedError,
  internal_error: InternalError,
  arbiter_unavailable: ArbiterUnavailableError,
  image_store_error: ImageStoreError,
  no_capacity: NoCapacityError,
  anti_affinity_unsatisfiable: AntiAffinityUnsatisfiableError,
  engine_mismatch: EngineMismatchError,
  no_backup_available: NoBackupAvailableError,
  shutting_down: ShuttingDownError,
  worker_timeout: WorkerTimeoutError,
};

function familyOf(status: number): ApiErrorClass {
  switch (status) {
    case 401:
      return AuthenticationError;
    case 403:
      return PermissionError;
    case 404:
      return NotFoundError;
    case 409:
      return ConflictError;
    case 410:
      return GoneError;
    case 412:
    case 428:
      return PreconditionError;
    case 429:
      return RateLimitedError;
    default:
      return status >= 500 ? UnavailableError : InvalidRequestError;
  }
}

export function isProblem(value: unknown): value is Problem {
  if (typeof value !== "object" || value === null) return false;
  const problem = value as Record<string, unknown>;
  return typeof problem.code === "string" && typeof problem.status === "number" && typeof problem.title === "string";
}

export function errorFromProblem(problem: Problem, requestId: string | null = null): ApiError {
  const known = Object.hasOwn(ERROR_CLASSES, problem.code) ? ERROR_CLASSES[problem.code as components["schemas"]["ErrorCode"]] : undefined;
  return new (known ?? familyOf(problem.status))(problem, requestId);
}

/** @param body what came with a status of 400 or more, as text */
export function errorFromAnswer(url: string, status: number, body: string, requestId: string | null): ClientError {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(body);
  } catch {
    // Not JSON: something between us and the service answered.
  }
  if (isProblem(parsed)) return errorFromProblem(parsed, requestId);
  return new ProtocolError(`Cannot use the answer of ${url}: status ${status} without a problem document; is it an Understudy API?`, {
    requestId,
    retryable: isRetryableStatus(status),
  });
}
