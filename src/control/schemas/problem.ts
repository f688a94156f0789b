/** RFC 9457 problem details: the one shape of every error answer. */
import { type Static, Type } from "typebox";
import { ERROR_CODES } from "../errors/error-codes.ts";
import { orNull, words } from "./scalars.ts";

const ErrorCode = words(ERROR_CODES, { $id: "ErrorCode" });

export const Problem = Type.Object(
  {
    type: Type.String({ description: "/docs/errors#<code>" }),
    title: Type.String(),
    status: Type.Integer(),
    code: ErrorCode,
    detail: Type.String({ description: "What is, what was wanted, what to do" }),
    instance: orNull(Type.String()),
    requestId: orNull(Type.String()),
    retryable: Type.Boolean(),
    retryAfterMs: Type.Optional(Type.Integer()),
    operationId: Type.Optional(orNull(Type.String())),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: "JSON pointer into the body, or /query/…" }),
          code: Type.String(),
          message: Type.String(),
        }),
      ),
    ),
  },
  { $id: "Problem", additionalProperties: true },
);
export type Problem = Static<typeof Problem>;
