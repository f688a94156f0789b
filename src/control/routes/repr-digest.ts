/** The `Repr-Digest` header (RFC 9530): digests of a representation's bytes, whatever part of it or in which coding it is sent. */
import { invalidField } from "../errors/api-error.ts";
import type { ExpectedDigest } from "../image-intake.ts";

const ALGORITHMS = { "sha-256": { algorithm: "sha256", bytes: 32 }, "sha-512": { algorithm: "sha512", bytes: 64 } } as const;

/**
 * @returns those that are of algorithms that are known here: others say nothing, as the RFC has it
 * @throws {ApiError} `validation_failed`
 */
export function readReprDigest(header: string | undefined): readonly ExpectedDigest[] {
  if (header === undefined) return [];
  return header.split(",").flatMap((member) => {
    const [, name = "", base64 = ""] = /^\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*$/.exec(member) ?? [];
    if (name === "") throw malformed();
    if (!isKnown(name)) return [];
    const { algorithm, bytes } = ALGORITHMS[name];
    const digest = Buffer.from(base64, "base64");
    if (digest.length !== bytes) throw malformed();
    return [{ algorithm, hex: digest.toString("hex") }];
  });
}

/** @param digest `sha256:<hex>` */
export function writeReprDigest(digest: string): string {
  return `sha-256=:${Buffer.from(digest.slice("sha256:".length), "hex").toString("base64")}:`;
}

function isKnown(name: string): name is keyof typeof ALGORITHMS {
  return Object.hasOwn(ALGORITHMS, name);
}

function malformed() {
  return invalidField("/header/repr-digest", "bad_format", "sha-256=:<base64>: or sha-512=:<base64>: is wanted");
}
