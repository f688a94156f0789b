/**
 * The bytes of a source that may break off: they go on where they were.
 *
 *     open(0) --bytes--> broken off at N --wait--> open(N) --from N--> ... --> end
 *        '-- the first time: final           '-- from 0: it begins again; what is there already is compared, and not repeated
 *
 * What comes of it is one stream: whoever reads it checks the digest of the whole at its end, as if it had come at once.
 */
import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { UnderstudyError } from "../base/errors.ts";

const WAIT_MAX_MS = 5000;

/** What a source gives when it is asked for its bytes from an offset on. */
export interface SourcePart {
  /** Offset of its first byte: the one that was asked for; or 0, of a source that cannot but begin again. */
  readonly from: number;
  readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export type OpenSource = (from: number) => Promise<SourcePart>;

export interface ResumeOptions {
  /** Before the source is asked again; it doubles with each time that brings nothing new. */
  readonly waitMs: number;
  /** It is given up after so many times that bring nothing new. */
  readonly fruitlessMax: number;
  /** Of an error that another attempt would bring again. */
  readonly isFinal?: (error: unknown) => boolean;
  /** Ends the waits; what else it ends is the source's. */
  readonly signal?: AbortSignal;
}

/**
 * @throws {UnderstudyError} `source_changed` where a source that began again has other bytes than before
 * @throws what the first `open`, or the last attempt, has failed by
 */
export async function* resumedStream(open: OpenSource, options: ResumeOptions): AsyncGenerator<Uint8Array> {
  const { waitMs, fruitlessMax, isFinal = () => false, signal } = options;
  const had = createHash("sha256");
  let at = 0;
  let fruitless = 0;
  for (let part: SourcePart | null = await open(0); ; part = null) {
    const before = at;
    try {
      part ??= await open(at);
      for await (const bytes of part.from === at ? part.bytes : behind(part.bytes, at, had.copy().digest("hex"))) {
        had.update(bytes);
        at += bytes.length;
        yield bytes;
      }
      return;
    } catch (error) {
      fruitless = at > before ? 1 : fruitless + 1;
      if (isFinal(error) || isChange(error) || signal?.aborted === true || fruitless > fruitlessMax) throw error;
      await wait(Math.min(WAIT_MAX_MS, waitMs * 2 ** (fruitless - 1)), undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}

/** What comes after the first `length` bytes, which must have that digest. */
async function* behind(bytes: SourcePart["bytes"], length: number, digest: string): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let left = length;
  for await (const piece of bytes) {
    const known = piece.subarray(0, left);
    if (left > 0) {
      hash.update(known);
      left -= known.length;
      if (left === 0 && hash.digest("hex") !== digest) throw changed();
    }
    if (known.length < piece.length) yield piece.subarray(known.length);
  }
  if (left > 0) throw changed();
}

function changed(): UnderstudyError {
  return new UnderstudyError("source_changed", "Cannot go on: the source has other bytes than those that came before it broke off");
}

function isChange(error: unknown): boolean {
  return error instanceof UnderstudyError && error.code === "source_changed";
}
