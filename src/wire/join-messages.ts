/**
 * How a worker gets a certificate, on the control plane's internal listener: two calls over HTTP.
 *
 *     GET  /internal/v1/certificate-authority?nonce=<64 hex digits>    whom to trust, proved by the join token
 *     POST /internal/v1/certificates  {name, request}                  with the join token, or the certificate to be renewed
 *
 * Fields that are not known are ignored: a newer peer may say more.
 */
import { UnderstudyError } from "../base/errors.ts";

export const AUTHORITY_PATH = "/internal/v1/certificate-authority";
export const CERTIFICATES_PATH = "/internal/v1/certificates";

export interface AuthorityAnswer {
  /** PEM. */
  readonly certificateAuthority: string;
  /** HMAC-SHA256 of nonce and authority by a key drawn from the join token, base64url. */
  readonly proof: string;
}

export interface CertificateRequest {
  /** The worker's. */
  readonly name: string;
  /** PEM, PKCS #10. */
  readonly request: string;
}

export interface CertificateAnswer {
  readonly workerId: string;
  /** PEM: the worker's own, and those between it and the root. */
  readonly certificate: string;
  /** PEM. */
  readonly certificateAuthority: string;
  /** From now: no clock of the worker has to be right for it. */
  readonly expiresInMs: number;
}

/** @throws {UnderstudyError} `malformed_message` */
export function decodeAuthorityAnswer(value: unknown): AuthorityAnswer {
  const fields = fieldsOf(value);
  return { certificateAuthority: text(fields, "certificateAuthority"), proof: text(fields, "proof") };
}

/** @throws {UnderstudyError} `malformed_message` */
export function decodeCertificateRequest(value: unknown): CertificateRequest {
  const fields = fieldsOf(value);
  return { name: text(fields, "name"), request: text(fields, "request") };
}

/** @throws {UnderstudyError} `malformed_message` */
export function decodeCertificateAnswer(value: unknown): CertificateAnswer {
  const fields = fieldsOf(value);
  const { expiresInMs } = fields;
  if (typeof expiresInMs !== "number" || !Number.isSafeInteger(expiresInMs) || expiresInMs <= 0) throw malformed("expiresInMs");
  return {
    workerId: text(fields, "workerId"),
    certificate: text(fields, "certificate"),
    certificateAuthority: text(fields, "certificateAuthority"),
    expiresInMs,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("the body");
  return value as Readonly<Record<string, unknown>>;
}

function text(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  if (typeof value !== "string" || value === "") throw malformed(name);
  return value;
}

function malformed(what: string): UnderstudyError {
  return new UnderstudyError("malformed_message", `Cannot read the message about a certificate: ${what} is missing or not what is wanted`);
}
