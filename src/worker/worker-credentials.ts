/**
 * The certificate of this worker: asked for with the join token, renewed with itself, kept in this process alone.
 *
 *     none --first need--> joining --certified--> certified --2/3 of its time--> renewing --certified--> certified
 *                          |    ^                     ^                              |
 *                          |    '- not reached: again '------- not reached: again ---'
 *                          '-- refused: the worker ends      (expired, or refused: with the join token, as at first)
 *
 * A worker that does not know yet whom to trust asks for the certificate authority, over TLS with whoever answers, and believes what is
 * proved by the join token (`pki/join-secret.ts`). It says the token to a server alone that has shown a certificate of that authority.
 * Connections that are open go on with the certificate that they began with.
 */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../base/assert.ts";
import { UnderstudyError } from "../base/errors.ts";
import { CONTROL_PLANE_IDENTITY } from "../pki/identity.ts";
import { JoinSecret, newNonce } from "../pki/join-secret.ts";
import { renewalDelayMs, renewalRetryMs } from "../pki/renewal.ts";
import { createSigningRequest } from "../pki/signing-request.ts";
import { clientOptions, type TlsCredentials, UNVERIFIED } from "../pki/tls-peer.ts";
import { AUTHORITY_PATH, CERTIFICATES_PATH, decodeAuthorityAnswer, decodeCertificateAnswer } from "../wire/join-messages.ts";
import { type ControlAccess, readAnswer, requestControl } from "./control-requests.ts";
import type { WorkerLog } from "./log.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1000;

interface WorkerCredentialsOptions {
  readonly controlUrls: readonly URL[];
  readonly name: string;
  readonly joinToken: string;
  /** PEM: what is trusted whatever the join token proves; null: what it proves. */
  readonly certificateAuthority: string | null;
  readonly log: WorkerLog;
}

interface Certified {
  readonly tls: TlsCredentials;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
}

export class WorkerCredentials {
  private certified: Certified | null = null;
  private obtaining: Promise<TlsCredentials> | null = null;
  private renewal: NodeJS.Timeout | undefined;
  private readonly listeners = new Set<(credentials: TlsCredentials) => void>();
  private readonly stopped = new AbortController();

  constructor(private readonly options: WorkerCredentialsOptions) {}

  /**
   * Resolves when there is a certificate, which a control plane has to be reached for.
   *
   * @throws {UnderstudyError} `join_refused`, `certificate_untrusted` and the like: trying on would not help
   */
  obtain(): Promise<TlsCredentials> {
    if (this.certified !== null) return Promise.resolve(this.certified.tls);
    this.obtaining ??= this.join().finally(() => (this.obtaining = null));
    return this.obtaining;
  }

  /** Every certificate from now on. */
  onCertified(listener: (credentials: TlsCredentials) => void): void {
    this.listeners.add(listener);
  }

  /** For control channels and calls: over TLS there is a certificate already. */
  access(controlUrl: URL): ControlAccess {
    if (controlUrl.protocol !== "wss:") return this.byToken({});
    assert(this.certified !== null, "a worker has its certificate before it opens a control channel over TLS");
    return { headers: {}, tls: clientOptions(this.certified.tls, CONTROL_PLANE_IDENTITY) };
  }

  /** A control plane does not take the certificate: another one is asked for, with the join token. */
  rejected(): void {
    if (this.certified === null || this.stopped.signal.aborted) return;
    this.certified = { ...this.certified, expiresAtMs: 0 };
    this.renewIn(0);
  }

  stop(): void {
    this.stopped.abort();
    clearTimeout(this.renewal);
  }

  private async join(): Promise<TlsCredentials> {
    const { controlUrls, log } = this.options;
    let backoffMs = BACKOFF_FIRST_MS;
    for (;;) {
      for (const url of controlUrls) {
        try {
          return await this.certify(url);
        } catch (error) {
          this.stopped.signal.throwIfAborted();
          // Who is reached and will not have this worker, or is not to be trusted, will not change its mind.
          if (error instanceof UnderstudyError) throw error;
          log.debug({ reason: (error as Error).message }, `control plane at ${url} not reached`);
        }
      }
      if (backoffMs < BACKOFF_MAX_MS && backoffMs * 2 >= BACKOFF_MAX_MS)
        log.warn(
          { code: "control_plane_unreachable" },
          `no control plane at ${controlUrls.join(", ")} reachable for a certificate: trying for ever`,
        );
      await delay(randomInt(Math.ceil(backoffMs / 2), backoffMs + 1), undefined, { signal: this.stopped.signal });
      backoffMs = Math.min(BACKOFF_MAX_MS, backoffMs * 2);
    }
  }

  private async renew(): Promise<void> {
    const { controlUrls, log } = this.options;
    const { ttlMs } = this.certified as Certified;
    for (const url of controlUrls) {
      try {
        await this.certify(url);
        return;
      } catch (error) {
        if (this.stopped.signal.aborted) return;
        const { code = "control_plane_unreachable", details } = error as Partial<UnderstudyError>;
        log.warn({ code, reason: details?.reason, err: error }, "certificate not renewed: open channels go on, trying again");
        // It is not the certificate that this control plane knows: at the next attempt the join token speaks.
        if (String(details?.reason).startsWith("certificate_") && this.certified !== null)
          this.certified = { ...this.certified, expiresAtMs: 0 };
      }
    }
    this.renewIn(renewalRetryMs(ttlMs));
  }

  private renewIn(delayMs: number): void {
    clearTimeout(this.renewal);
    if (this.stopped.signal.aborted) return;
    this.renewal = setTimeout(() => void this.renew(), delayMs);
    this.renewal.unref();
  }

  /** A new key pair, and a certificate for it: with the certificate before it, while that is good, or with the join token. */
  private async certify(url: URL): Promise<TlsCredentials> {
    const { name, log } = this.options;
    const before = this.certified;
    const renewed = before !== null && performance.now() < before.expiresAtMs;
    const access = renewed ? this.access(url) : this.byToken(url.protocol === "wss:" ? { ca: await this.authority(url) } : {});
    const { privateKey, request } = await createSigningRequest(name);
    const response = await requestControl(url, CERTIFICATES_PATH, { method: "POST", access, body: { name, request } });
    const answer = decodeCertificateAnswer(await readAnswer(response, url));
    const tls = { key: privateKey, cert: answer.certificate, ca: answer.certificateAuthority };
    this.stopped.signal.throwIfAborted();
    this.certified = { tls, expiresAtMs: performance.now() + answer.expiresInMs, ttlMs: answer.expiresInMs };
    log.info(
      { workerId: answer.workerId, expiresInMs: answer.expiresInMs },
      renewed ? "certificate renewed" : `certified as ${answer.workerId}`,
    );
    for (const listener of this.listeners) listener(tls);
    this.renewIn(renewalDelayMs(answer.expiresInMs));
    return tls;
  }

  private byToken(trust: { readonly ca?: string }): ControlAccess {
    return {
      headers: { authorization: `Bearer ${this.options.joinToken}` },
      tls: trust.ca === undefined ? {} : clientOptions({ ca: trust.ca }, CONTROL_PLANE_IDENTITY),
    };
  }

  /** PEM of whom to trust. Nothing that is secret is said to who is asked. */
  private async authority(url: URL): Promise<string> {
    const { certificateAuthority, joinToken } = this.options;
    if (certificateAuthority !== null) return certificateAuthority;
    const nonce = newNonce();
    const access = { headers: {}, tls: UNVERIFIED };
    const response = await requestControl(url, `${AUTHORITY_PATH}?nonce=${nonce.toString("hex")}`, { method: "GET", access });
    const answer = decodeAuthorityAnswer(await readAnswer(response, url));
    const secret = await JoinSecret.of(joinToken);
    if (secret.holds(Buffer.from(answer.proof, "base64url"), nonce, answer.certificateAuthority)) return answer.certificateAuthority;
    throw new UnderstudyError(
      "join_refused",
      `Cannot join the control plane at ${url}: it does not prove that it knows the join token. The token is wrong here or there, or it is not the control plane`,
      { details: { reason: "join_token_wrong" } },
    );
  }
}
