/** A certificate authority for tests, and what it certifies, also for times that are not now. */
import { createPrivateKey, webcrypto } from "node:crypto";
import { type AuthorityMaterial, CertificateAuthority, createAuthority } from "../../src/pki/certificate-authority.ts";
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

/** For a server on this machine's loopback, as clients of HTTPS verify it: by its addresses. */
export async function hostCertificate(
  authority: AuthorityMaterial,
  serialNumber: string,
): Promise<{ readonly cert: string; readonly key: string }> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const signer = createPrivateKey(authority.privateKey).export({ type: "pkcs8", format: "der" });
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject: "CN=understudy.example",
    issuer: issuer.subject,
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey("pkcs8", signer, KEY_ALGORITHM, false, ["sign"]),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.SubjectAlternativeNameExtension([
        { type: "ip", value: "127.0.0.1" },
        { type: "dns", value: "localhost" },
      ]),
    ],
  });
  return { cert: certificate.toString("pem"), key: await privateKeyToPem(keys.privateKey) };
}
