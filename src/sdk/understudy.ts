/** The entry of the SDK: one object for one service. */
import { Audit } from "./audit.ts";
import { createRawClient, type RawClient, type Schemas, unwrap } from "./client.ts";
import { environmentVariable, isNode } from "./environment.ts";
import { Events } from "./events.ts";
import { Images } from "./images.ts";
import { Operations } from "./operations.ts";
import { checkApiUrl, checkToken, DEFAULT_API_URL, DEFAULT_TOKEN_FILE, readNamedToken, readToken } from "./settings.ts";
import { openSocket } from "./socket.ts";
import { Tokens } from "./tokens.ts";
import { type Fetch, Transport } from "./transport.ts";
import { Vms } from "./vms.ts";
import { Workers } from "./workers.ts";

export interface UnderstudyOptions {
  /** Default: the environment's UNDERSTUDY_API_URL, else http://127.0.0.1:8080. */
  readonly url?: string;
  /** Default: the environment's UNDERSTUDY_TOKEN, else what `tokenFile` holds. */
  readonly token?: string;
  /**
   * Read at the first call. Default: the environment's UNDERSTUDY_TOKEN_FILE, else .understudy/token. Where a file that is named cannot be
   * read, a call throws `ConfigurationError`; where the last one is not there, it is made without a token.
   */
  readonly tokenFile?: string;
  /** Time for one attempt of a call, waits that the call asks for not included. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** Attempts after the first, where repeating is safe. Default 4. */
  readonly maxRetries?: number;
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
  readonly fetch?: Fetch;
}

export class Understudy {
  readonly url: string;
  /** The typed client for every route, with the same retries. */
  readonly raw: RawClient;
  readonly vms: Vms;
  readonly workers: Workers;
  readonly images: Images;
  readonly operations: Operations;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly events: Events;
  private readonly transport: Transport;

  /** @throws {ConfigurationError} for a URL that is none of http or https, and for a token that no header can hold */
  constructor(options: UnderstudyOptions = {}) {
    this.url = apiUrl(options);
    const backoff = options.backoff ?? { baseMs: 100, capMs: 5_000 };
    const token = tokenSource(options);
    this.transport = new Transport({
      url: this.url,
      token,
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      maxRetries: options.maxRetries ?? 4,
      backoff,
      fetch: options.fetch ?? ((request, init) => fetch(request, init)),
    });
    this.raw = createRawClient(this.transport);
    this.vms = new Vms({ raw: this.raw, console: { url: this.url, token, open: openSocket, backoff: { baseMs: 50, capMs: 2_000 } } });
    this.workers = new Workers(this.raw);
    this.images = new Images(this.raw, this.transport);
    this.operations = new Operations(this.raw);
    this.tokens = new Tokens(this.raw);
    this.audit = new Audit(this.raw);
    this.events = new Events(this.transport, backoff);
  }

  /**
   * A call of any route, with the client's token, retries and idempotency key.
   *
   * @param path from the API's base URL on, such as `/v1/vms`
   * @returns the answer, whatever its status
   */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return this.transport.send(new Request(`${this.url}${path}`, init));
  }

  /** The token that this client shows, with what it may do. */
  async whoami(call: { readonly signal?: AbortSignal } = {}): Promise<Schemas["Identity"]> {
    return unwrap(await this.raw.GET("/v1/whoami", call.signal === undefined ? {} : { signal: call.signal }));
  }

  /** What the project may have, and has. */
  async quotas(call: { readonly signal?: AbortSignal } = {}): Promise<readonly Schemas["Quota"][]> {
    return unwrap(await this.raw.GET("/v1/quotas", call.signal === undefined ? {} : { signal: call.signal })).items;
  }

  /** What the service is. */
  async version(call: { readonly signal?: AbortSignal } = {}): Promise<Schemas["Version"]> {
    return unwrap(await this.raw.GET("/v1/version", call.signal === undefined ? {} : { signal: call.signal }));
  }
}

function apiUrl({ url }: UnderstudyOptions): string {
  if (url !== undefined) return checkApiUrl(url, "the option url");
  const named = environmentVariable("UNDERSTUDY_API_URL");
  return named === null ? DEFAULT_API_URL : checkApiUrl(named, "the environment variable UNDERSTUDY_API_URL");
}

/**
 * A token file is read again at each call until it is there: the service may be about to write it. A call without one is refused here where
 * the file was named; without the default one it is made, for a service may want no token of those who read.
 */
function tokenSource(options: UnderstudyOptions): () => Promise<string | null> {
  const given = givenToken(options);
  if (given !== null) return async () => given;
  if (!isNode()) return async () => null;
  const named = options.tokenFile ?? environmentVariable("UNDERSTUDY_TOKEN_FILE");
  let read: string | null = null;
  return async () => {
    read ??= await (named === null ? readToken(DEFAULT_TOKEN_FILE) : readNamedToken(named));
    return read;
  };
}

function givenToken({ token, tokenFile }: UnderstudyOptions): string | null {
  if (token !== undefined) return checkToken(token, "the option token");
  const named = tokenFile === undefined ? environmentVariable("UNDERSTUDY_TOKEN") : null;
  return named === null ? null : checkToken(named, "the environment variable UNDERSTUDY_TOKEN");
}
