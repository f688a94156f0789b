/**
 * The one table of error codes: HTTP status, title, and whether the same request may succeed later.
 * The OpenAPI document lists them from here.
 */
interface ErrorKind {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
}

function kind(status: number, title: string, retryable = false): ErrorKind {
  return { status, title, retryable };
}

export const ERROR_TABLE = {
  malformed_json: kind(400, "The body is not JSON"),
  bad_request: kind(400, "The request is not understood"),
  bad_page_token: kind(400, "The page token is not one of ours"),
  bad_idempotency_key: kind(400, "The idempotency key is not usable"),
  unauthenticated: kind(401, "No valid token"),
  token_expired: kind(401, "The token has expired"),
  scope_missing: kind(403, "The token may not do this"),
  origin_not_allowed: kind(403, "This origin may not connect"),
  not_found: kind(404, "No such route"),
  vm_not_found: kind(404, "No such VM"),
  worker_not_found: kind(404, "No such worker"),
  image_not_found: kind(404, "No such image"),
  replica_not_found: kind(404, "No such replica"),
  failover_not_found: kind(404, "No such failover"),
  image_alias_not_found: kind(404, "No such image alias"),
  operation_not_found: kind(404, "No such operation"),
  token_not_found: kind(404, "No such token"),
  console_session_not_found: kind(404, "No such console session"),
  vm_deleted: kind(410, "The VM was deleted"),
  event_cursor_expired: kind(410, "The event cursor is none of the events that are kept"),
  invalid_state: kind(409, "Operation not allowed in the current state"),
  name_taken: kind(409, "The name is in use"),
  operation_in_progress: kind(409, "Another operation is in progress", true),
  idempotency_in_progress: kind(409, "The first request with this key still runs", true),
  not_protected: kind(409, "The VM has no backup that could take over", true),
  term_mismatch: kind(409, "The VM is in another term"),
  console_writer_busy: kind(409, "Another session may write"),
  input_session_expired: kind(409, "The input session is no longer known"),
  input_offset_gap: kind(409, "Input bytes are missing"),
  wait_target_unreachable: kind(409, "The VM cannot get there"),
  deletion_protected: kind(409, "The VM is protected from deletion"),
  image_in_use: kind(409, "The image is in use"),
  worker_not_drained: kind(409, "The worker holds replicas"),
  etag_mismatch: kind(412, "The VM has changed"),
  if_match_required: kind(428, "If-Match must say what was seen"),
  payload_too_large: kind(413, "The body is too large"),
  unsupported_media_type: kind(415, "The media type is not supported"),
  range_not_satisfiable: kind(416, "There are no such bytes"),
  upgrade_required: kind(426, "This route is a WebSocket"),
  validation_failed: kind(422, "The request is not valid"),
  digest_mismatch: kind(422, "The bytes are not those of the digest"),
  unsupported_machine: kind(422, "The machine cannot run this"),
  idempotency_key_reused: kind(422, "The idempotency key belongs to another request"),
  quota_exceeded: kind(429, "There are as many as there may be"),
  rate_limited: kind(429, "Asked too often", true),
  internal_error: kind(500, "Our fault"),
  arbiter_unavailable: kind(503, "The database does not answer", true),
  image_store_error: kind(503, "The image store fails", true),
  no_capacity: kind(503, "No worker has room", true),
  anti_affinity_unsatisfiable: kind(503, "Only workers that hold a replica of the VM have room", true),
  engine_mismatch: kind(503, "No worker with room runs the same build", true),
  no_backup_available: kind(503, "The backup cannot be reached", true),
  shutting_down: kind(503, "The service is shutting down", true),
  worker_timeout: kind(504, "The worker did not answer in time", true),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export const ERROR_CODES = Object.keys(ERROR_TABLE).sort() as ErrorCode[];

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}
