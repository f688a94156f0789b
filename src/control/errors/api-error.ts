/** An error of the public contract: a code of the table, and a detail that says what to do. */
import { type ErrorDetails, UnderstudyError } from "../../base/errors.ts";
import { ERROR_TABLE, type ErrorCode } from "./error-codes.ts";

export interface FieldError {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

export class ApiError extends UnderstudyError {
  declare readonly code: ErrorCode;

  constructor(code: ErrorCode, detail: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(code, detail, options);
    this.name = "ApiError";
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }
}

export function invalidField(pointer: string, code: string, message: string): ApiError {
  return new ApiError("validation_failed", `Cannot use ${pointer}: ${message}`, { details: { errors: [{ pointer, code, message }] } });
}
