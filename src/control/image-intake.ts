/**
 * Takes an image in: from a stream of its archive to a row that every control plane sees.
 *
 *     stream --counted, hashed--> apart in this store --checked--> bytes in the database --one transaction--> row, event, answer
 *        '-- too much, too slow, broken off, not the digest, no image: nothing of it is left      '--> in this store
 */
import { createHash, type Hash } from "node:crypto";
import { type ReceivedImage, receiveArchive } from "../images/index.ts";
import type { ControlPlane } from "./control-plane.ts";
import { type IdempotentCall, runIdempotently, type StoredAnswer } from "./db/queries/idempotency.ts";
import { listImageAliases } from "./db/queries/image-aliases.ts";
import { storeImageBlob } from "./db/queries/image-chunks.ts";
import { addUploadedImage } from "./db/queries/images.ts";
import { checkImageQuotas, claimImageQuotas } from "./db/queries/quotas.ts";
import { ApiError } from "./errors/api-error.ts";
import { imageFacts } from "./image-catalogue.ts";
import { presentImage } from "./presenters/image.ts";

/** A digest of the whole stream, in lower-case hexadecimal digits. */
export interface ExpectedDigest {
  readonly algorithm: "sha256" | "sha512";
  readonly hex: string;
}

export interface Intake {
  readonly stream: AsyncIterable<Uint8Array>;
  /** What the stream must have; none: nobody said. */
  readonly digests: readonly ExpectedDigest[];
  /** Instead of the name in the archive. */
  readonly name: string | undefined;
  readonly call: Omit<IdempotentCall, "body">;
  /** Of the request, as far as it is no stream. */
  readonly request: unknown;
}

/**
 * The same image twice is one image: 201 for the first, 200 after that.
 *
 * @throws {ApiError} `payload_too_large`, `digest_mismatch`, `quota_exceeded`, `bad_request` where the stream stands still, and those of the idempotency key
 * @throws {UnderstudyError} those of `receiveArchive`
 */
export async function takeImageIn(control: ControlPlane, intake: Intake): Promise<StoredAnswer & { readonly replayed: boolean }> {
  const { images, database, config } = control;
  const counted = new CountedStream(intake.stream, config.imageMaxMiB, config.imageUploadIdleMs, intake.digests);
  const options = { name: intake.name, createdAt: new Date().toISOString() };
  const image = await receiveArchive(images.store, counted, options).catch((error: unknown) => {
    // That bytes are not those that were sent says more than what is wrong with them.
    if (counted.ended) counted.check();
    throw error;
  });
  try {
    counted.check();
    const facts = imageFacts(image.manifest);
    await checkImageQuotas(database.db, config, facts);
    // Before the row, so that whoever sees that has all of them.
    for (const blob of image.blobs) await storeImageBlob(database.db, blob);
    const call = { ...intake.call, body: { request: intake.request, digest: image.manifest.digest } };
    const answer = await runIdempotently(database, call, async (tx) => {
      await claimImageQuotas(tx, config, facts);
      const { row, added } = await addUploadedImage(tx, facts);
      const body = presentImage(row, await listImageAliases(tx.db));
      return { status: added ? 201 : 200, headers: { location: `/v1/images/${row.id}` }, body };
    });
    await keep(control, image);
    return answer;
  } finally {
    await image.discard();
  }
}

/** The image is there: a store that cannot have it now gets it from the database when it is wanted. */
async function keep({ log }: ControlPlane, image: ReceivedImage): Promise<void> {
  await image.keep().catch((error: unknown) => log.warn({ err: error }, "an image that was uploaded is not in the store yet"));
}

/** Passes a stream on, as long as it is not too long and does not stand still; knows its digests at the end. */
class CountedStream implements AsyncIterable<Uint8Array> {
  ended = false;
  private readonly hashes: readonly { readonly expected: ExpectedDigest; readonly hash: Hash }[];

  constructor(
    private readonly stream: AsyncIterable<Uint8Array>,
    private readonly maxMiB: number,
    private readonly idleMs: number,
    digests: readonly ExpectedDigest[],
  ) {
    this.hashes = digests.map((expected) => ({ expected, hash: createHash(expected.algorithm) }));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const source = this.stream[Symbol.asyncIterator]();
    let sizeBytes = 0;
    try {
      for (;;) {
        const { done, value } = await this.soon(source.next());
        if (done === true) {
          this.ended = true;
          return;
        }
        sizeBytes += value.length;
        if (sizeBytes > this.maxMiB * 1024 * 1024)
          throw new ApiError("payload_too_large", `Cannot take the image: it is over ${this.maxMiB} MiB (UNDERSTUDY_IMAGE_MAX_MIB)`);
        for (const { hash } of this.hashes) hash.update(value);
        yield value;
      }
    } finally {
      // Not waited for: it comes after the piece that is being waited for, which may never come.
      source.return?.().catch(() => undefined);
    }
  }

  /** @throws {ApiError} `digest_mismatch` */
  check(): void {
    for (const { expected, hash } of this.hashes) {
      const hex = hash.digest("hex");
      if (hex === expected.hex) continue;
      const { algorithm } = expected;
      throw new ApiError(
        "digest_mismatch",
        `Cannot accept the image: its bytes have digest ${algorithm}:${hex}, wanted was ${algorithm}:${expected.hex}; send it again, or correct the digest`,
      );
    }
  }

  private soon<T>(next: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new ApiError("bad_request", `Cannot take the image: nothing of it came for ${this.idleMs} ms`)),
        this.idleMs,
      );
      next.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
