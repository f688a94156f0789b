/** A certificate authority for tests, and what it certifies, also for times that are not now. */
import { webcrypto } from "node:crypto";
import { CertificateAuthority, createAuthority } from "../../src/pki/certificate-authority.ts";
import { workerIdentity } from "../../src/pki/identity.ts";
import { KEY_ALGORITHM, privateKeyToPem } from "../../src/pki/signing-request.ts";
import type { TlsCredentials } from "../../src/pki/tls-peer.ts";
import { loadX509 } from "../../src/pki/x509.ts";

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

/** As an owner has it who keeps the root elsewhere: certified by that, and with its certificate beside its own. */
export async function intermediateAuthority(): Promise<CertificateAuthority> {
  const x509 = await loadX509();
  const [root, own] = await Promise.all([1, 2].map(() => webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"])));
  if (root === undefined || own === undefined) throw new Error("no keys");
  const certificateOf = (subject: string, publicKey: webcrypto.CryptoKey, pathLength: number) =>
    x509.X509CertificateGenerator.create({
      serialNumber: "01",
      subject,
      issuer: "CN=root",
      notBefore: new Date(Date.now() - HOUR_MS),
      notAfter: new Date(Date.now() + HOUR_MS),
      publicKey,
      signingKey: root.privateKey,
      signingAlgorithm: KEY_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, pathLength, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
  const certificates = [await certificateOf("CN=intermediate", own.publicKey, 0), await certificateOf("CN=root", root.publicKey, 1)];
  return CertificateAuthority.open({
    certificate: certificates.map((certificate) => certificate.toString("pem")).join("\n"),
    privateKey: await privateKeyToPem(own.privateKey),
  });
}
