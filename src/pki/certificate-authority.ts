/**
 * The certificate authority of an installation: made once, or its owner's own, and what it certifies.
 *
 * Leaves are short-lived and name one identity (`identity.ts`). What a request asks for besides its key is ignored: who its sender is,
 * the caller knows. Leaves begin a little in the past, because clocks of hosts differ.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { UnderstudyError } from "../base/errors.ts";
import { createSigningRequest, KEY_ALGORITHM, privateKeyToPem } from "./signing-request.ts";
import type { TlsCredentials } from "./tls-peer.ts";
import { loadX509 } from "./x509.ts";

const AUTHORITY_YEARS = 10;
const YEAR_MS = 365.25 * 24 * 60 * 60 * 1000;
/** Clocks that are further apart than this make certificates invalid, and are told of in the error. */
const BACKDATED_MS = 5 * 60 * 1000;
const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** What makes an authority: PEM each. */
export interface AuthorityMaterial {
  /** The authority's own certificate first; others that lead from it to its root may follow. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** Who a leaf is for, and what it may do. */
interface LeafOptions {
  readonly identity: string;
  readonly ttlMs: number;
  readonly nowMs: number;
  /** A server is dialled alone; a worker dials, too. */
  readonly use: "server" | "peer";
}

export async function createAuthority(nowMs: number): Promise<AuthorityMaterial> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: "CN=Understudy certificate authority",
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + AUTHORITY_YEARS * YEAR_MS),
    signingAlgorithm: KEY_ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), privateKey: await privateKeyToPem(keys.privateKey) };
}

export class CertificateAuthority {
  private constructor(
    /** PEM: what others trust. */
    readonly certificate: string,
    private readonly key: webcrypto.CryptoKey,
    private readonly algorithm: typeof KEY_ALGORITHM | { readonly name: string; readonly hash: string },
  ) {}

  /** @throws {UnderstudyError} `bad_certificate_authority` where the two do not belong together, or certify nothing */
  static async open({ certificate, privateKey }: AuthorityMaterial): Promise<CertificateAuthority> {
    let own: X509Certificate;
    let key: KeyObject;
    try {
      own = new X509Certificate(certificate);
      key = createPrivateKey(privateKey);
    } catch (cause) {
      throw bad(`certificate and private key cannot be read: ${(cause as Error).message}; PEM is wanted`, cause);
    }
    if (!own.ca) throw bad("its certificate is not one of an authority");
    if (!own.checkPrivateKey(key)) throw bad("the private key is not its certificate's");
    const algorithm = algorithmOf(key);
    const pkcs8 = key.export({ type: "pkcs8", format: "der" });
    return new CertificateAuthority(certificate, await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]), algorithm);
  }

  /**
   * @param request PEM, PKCS #10
   * @returns PEM: the certificate, and those between it and the root
   * @throws {UnderstudyError} `bad_signing_request`
   */
  async certify(request: string, { identity, ttlMs, nowMs, use }: LeafOptions): Promise<string> {
    const x509 = await loadX509();
    const subjectKey = await keyOf(request);
    const issuer = new x509.X509Certificate(this.certificate);
    const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: newSerialNumber(),
      subject: `CN=${identity.split("/").at(-1)}`,
      issuer: issuer.subject,
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(nowMs + ttlMs),
      publicKey: subjectKey,
      signingKey: this.key,
      signingAlgorithm: this.algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(use === "server" ? [serverAuth] : [serverAuth, clientAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: identity }]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ],
    });
    return `${leaf.toString("pem")}\n${this.certificate}`;
  }

  /** A key pair with its certificate, for this process. */
  async credentialsFor(options: LeafOptions): Promise<TlsCredentials> {
    const { privateKey, request } = await createSigningRequest("understudy");
    return { key: privateKey, cert: await this.certify(request, options), ca: this.certificate };
  }
}

/** The public key of a request that is signed by it. */
async function keyOf(pem: string): Promise<ArrayBuffer> {
  const { Pkcs10CertificateRequest } = await loadX509();
  try {
    const request = new Pkcs10CertificateRequest(pem);
    if (!(await request.verify())) throw new Error("its signature is not its key's");
    const { rawData } = request.publicKey;
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: Buffer.from(rawData), format: "der", type: "spki" });
    if (asymmetricKeyType !== "ec" || CURVES[asymmetricKeyDetails?.namedCurve ?? ""] === undefined)
      throw new Error(`its key is ${asymmetricKeyType}; ECDSA on ${Object.values(CURVES).join(", ")} is wanted`);
    return rawData;
  } catch (cause) {
    throw new UnderstudyError("bad_signing_request", `Cannot certify the signing request: ${(cause as Error).message}`, { cause });
  }
}

function algorithmOf(key: KeyObject): typeof KEY_ALGORITHM | { readonly name: string; readonly hash: string } {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const curve = CURVES[asymmetricKeyDetails?.namedCurve ?? ""];
  if (asymmetricKeyType === "ec" && curve !== undefined)
    return { name: "ECDSA", namedCurve: curve, hash: "SHA-256" } as typeof KEY_ALGORITHM;
  if (asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  throw bad(`its key is ${asymmetricKeyType}; RSA, or ECDSA on ${Object.values(CURVES).join(", ")} is wanted`);
}

/** 16 bytes of chance, a positive number that needs all of them. */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function bad(why: string, cause?: unknown): UnderstudyError {
  return new UnderstudyError("bad_certificate_authority", `Cannot use the certificate authority: ${why}`, { cause });
}
