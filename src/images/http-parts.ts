/**
 * A source for `resumedStream` that is asked over HTTP, by ranges (RFC 9110, 14). A server that knows none, or whose answer is not what is
 * missing of the same bytes, is asked for all of them.
 */
import type { IncomingMessage } from "node:http";
import type { OpenSource, SourcePart } from "./resumed-stream.ts";

/** A date is a strong validator where the server's clock was so much later when it said it. */
const STRONG_AFTER_MS = 60_000;

/** Asks, and resolves with an answer of 200, 206 or 416; any other is an error. */
export type AskSource = (headers: Readonly<Record<string, string>>) => Promise<IncomingMessage>;

/** @param validator what the bytes are known by before they are asked for: an entity tag */
export function httpParts(ask: AskSource, validator: string | null = null): OpenSource {
  let known = validator;
  let sizeBytes: number | null = null;

  const whole = async (): Promise<SourcePart> => {
    const answer = await ask({});
    const { statusCode, headers } = answer;
    if (statusCode !== 200) {
      answer.destroy();
      throw new Error(`it is answered with HTTP ${statusCode}`);
    }
    known = validator ?? validatorOf(answer);
    sizeBytes = headers["content-length"] === undefined ? null : Number(headers["content-length"]);
    return { from: 0, bytes: answer };
  };

  return async (from) => {
    if (from === 0) return await whole();
    const answer = await ask({ range: `bytes=${from}-`, ...(known === null ? {} : { "if-range": known }) });
    const [, start, size = ""] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(answer.headers["content-range"] ?? "") ?? [];
    const isSame = sizeBytes === null || size === "*" || Number(size) === sizeBytes;
    switch (answer.statusCode) {
      case 200:
        known = validator ?? validatorOf(answer);
        return { from: 0, bytes: answer };
      case 206:
        if (Number(start) === from && isSame && (known === null || isOf(answer, known))) return { from, bytes: answer };
        break;
      case 416:
        // It broke off behind the last byte.
        if (isSame && Number(size) === from) {
          answer.destroy();
          return { from, bytes: [] };
        }
        break;
      default:
        break;
    }
    answer.destroy();
    return await whole();
  };
}

/** Null: nothing that would tell two versions apart for certain; the digest of the whole does. */
function validatorOf({ headers }: IncomingMessage): string | null {
  const { etag, "last-modified": modified, date } = headers;
  if (etag !== undefined) return etag.startsWith('"') ? etag : null;
  if (modified === undefined || date === undefined) return null;
  return Date.parse(date) - Date.parse(modified) >= STRONG_AFTER_MS ? modified : null;
}

/** A server that says nothing of it has honoured `If-Range`, or not: the digest of the whole tells. */
function isOf({ headers }: IncomingMessage, validator: string): boolean {
  const said = validator.startsWith('"') ? headers.etag : headers["last-modified"];
  return said === undefined || said === validator;
}
