/** Every error that leaves as an answer: an exception to RFC 9457 problem details, fastify's own exceptions included. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type ErrorDetails, UnderstudyError } from "../../base/errors.ts";
import { isDatabaseUnavailable, isRefusedData } from "../db/unavailable.ts";
import { wantedFor } from "../schemas/patterned.ts";
import type { Problem } from "../schemas/problem.ts";
import { LABEL_KEY_WANTED } from "../schemas/scalars.ts";
import { ApiError, type FieldError } from "./api-error.ts";
import { ERROR_TABLE, type ErrorCode, isErrorCode } from "./error-codes.ts";

export const PROBLEM_MEDIA_TYPE = "application/problem+json; charset=utf-8";

/** What the image store says, in the words of the contract. */
const IMAGE_ERRORS: Readonly<Record<string, { readonly code: ErrorCode; readonly details?: ErrorDetails }>> = {
  image_store_full: { code: "image_store_error", details: { retryable: false } },
  image_corrupt: { code: "image_store_error" },
  image_invalid: { code: "validation_failed" },
  image_truncated: { code: "validation_failed" },
};

declare module "fastify" {
  interface FastifyRequest {
    /** Code of the problem that the request was answered with. */
    problemCode: string | null;
  }
}

export function installProblems(app: FastifyInstance): void {
  app.decorateRequest("problemCode", null);
  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(toApiError(error, request), request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(new ApiError("not_found", `Cannot ${request.method} ${pathOf(request)}: no such route, see /openapi.json`), request, reply),
  );
}

export function problemOf(error: ApiError, instance: string | null, requestId: string | null): Problem {
  const { status, title, retryable } = ERROR_TABLE[error.code];
  return {
    type: `/docs/errors#${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    instance,
    requestId,
    retryable,
    ...error.details,
  };
}

/** The error as a caller may see it: what is not of the contract becomes `internal_error`, and keeps its secrets. */
export function toApiError(error: unknown, request?: FastifyRequest): ApiError {
  if (error instanceof ApiError) return error;
  if (isDatabaseUnavailable(error)) {
    return new ApiError("arbiter_unavailable", "Cannot reach the database: running VMs go on, try again when it is back", {
      cause: error,
      details: { retryAfterMs: 1000 },
    });
  }
  if (error instanceof UnderstudyError) {
    const known = isErrorCode(error.code) ? { code: error.code, details: error.details } : IMAGE_ERRORS[error.code];
    if (known !== undefined) return new ApiError(known.code, error.message, { cause: error, details: known.details ?? {} });
  }
  // What the schemas let through, and the database does not: `sendProblem` logs it, for a check is missing then.
  if (request !== undefined && isRefusedData(error)) {
    return new ApiError("validation_failed", "Cannot use the request: a value of it is none that the database can hold or compare", {
      cause: error,
    });
  }
  const { code, statusCode, validation } = error as Partial<FastifyError>;
  if (validation !== undefined) return invalid(error as FastifyError);
  switch (code) {
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return new ApiError("malformed_json", "Cannot read the body: it is not JSON");
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new ApiError("payload_too_large", "Cannot take the body: it is over 1 MiB");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
    case "FST_ERR_CTP_INVALID_TYPE":
      return new ApiError(
        "unsupported_media_type",
        `Cannot read a body of type "${request?.headers["content-type"] ?? ""}": send ${wantedMedia(request)}`,
      );
    case "FST_ERR_BAD_URL":
      return new ApiError("bad_request", `Cannot decode the path ${request?.url.split("?")[0] ?? ""}: percent signs must begin an escape`);
    case "FST_ERR_REOPENED_CLOSE_SERVER":
      return new ApiError("shutting_down", "Cannot serve: the control plane is stopping");
    default:
      break;
  }
  if (error instanceof SyntaxError && statusCode === 400) return new ApiError("malformed_json", "Cannot read the body: it is not JSON");
  if (statusCode === 503) return new ApiError("shutting_down", "Cannot serve: the control plane is stopping", { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ApiError("bad_request", `Cannot serve the request: ${(error as Error).message}`, { cause: error });
  }
  return new ApiError(
    "internal_error",
    "Cannot complete the request: an error of ours, which is in the control plane's log under the request id",
    {
      cause: error,
    },
  );
}

function wantedMedia(request: FastifyRequest | undefined): string {
  const { bodyMedia = ["application/json"], streamedBody = {} } = request?.routeOptions.schema ?? {};
  return [...bodyMedia, ...Object.keys(streamedBody)].join(" or ");
}

export function sendProblem(error: ApiError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.code === "internal_error") request.log.error({ err: error.cause ?? error }, "internal error");
  else if (error.code === "arbiter_unavailable")
    request.log.warn({ code: error.code }, "arbiter_unavailable: the database does not answer");
  else if (isRefusedData(error)) request.log.warn({ err: error.cause }, "the database refused a value of a request that no check refused");
  const problem = problemOf(error, pathOf(request), request.id);
  request.problemCode = error.code;
  reply.header("Request-Id", request.id);
  // The connection of an upgrade that was refused is not used again; nobody else ends it where no route was found.
  if (request.headers.upgrade !== undefined) {
    reply.header("Connection", "close");
    reply.raw.once("finish", () => request.raw.socket.destroySoon());
  }
  if (problem.retryAfterMs !== undefined) reply.header("Retry-After", Math.ceil(problem.retryAfterMs / 1000));
  if (error.status === 401) reply.header("WWW-Authenticate", 'Bearer realm="understudy"');
  if (error.code === "upgrade_required") reply.header("Upgrade", "websocket");
  return reply.code(problem.status).type(PROBLEM_MEDIA_TYPE).send(problem);
}

/** Without the query: it may carry secrets. */
function pathOf(request: FastifyRequest): string {
  return request.url.split("?")[0] ?? "/";
}

interface SchemaIssue {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

function invalid(error: FastifyError): ApiError {
  const where = error.validationContext ?? "body";
  const prefix = where === "body" ? "" : `/${where === "querystring" ? "query" : where === "params" ? "path" : where}`;
  const errors = ((error.validation ?? []) as unknown as SchemaIssue[]).flatMap((issue) => fieldErrors(issue, prefix));
  const first = errors[0];
  const at = first === undefined ? where : first.pointer || "the body";
  return new ApiError("validation_failed", `Cannot use ${at}: ${first?.message ?? "it is not what was wanted"}`, { details: { errors } });
}

function fieldErrors(issue: SchemaIssue, prefix: string): FieldError[] {
  const at = `${prefix}${issue.instancePath}`;
  const { limit, requiredProperties, additionalProperties, allowedValues, pattern } = issue.params as {
    limit?: number;
    requiredProperties?: readonly string[];
    additionalProperties?: readonly string[];
    allowedValues?: readonly unknown[];
    pattern?: unknown;
  };
  switch (issue.keyword) {
    case "required":
      return (requiredProperties ?? []).map((name) => ({ pointer: `${at}/${name}`, code: "required", message: "it is missing" }));
    case "boolean":
      // Said twice: `additionalProperties` names the same field.
      return [];
    case "additionalProperties":
      return (additionalProperties ?? []).map((name) => ({
        pointer: `${at}/${name}`,
        ...(at.endsWith("/labels")
          ? { code: "bad_format", message: `the key of a label is ${LABEL_KEY_WANTED}` }
          : { code: "unknown_field", message: "there is no such field" }),
      }));
    case "minimum":
      return [
        {
          pointer: at,
          code: "too_small",
          message: at.endsWith("/machine/memoryMiB") ? memoryAdvice(limit) : `at least ${limit} is wanted`,
        },
      ];
    case "maximum":
      return [{ pointer: at, code: "too_large", message: `at most ${limit} is allowed` }];
    case "minLength":
      return [{ pointer: at, code: "too_short", message: `at least ${limit} characters are wanted` }];
    case "maxLength":
      return [{ pointer: at, code: "too_long", message: `at most ${limit} characters are allowed` }];
    case "enum":
      return [{ pointer: at, code: "not_allowed", message: `it is not one of ${(allowedValues ?? []).join(", ")}` }];
    case "pattern":
      return [{ pointer: at, code: "bad_format", message: patternAdvice(String(pattern)) }];
    default:
      return [{ pointer: at, code: issue.keyword, message: issue.message ?? "it is not what was wanted" }];
  }
}

function patternAdvice(pattern: string): string {
  const wanted = wantedFor(pattern);
  return wanted === null ? `it does not match ${pattern}` : `wanted is ${wanted}`;
}

function memoryAdvice(limit: number | undefined): string {
  return `this kernel needs at least ${limit} MiB`;
}
