/** Times that a query names: RFC 3339 with any offset, as the database takes them: in UTC, to the microsecond. */
import { invalidField } from "../errors/api-error.ts";

const DATE_TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):(\d\d)(?:(\.\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)$/;
const LEAP_SECOND = "60";

/**
 * The offset goes here, because RFC 3339 allows some that the database does not know. A leap second is the second after it.
 *
 * @param text as the format `date-time` allows it
 * @throws {ApiError} `validation_failed`: it is not of the years 1 to 9999 in UTC, or is more than RFC 3339 has
 */
export function readTime(pointer: string, text: string): string {
  const [, day, minute, second, fraction = "", offset] = DATE_TIME.exec(text.toUpperCase()) ?? [];
  if (day === undefined) throw invalidField(pointer, "bad_format", "wanted is a time such as 2026-03-01T09:00:00Z, and nothing behind it");
  const isLeap = second === LEAP_SECOND;
  const at = Date.parse(`${day}T${minute}:${isLeap ? "59" : second}${offset}`) + (isLeap ? 1000 : 0);
  const utc = new Date(at).toISOString();
  if (!/^\d{4}-/.test(utc) || utc.startsWith("0000"))
    throw invalidField(pointer, "out_of_range", "in UTC it is not in the years 1 to 9999");
  return utc.replace(/\.\d+Z$/, `${fraction}Z`);
}
