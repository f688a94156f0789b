/**
 * State pages as they travel: a byte that says how, then the pages of a part as the engine gives them, or compressed, off every thread
 * that a guest runs on. They are taken apart in the engine thread of a backup, which has nothing else to do then.
 *
 * Of what Node 20 has, Brotli at its lowest quality fits: over the pages of a Debian guest at its prompt it makes 2.6 times
 * less at 400 MB/s, deflate at level 1 makes 2.9 times less at 110 MB/s (one core of the machine that README's figures are of).
 * Between two workers of one host there is no line to save, and the processors that it takes are those that the guest runs on.
 */
import { promisify } from "node:util";
import { brotliCompress, brotliDecompressSync, constants } from "node:zlib";
import { UnderstudyError } from "../base/errors.ts";

/**
 * Pages are captured, compressed, sent, reported as applied in parts of so many bytes. Each is a sign of life, so that a slow line
 * is no silence; and each wakes six threads one after the other, which a busy host makes wait, so that many small ones take long.
 */
export const STATE_PART_BYTES = 512 * 1024;

/** A part ends with the page that reaches its bound, and the last one has the three pages more that always change. */
const PART_BYTES_MAX = STATE_PART_BYTES + 8 * 4096;

const PLAIN = 0;
const BROTLI = 1;

const compress = promisify(brotliCompress);

/** @param pages as the engine captured them */
export function plainState(pages: Uint8Array): Uint8Array {
  return travelling(PLAIN, pages);
}

/** @param pages as the engine captured them; may not be changed until the promise is settled */
export async function compressState(pages: Uint8Array): Promise<Uint8Array> {
  return travelling(
    BROTLI,
    await compress(pages, {
      chunkSize: PART_BYTES_MAX,
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MIN_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: pages.length,
      },
    }),
  );
}

function travelling(how: number, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + bytes.length);
  out[0] = how;
  out.set(bytes, 1);
  return out;
}

/** @returns the pages of a part. @throws {UnderstudyError} `malformed_state` for bytes that are none */
export function unpackState(bytes: Uint8Array): Uint8Array {
  const [how] = bytes;
  const rest = bytes.subarray(1);
  if (how === PLAIN) {
    if (rest.length > PART_BYTES_MAX) throw malformed(`it has ${rest.length} bytes, a part has ${PART_BYTES_MAX} at most`);
    return rest;
  }
  if (how !== BROTLI) throw malformed(`its pages travel in a way ${how} that is not defined`);
  try {
    return brotliDecompressSync(rest, { maxOutputLength: PART_BYTES_MAX, chunkSize: PART_BYTES_MAX });
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
}

function malformed(why: string, cause?: unknown): UnderstudyError {
  return new UnderstudyError("malformed_state", `Cannot apply a part of the state: ${why}`, cause === undefined ? {} : { cause });
}
