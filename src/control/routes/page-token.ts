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
      if (typeof createdAt === "string" && /^[0-9 :.+-]{10,40}$/.test(createdAt) && typeof id === "string") return { createdAt, id };
    }
  } catch {
    // Not one of ours: said below.
  }
  throw new ApiError("bad_page_token", "Cannot use the page token: it is not one that this service gave. List again from the start");
}
