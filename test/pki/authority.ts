/** A certificate authority for tests, and what it certifies, also for times that are not now. */
import { CertificateAuthority, createAuthority } from "../../src/pki/certificate-authority.ts";
import { workerIdentity } from "../../src/pki/identity.ts";
import type { TlsCredentials } from "../../src/pki/tls-peer.ts";

export const HOUR_MS = 60 * 60 * 1000;

export async function newAuthority(): Promise<CertificateAuthority> {
  return CertificateAuthority.open(await createAuthority(Date.now()));
}

/** @param beginsInMs when its hour begins, from now */
export function credentialsOf(authority: CertificateAuthority, workerId: string, beginsInMs = 0): Promise<TlsCredentials> {
  return authority.credentialsFor({
    identity: workerIdentity(workerId),
    ttlMs: HOUR_MS,
    nowMs: Date.now() + beginsInMs,
    use: "peer",
  });
}
