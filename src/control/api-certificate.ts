/**
 * The certificate that the public API shows: its owner's files, read at the start, and again when they change or when it is told to.
 *
 *     shown --a file changed, SIGHUP--> files read again --a pair that fits--> shown to connections from then on
 *       ^                                      '-- anything else: the log says why --.
 *       '----------------------------------------------------------------------------'
 *
 * Whoever renews it writes one file after the other: between the two it is the last pair that is shown.
 */
import { X509Certificate } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import type { Server } from "node:https";
import { createSecureContext } from "node:tls";
import type { FastifyBaseLogger } from "fastify";
import { API_CERTIFICATE_FILES, type PemFiles, readPemFiles, unusablePemFiles } from "./pem-files.ts";

/** By their state, which also tells where a link to a file leads elsewhere, as those of a mounted Kubernetes secret do. */
const LOOK_MS = 5000;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

export class ApiCertificate {
  private server: Server | null = null;
  private shown: Pair;

  /** @throws {UnderstudyError} `bad_setting` where they cannot be read, are no PEM, or do not belong together */
  constructor(
    private readonly files: PemFiles,
    private readonly log: FastifyBaseLogger,
    private readonly lookMs = LOOK_MS,
  ) {
    this.shown = readPair(files);
  }

  /** To connections of the server from now on. */
  serve(server: Server): void {
    this.server = server;
    this.show(this.shown, "the public API shows a certificate");
    for (const file of [this.files.certificate, this.files.privateKey])
      watchFile(file, { interval: this.lookMs, persistent: false }, this.readAgain);
  }

  close(): void {
    for (const file of [this.files.certificate, this.files.privateKey]) unwatchFile(file, this.readAgain);
  }

  readonly readAgain = (): void => {
    try {
      const pair = readPair(this.files);
      if (pair.cert === this.shown.cert && pair.key === this.shown.key) return;
      this.show(pair, "the public API shows another certificate");
    } catch (error) {
      const { certificate } = this.files;
      this.log.error(
        { code: "bad_setting", err: error, certificate },
        "the certificate of the public API is not replaced, the last one is shown",
      );
    }
  };

  private show(pair: Pair, told: string): void {
    this.shown = pair;
    this.server?.setSecureContext(pair);
    const { subject, subjectAltName, serialNumber, validTo } = new X509Certificate(pair.cert);
    const expiresAt = new Date(validTo);
    const about = { subject, subjectAltName, serialNumber, expiresAt: expiresAt.toISOString() };
    if (expiresAt.getTime() > Date.now()) this.log.info(about, told);
    else this.log.warn({ ...about, code: "certificate_expired" }, `${told}, which has expired`);
  }
}

function readPair(files: PemFiles): Pair {
  const { certificate: cert, privateKey: key } = readPemFiles(files, API_CERTIFICATE_FILES);
  try {
    createSecureContext({ cert, key });
    // More than the library that speaks TLS asks for: what is told of it is read from it.
    new X509Certificate(cert);
  } catch (cause) {
    throw unusablePemFiles(
      API_CERTIFICATE_FILES,
      `${(cause as Error).message}; a certificate and its own private key are wanted, as PEM`,
      cause,
    );
  }
  return { cert, key };
}
