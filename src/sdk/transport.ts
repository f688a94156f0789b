/**
 * One HTTP call to the service, made safe to repeat: bearer token, `Idempotency-Key` on every POST, a time limit for each
 * attempt, and retries with full jitter that honour `Retry-After`.
 *
 *     attempt --answer--> done
 *        |  network error, 408, 429, 502-504, 409 idempotency_in_progress, attempt timed out
 *        v
 *      wait --maxRetries used--> ConnectionError, RequestTimeoutError, or the answer itself
 *        '--> attempt
 *
 * A problem document that says `retryable: false` is believed over its status.
 */
import { ConnectionError, isProblem, RequestTimeoutError } from "./errors.ts";
import type { Backoff } from "./retry.ts";
import { backoffMs, isRetryableStatus, retryAfterMs } from "./retry.ts";

/** @param init the request's signal again: a `Request` alone does not hold on to it, and after a garbage collection it would end nothing */
export type Fetch = (request: Request, init: { readonly signal: AbortSignal }) => Promise<Response>;

export interface TransportOptions {
  /** Base URL without a slash at its end. */
  readonly url: string;
  readonly token: () => Promise<string | null>;
  readonly requestTimeoutMs: number;
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly fetch: Fetch;
}

/** Time that a call may take beyond `requestTimeoutMs`: a long poll says so in this header, which is not sent. */
export const EXTRA_TIMEOUT_HEADER = "x-understudy-extra-timeout-ms";
/** Marks a call whose body is a stream: the time limit covers only the answer's head. Not sent. */
export const STREAM_HEADER = "x-understudy-stream";

/** A body that need not be held: it is opened anew for each attempt. */
export type StreamedBody = () => NonNullable<RequestInit["body"]>;

export class Transport {
  readonly url: string;
  private readonly options: TransportOptions;

  constructor(options: TransportOptions) {
    this.options = options;
    this.url = options.url;
  }

  token(): Promise<string | null> {
    return this.options.token();
  }

  /**
   * Repeats the call where that does no harm. One with an If-Match, which the change that it made would refuse the second time, is
   * repeated only where the first did not begin.
   *
   * @param streamed in the place of the request's own body
   * @returns the service's answer, whatever its status
   * @throws {ConnectionError | RequestTimeoutError} after the last attempt; the signal's reason where the caller aborts
   */
  async send(original: Request, streamed?: StreamedBody): Promise<Response> {
    const headers = new Headers(original.headers);
    const extraMs = Number(headers.get(EXTRA_TIMEOUT_HEADER) ?? 0);
    const stream = headers.has(STREAM_HEADER);
    headers.delete(EXTRA_TIMEOUT_HEADER);
    headers.delete(STREAM_HEADER);
    const token = await this.options.token();
    if (token !== null && !headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
    if (original.method === "POST" && !headers.has("idempotency-key")) headers.set("idempotency-key", crypto.randomUUID());
    const held = original.body === null ? null : await original.arrayBuffer();
    const body = streamed ?? (() => held);
    const timeoutMs = this.options.requestTimeoutMs + extraMs;
    const once = headers.has("if-match");

    for (let attempt = 0; ; attempt++) {
      const last = attempt >= this.options.maxRetries;
      const outcome = await this.attempt(original, headers, body, timeoutMs, stream);
      original.signal.throwIfAborted();
      if ("response" in outcome) {
        const { response } = outcome;
        const askedMs = await retryDelayMs(response);
        if (last || askedMs === null || (once && !NOT_BEGUN.includes(response.status))) return response;
        await response.body?.cancel();
        await pause(Math.max(askedMs, backoffMs(this.options.backoff, attempt, Math.random())), original.signal);
      } else {
        if (last || (once && !isRefused(outcome.error))) throw outcome.error;
        await pause(backoffMs(this.options.backoff, attempt, Math.random()), original.signal);
      }
    }
  }

  private async attempt(
    original: Request,
    headers: Headers,
    body: () => RequestInit["body"],
    timeoutMs: number,
    stream: boolean,
  ): Promise<{ response: Response } | { error: ConnectionError | RequestTimeoutError }> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    const forward = () => limit.abort(original.signal.reason);
    if (original.signal.aborted) forward();
    original.signal.addEventListener("abort", forward, { once: true });
    const what = `${original.method} ${original.url}`;
    try {
      // A body that is a stream is sent as it comes, which has to be said.
      const init = { method: original.method, headers, body: body() ?? null, signal: limit.signal, duplex: "half" } as const;
      const response = await this.options.fetch(new Request(original.url, init), { signal: limit.signal });
      if (stream && response.ok) {
        // The body outlives this call: the caller's signal must still end it, the time limit must not.
        clearTimeout(timer);
        return { response };
      }
      const bytes = await response.arrayBuffer();
      original.signal.removeEventListener("abort", forward);
      const empty = response.status === 204 || response.status === 205 || response.status === 304;
      return {
        response: new Response(empty ? null : bytes, {
          status: response.status,
          statusText: response.statusText,
          headers: response.headers,
        }),
      };
    } catch (error) {
      original.signal.removeEventListener("abort", forward);
      if (limit.signal.aborted) return { error: new RequestTimeoutError(what, timeoutMs, { cause: error }) };
      return { error: new ConnectionError(this.url, reasonOf(error, this.url), { cause: error }) };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Statuses of the service, or of a proxy before it, that say that a call has not begun. */
const NOT_BEGUN = [429, 503];

/** Nobody listened. A page is not told so. */
function isRefused(error: Error): boolean {
  return (innermost(error) as Partial<NodeJS.ErrnoException> | undefined)?.code === "ECONNREFUSED";
}

/** @returns least time to wait before this call is made again; null: it shall not be */
async function retryDelayMs(response: Response): Promise<number | null> {
  const header = retryAfterMs(response.headers.get("retry-after"), Date.now());
  if (response.status === 409 || isRetryableStatus(response.status)) {
    const problem: unknown = await response
      .clone()
      .json()
      .catch(() => null);
    if (isProblem(problem)) {
      if (response.status === 409 && problem.code !== "idempotency_in_progress") return null;
      if (problem.retryable === false) return null;
      return Math.max(header ?? 0, problem.retryAfterMs ?? 0);
    }
    return response.status === 409 ? null : (header ?? 0);
  }
  return null;
}

/** What Node says of a certificate whose authority it does not know. */
const UNTRUSTED = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF).*)$/;

/**
 * The innermost reason: fetch itself only says "fetch failed".
 *
 * @param url what was to be reached: a service that speaks TLS, asked in plain, closes the connection; one that does not, asked for TLS, makes no sense
 */
export function reasonOf(error: unknown, url = ""): string {
  const at = innermost(error);
  if (!(at instanceof Error)) return String(at);
  const code = (at as NodeJS.ErrnoException).code;
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "UND_ERR_SOCKET" && url.startsWith("http:")) return `${at.message}. Where it speaks TLS, its URL begins with https:`;
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") return "it does not speak TLS there. Its URL begins with http: then";
  if (UNTRUSTED.test(code ?? "")) return `${at.message}. Trust its authority: NODE_EXTRA_CA_CERTS=FILE, with that one's certificate in PEM`;
  return at.message === "" ? (code ?? at.name) : at.message;
}

function innermost(error: unknown): unknown {
  let at = error;
  while (at instanceof Error && at.cause !== undefined) at = at.cause;
  return at instanceof AggregateError && at.errors.length > 0 ? at.errors[0] : at;
}

/** @throws the signal's reason, at once, when it aborts */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
