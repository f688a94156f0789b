/** The `Range` header (RFC 9110, 14): one range of bytes. What asks for several, or for something else, is answered with all of it. */
import type { ByteRange } from "../../images/index.ts";

/** @returns as `readByteRange`; null too where `If-Range` is of something else than what has this entity tag */
export function rangeAsked(
  { range, "if-range": ifRange }: { readonly range?: string | undefined; readonly "if-range"?: string | string[] | undefined },
  etag: string,
  sizeBytes: number,
): ByteRange | "unsatisfiable" | null {
  return ifRange !== undefined && ifRange !== etag ? null : readByteRange(range, sizeBytes);
}

/** @returns null: all of it; "unsatisfiable": there is no such byte */
function readByteRange(header: string | undefined, sizeBytes: number): ByteRange | "unsatisfiable" | null {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "") ?? [];
  if (first === "" && last === "") return null;
  if (first === "") {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? "unsatisfiable" : { start: sizeBytes - length, end: sizeBytes };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return null;
  if (start >= sizeBytes) return "unsatisfiable";
  return { start, end: last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) };
}
