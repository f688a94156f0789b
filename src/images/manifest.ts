/**
 * What an image is: the digests of its kernel and initramfs, and how to boot them.
 *
 * The digest of a manifest is over everything but itself and the date, in canonical JSON (keys sorted, no spaces): the same
 * package pulled on two machines is the same image. The id is a ULID-shaped name of the digest's first 128 bits, so that
 * every process that sees the image gives it the same id without asking anybody.
 */
import { createHash } from "node:crypto";
import { UnderstudyError } from "../base/errors.ts";

export interface BlobReference {
  /** `sha256:<hex>` */
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface ImageSource {
  /** Package that the files came from, its version and its suite; null for files given by hand. */
  readonly package: string | null;
  readonly version: string | null;
  readonly suite: string | null;
  /** A sentence for people. Names no mirror: where a package came from does not make it another image. */
  readonly description: string;
}

export interface ImageManifest {
  readonly name: string;
  /** `sha256:<hex>` of the canonical JSON of the rest, without `createdAt`. */
  readonly digest: string;
  readonly kernel: BlobReference;
  readonly initramfs: BlobReference;
  /** Kernel command line, unless the VM's spec gives another. */
  readonly cmdline: string;
  /** With less the guest does not reach its ready line. */
  readonly minMemoryMiB: number;
  /** When this store first had it, RFC 3339. */
  readonly createdAt: string;
  readonly source: ImageSource;
  /** Such as `6.12.117+deb13-riscv64`. */
  readonly kernelRelease: string;
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Completes a manifest with its digest. */
export function sealManifest(content: Omit<ImageManifest, "digest">): ImageManifest {
  if (!NAME.test(content.name)) {
    throw new UnderstudyError(
      "validation_failed",
      `Cannot name an image "${content.name}": a name is up to 63 lower-case letters, digits, ".", "_" and "-", and starts with a letter or digit`,
    );
  }
  return { ...content, digest: manifestDigest(content) };
}

/** `img_` and 26 characters. */
export function imageId(manifest: Pick<ImageManifest, "digest">): string {
  let rest = BigInt(`0x${manifest.digest.slice("sha256:".length, "sha256:".length + 32)}`);
  let id = "";
  for (let i = 0; i < 26; i++, rest >>= 5n) id = CROCKFORD[Number(rest & 31n)] + id;
  return `img_${id}`;
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The manifest that `text` holds. @throws {UnderstudyError} `image_corrupt` unless it is one whose digest is right */
export function parseManifest(text: string, file: string): ImageManifest {
  const corrupt = (why: string) =>
    new UnderstudyError(
      "image_corrupt",
      `Cannot use the image manifest ${file}: ${why}; delete the file and pull or import the image again`,
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw corrupt(`it is not JSON (${(error as Error).message})`);
  }
  if (!isManifest(value)) throw corrupt("a field is missing or of the wrong type");
  if (manifestDigest(value) !== value.digest) throw corrupt("its digest does not match its content");
  return value;
}

function manifestDigest(manifest: Omit<ImageManifest, "digest">): string {
  const { name, kernel, initramfs, cmdline, minMemoryMiB, source, kernelRelease } = manifest;
  return sha256(new TextEncoder().encode(canonicalJson({ name, kernel, initramfs, cmdline, minMemoryMiB, source, kernelRelease })));
}

function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(",")}}`;
}

function isManifest(value: unknown): value is ImageManifest {
  const has = (object: unknown, shape: Record<string, (field: unknown) => boolean>): boolean =>
    typeof object === "object" &&
    object !== null &&
    Object.entries(shape).every(([key, check]) => check((object as Record<string, unknown>)[key]));
  const isText = (field: unknown) => typeof field === "string";
  const isTextOrNull = (field: unknown) => field === null || typeof field === "string";
  const isCount = (field: unknown) => Number.isSafeInteger(field) && (field as number) >= 0;
  const isBlob = (field: unknown) => has(field, { digest: (digest) => isText(digest) && isDigest(digest as string), sizeBytes: isCount });
  return has(value, {
    name: isText,
    digest: (digest) => isText(digest) && isDigest(digest as string),
    kernel: isBlob,
    initramfs: isBlob,
    cmdline: isText,
    minMemoryMiB: isCount,
    createdAt: isText,
    source: (source) => has(source, { package: isTextOrNull, version: isTextOrNull, suite: isTextOrNull, description: isText }),
    kernelRelease: isText,
  });
}
