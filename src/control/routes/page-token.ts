/** Opaque page tokens: the keyset cursor as base64url JSON. */
import { ApiError } from "../errors/api-error.ts";

export interface Cursor {
  readonly createdAt: string;
  readonly id: string;
}

export function writePageToken(cursor: Cursor | null): string | null {
  return cursor === null ? null : Buffer.from(JSON.stringify([cursor.createdAt, cursor.id])).toString("base64url");
}

/** @throws {ApiError} `bad_page_token` */
export function readPageToken(token: string | undefined): Cursor | null {
  if (token === undefined) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    if (Array.isArray(value) && value.length === 2) {
      const [createdAt, id] = value as unknown[];
      if (isTimestamp(createdAt) && typeof id === "string" && /^\w{1,80}$/.test(id)) return { createdAt, id };
    }
  } catch {
    // Not one of ours: said below.
  }
  throw new ApiError("bad_page_token", "Cannot use the page token: it is not one that this service gave. List again from the start");
}

/** As Postgres writes one: `2026-03-01 09:00:00.123456+00`. */
function isTimestamp(text: unknown): text is string {
  if (typeof text !== "string" || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-](0\d|1[0-5])(:[0-5]\d)?$/.test(text)) return false;
  const second = text.slice(0, 19).replace(" ", "T");
  const at = new Date(`${second}Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(second);
}
