/** A key pair of one's own, and the request to have it certified (PKCS #10), which proves that its sender has the private key. */
import { webcrypto } from "node:crypto";
import { loadX509 } from "./x509.ts";

/** ECDSA on P-256: handshakes cost a worker a fraction of a millisecond. */
export const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface SigningRequest {
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  /** PEM, PKCS #10. */
  readonly request: string;
}

/** @param commonName for people who read it; what the certificate will be for, its issuer decides */
export async function createSigningRequest(commonName: string): Promise<SigningRequest> {
  const { Pkcs10CertificateRequestGenerator } = await loadX509();
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${commonName}`,
    keys,
    signingAlgorithm: KEY_ALGORITHM,
  });
  return { privateKey: await privateKeyToPem(keys.privateKey), request: request.toString("pem") };
}

/** PEM, PKCS #8. */
export async function privateKeyToPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}
