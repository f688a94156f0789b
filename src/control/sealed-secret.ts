/**
 * Secrets in the database, sealed with what is not there, so that whoever reads the database does not have them: an answer that is kept
 * for a repeat of its call, with the caller's own token, of which the service keeps no more than a hash; the private key of the
 * certificate authority, with a key drawn from the join token.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a key seals for one purpose, it does not open for another. */
export type SealPurpose = "idempotent answer" | "certificate authority";

/** @param key a secret that is hard to guess, such as a bearer token */
export function seal(secret: string, key: string, purpose: SealPurpose): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, keyOf(key, purpose), nonce);
  const sealed = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** @throws where it was sealed with another key, or for another purpose */
export function unseal(sealed: string, key: string, purpose: SealPurpose): string {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv(ALGORITHM, keyOf(key, purpose), bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
}

function keyOf(key: string, purpose: SealPurpose): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", `understudy ${purpose}`, 32));
}
