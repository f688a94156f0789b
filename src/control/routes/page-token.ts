/** Opaque page tokens: the keyset cursor as base64url JSON, with the order that it belongs to where there are several. */
import { ApiError } from "../errors/api-error.ts";

/** Of a list that can be had in several orders. */
export interface OrderedCursor {
  /** What is ordered by, of the last resource of the page before. */
  readonly key: string;
  readonly id: string;
}

export interface Cursor {
  readonly createdAt: string;
  readonly id: string;
}

/** @throws {ApiError} `bad_page_token`, also where it is of another order */
export function readOrderedPageToken<Order extends string>(token: string | undefined, order: Order): OrderedCursor | null {
  if (token === undefined) return null;
  const value = decoded(token);
  if (Array.isArray(value) && value.length === 3) {
    const [ofOrder, key, id] = value as unknown[];
    const isKey = order.startsWith("createdAt") ? isTimestamp(key) : typeof key === "string" && /^[a-z0-9-]{0,63}$/.test(key);
    if (ofOrder === order && isKey && isId(id)) return { key: key as string, id };
  }
  throw new ApiError(
    "bad_page_token",
    `Cannot use the page token: it is none of a list in the order "${order}". List again from the start`,
  );
}

export function writeOrderedPageToken(cursor: OrderedCursor | null, order: string): string | null {
  return cursor === null ? null : encoded([order, cursor.key, cursor.id]);
}

export function writePageToken(cursor: Cursor | null): string | null {
  return cursor === null ? null : encoded([cursor.createdAt, cursor.id]);
}

/** @throws {ApiError} `bad_page_token` */
export function readPageToken(token: string | undefined): Cursor | null {
  if (token === undefined) return null;
  const value = decoded(token);
  if (Array.isArray(value) && value.length === 2) {
    const [createdAt, id] = value as unknown[];
    if (isTimestamp(createdAt) && isId(id)) return { createdAt, id };
  }
  throw new ApiError("bad_page_token", "Cannot use the page token: it is not one that this service gave. List again from the start");
}

function encoded(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

/** @returns null: it is none of ours */
function decoded(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    return null;
  }
}

function isId(text: unknown): text is string {
  return typeof text === "string" && /^\w{1,80}$/.test(text);
}

/** As Postgres writes one: `2026-03-01 09:00:00.123456+00`. It knows no year 0. */
function isTimestamp(text: unknown): text is string {
  if (typeof text !== "string" || !/^(?!0000)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-](0\d|1[0-5])(:[0-5]\d)?$/.test(text))
    return false;
  const second = text.slice(0, 19).replace(" ", "T");
  const at = new Date(`${second}Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(second);
}
