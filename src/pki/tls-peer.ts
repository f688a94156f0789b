/**
 * TLS between two processes of the installation: 1.3, both sides show a certificate, and each looks who the other is.
 *
 * A server takes whoever comes and looks afterwards (`verifiedIdentity`), so that it can say what was wrong, to its log and to the peer.
 */
import type { ConnectionOptions, PeerCertificate, SecureContextOptions, TLSSocket, TlsOptions } from "node:tls";
import { UnderstudyError } from "../base/errors.ts";
import { identityOf } from "./identity.ts";

/** What one end shows, and whom it trusts: PEM. */
export interface TlsCredentials {
  readonly key: string;
  /** The leaf, and those between it and the root. */
  readonly cert: string;
  readonly ca: string;
}

const VERSION = { minVersion: "TLSv1.3" } as const satisfies TlsOptions;

/** @param identity who must answer (`identity.ts`) */
export function clientOptions(trust: Pick<TlsCredentials, "ca"> & Partial<TlsCredentials>, identity: string): ConnectionOptions {
  return { ...VERSION, ...trust, checkServerIdentity: (_host, certificate) => whyAnother(certificate, identity) };
}

/** Of a first contact, which learns the authority's certificate: nothing that is secret may be said. */
export const UNVERIFIED: ConnectionOptions = { ...VERSION, rejectUnauthorized: false };

/** Without credentials until `setSecureContext` gives it some. */
export const SERVER_OPTIONS = { ...VERSION, requestCert: true, rejectUnauthorized: false } as const satisfies TlsOptions;

/** For `setSecureContext`: connections from then on. */
export function secureContext(credentials: TlsCredentials): SecureContextOptions {
  return { ...VERSION, ...credentials };
}

/**
 * @returns whom the peer's certificate is for
 * @throws {UnderstudyError} `certificate_missing`, `certificate_untrusted`, `certificate_expired`, `certificate_not_yet_valid`
 */
export function verifiedIdentity(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new UnderstudyError("certificate_missing", "Cannot tell who the peer is: it shows no certificate");
  if (!socket.authorized) {
    // Node has the name of the failure there, whatever its types say.
    const code = String(socket.authorizationError);
    throw tlsFailure(Object.assign(new Error(`its certificate does not verify: ${code}`), { code }));
  }
  const identity = identityOf(certificate.subjectAltName);
  if (identity === null) throw notOurs(certificate.subjectAltName);
  return identity;
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
/** What OpenSSL says of bytes that are no TLS, in the code or, where Node was writing, in the message. */
const NOT_TLS = /http[_ ]request|packet[_ ]length[_ ]too[_ ]long|wrong[_ ]version[_ ]number|unknown[_ ]protocol/i;

/** Of a peer that hangs up during the handshake. */
export const MAY_BE_PLAIN = "; a peer that speaks no TLS does that, too";

/**
 * What failed, in words and with a code that says what to do; an error that has nothing to do with TLS stays what it is.
 *
 * Codes: `certificate_untrusted`, `certificate_expired`, `certificate_not_yet_valid`, `plaintext_peer`.
 */
export function tlsFailure(error: Error): Error {
  const { code = "" } = error as NodeJS.ErrnoException;
  const as = (name: string, message: string) => new UnderstudyError(name, message, { cause: error });
  const clock = `Compare the clocks of both hosts: here it is ${new Date().toISOString()}`;
  if (UNTRUSTED.has(code))
    return as("certificate_untrusted", `Cannot trust the peer: its certificate is of another certificate authority (${code})`);
  if (code === "CERT_HAS_EXPIRED") return as("certificate_expired", `Cannot trust the peer: its certificate has expired. ${clock}`);
  if (code === "CERT_NOT_YET_VALID")
    return as("certificate_not_yet_valid", `Cannot trust the peer: its certificate is not valid yet. ${clock}`);
  if (NOT_TLS.test(code === "EPROTO" ? error.message : code))
    return as("plaintext_peer", "Cannot speak TLS with the peer: it speaks without. Both ends must agree: UNDERSTUDY_TLS, ws:// or wss://");
  // Node's own words for a peer that hangs up in the middle, for which there may be another reason.
  if (code === "ECONNRESET" && error.message.includes("before secure TLS connection"))
    return new Error(`${error.message}${MAY_BE_PLAIN}`, { cause: error });
  return error;
}

function whyAnother({ subjectaltname }: PeerCertificate, wanted: string): Error | undefined {
  const identity = identityOf(subjectaltname);
  if (identity === wanted) return undefined;
  if (identity === null) return notOurs(subjectaltname);
  return new UnderstudyError("certificate_of_another", `Cannot trust the peer: its certificate is ${identity}'s, not ${wanted}'s`);
}

function notOurs(subjectAltName: string | undefined): UnderstudyError {
  return new UnderstudyError(
    "certificate_untrusted",
    `Cannot trust the peer: its certificate names nobody of an installation (${subjectAltName ?? "no name"})`,
  );
}
