/** The `Idempotency-Key` header: a quoted string, or the bare token that many clients send. */
import { ApiError } from "../errors/api-error.ts";

/** @throws {ApiError} `bad_idempotency_key` */
export function readIdempotencyKey(header: string | undefined): string | null {
  if (header === undefined) return null;
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/.test(key)) {
    throw new ApiError("bad_idempotency_key", "Cannot use the idempotency key: 1 to 255 visible characters are wanted, such as a UUID");
  }
  return key;
}
