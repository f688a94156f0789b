/**
 * What this control plane certifies, and the certificate that it shows itself.
 *
 *     nothing asked yet --first need--> authority open (its owner's files, or the row that all control planes share)
 *     serving: a certificate of its own --2/3 of its time--> the next one, for connections from then on
 *
 * Its own private key is in this process alone. The authority's is sealed in the database (`sealed-secret.ts`), or in its owner's file.
 */
import type { Server } from "node:https";
import type { FastifyBaseLogger } from "fastify";
import { UnderstudyError } from "../base/errors.ts";
import { type AuthorityMaterial, CertificateAuthority, createAuthority } from "../pki/certificate-authority.ts";
import { CONTROL_PLANE_IDENTITY, workerIdentity } from "../pki/identity.ts";
import { JoinSecret } from "../pki/join-secret.ts";
import { renewalDelayMs, renewalRetryMs } from "../pki/renewal.ts";
import { secureContext } from "../pki/tls-peer.ts";
import type { AuthorityAnswer, CertificateAnswer } from "../wire/join-messages.ts";
import type { Database } from "./db/database.ts";
import { storedAuthority } from "./db/queries/certificate-authority.ts";
import { seal, unseal } from "./sealed-secret.ts";

interface CertificatesOptions {
  readonly database: Database;
  readonly joinToken: string;
  /** Null: the installation's own, in the database. */
  readonly authority: AuthorityMaterial | null;
  readonly ttlMs: number;
  readonly log: FastifyBaseLogger;
}

export class Certificates {
  private opening: Promise<CertificateAuthority> | null = null;
  private deriving: Promise<JoinSecret> | null = null;
  private renewal: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: CertificatesOptions) {}

  /** Gives the server a certificate, now and whenever the last one has had most of its time. */
  async serve(server: Server): Promise<void> {
    const { ttlMs } = this.options;
    const authority = await this.authority();
    const credentials = await authority.credentialsFor({ identity: CONTROL_PLANE_IDENTITY, ttlMs, nowMs: Date.now(), use: "server" });
    if (this.closed) return;
    server.setSecureContext(secureContext(credentials));
    this.serveAgain(server, renewalDelayMs(ttlMs));
  }

  private serveAgain(server: Server, delayMs: number): void {
    const { ttlMs, log } = this.options;
    this.renewal = setTimeout(() => {
      this.serve(server).catch((error: unknown) => {
        log.error({ err: error }, "the certificate of this control plane is not renewed: trying again");
        if (!this.closed) this.serveAgain(server, renewalRetryMs(ttlMs));
      });
    }, delayMs);
    this.renewal.unref();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.renewal);
  }

  /** To a worker that does not know yet whom to trust. */
  async prove(nonce: Buffer): Promise<AuthorityAnswer> {
    const { certificate } = await this.authority();
    return { certificateAuthority: certificate, proof: (await this.secret()).prove(nonce, certificate).toString("base64url") };
  }

  /** @throws {UnderstudyError} `bad_signing_request` */
  async certifyWorker(workerId: string, request: string): Promise<CertificateAnswer> {
    const { ttlMs } = this.options;
    const authority = await this.authority();
    const certificate = await authority.certify(request, { identity: workerIdentity(workerId), ttlMs, nowMs: Date.now(), use: "peer" });
    return { workerId, certificate, certificateAuthority: authority.certificate, expiresInMs: ttlMs };
  }

  private authority(): Promise<CertificateAuthority> {
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  private async open(): Promise<CertificateAuthority> {
    const { authority, database } = this.options;
    if (authority !== null) return CertificateAuthority.open(authority);
    const { sealingKey } = await this.secret();
    const { certificate, sealedPrivateKey } = await storedAuthority(database, async () => {
      const made = await createAuthority(Date.now());
      return { certificate: made.certificate, sealedPrivateKey: seal(made.privateKey, sealingKey, "certificate authority") };
    });
    let privateKey: string;
    try {
      privateKey = unseal(sealedPrivateKey, sealingKey, "certificate authority");
    } catch (cause) {
      throw new UnderstudyError(
        "bad_certificate_authority",
        "Cannot open the certificate authority in the database: it is sealed with another join token. Use that one, or, to begin with a new " +
          "authority, delete the row of the table certificate_authority and start every worker again",
        { cause },
      );
    }
    return CertificateAuthority.open({ certificate, privateKey });
  }

  private secret(): Promise<JoinSecret> {
    this.deriving ??= JoinSecret.of(this.options.joinToken);
    return this.deriving;
  }
}
