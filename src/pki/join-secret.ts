/**
 * What the join token is good for beside being shown: it proves a certificate authority to a worker that has never seen it, and
 * seals the authority's private key in the database.
 *
 *     worker --nonce--> control plane      over TLS, with whom is not known yet: the token stays here
 *     worker <--authority, HMAC(key, nonce, authority)-- only who has the token can have made that
 *
 * The keys are drawn from the token by scrypt, so that whoever asks for a proof and has a short token to guess pays for each guess.
 */
import { createHmac, hkdfSync, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const SALT = "understudy join token";
const KEY_BYTES = 32;
export const NONCE_BYTES = 32;

export class JoinSecret {
  private constructor(private readonly root: Buffer) {}

  static async of(joinToken: string): Promise<JoinSecret> {
    const derive = promisify<string, string, number, Buffer>(scrypt);
    return new JoinSecret(await derive(joinToken, SALT, KEY_BYTES));
  }

  /** Of the certificate authority's private key. */
  get sealingKey(): string {
    return this.key("certificate authority").toString("base64url");
  }

  /** @param certificateAuthority PEM */
  prove(nonce: Buffer, certificateAuthority: string): Buffer {
    return createHmac("sha256", this.key("join proof")).update(nonce).update(certificateAuthority).digest();
  }

  holds(proof: Buffer, nonce: Buffer, certificateAuthority: string): boolean {
    const wanted = this.prove(nonce, certificateAuthority);
    return proof.length === wanted.length && timingSafeEqual(proof, wanted);
  }

  private key(purpose: string): Buffer {
    return Buffer.from(hkdfSync("sha256", this.root, "", `understudy ${purpose}`, KEY_BYTES));
  }
}

export function newNonce(): Buffer {
  return randomBytes(NONCE_BYTES);
}
