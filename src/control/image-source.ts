/**
 * Fetches an image from where a caller says that it is. The request is the control plane's, so that it goes to public addresses alone,
 * unless a setting allows others: what a name stands for is looked up once, checked, and connected to as it was checked. Redirections
 * are followed a few times, each as if it were the first. What breaks off, or stands still, is asked for again, from where it was.
 */
import { lookup as resolveName } from "node:dns/promises";
import { type RequestOptions as HttpOptions, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, type LookupFunction } from "node:net";
import { UnderstudyError } from "../base/errors.ts";
import { httpParts, resumedStream } from "../images/index.ts";
import { ApiError } from "./errors/api-error.ts";

const REDIRECTS_MAX = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
const ANSWERS = [200, 206, 416];
/** Clients' errors that pass: the request was slow, or one of too many. */
const PASSING = [408, 429];
/** With waits of up to five seconds, a cut of some twenty is outlived. */
const FRUITLESS_MAX = 8;

export interface SourceOptions {
  readonly networks: "public" | "any";
  /** A source of which nothing comes for so long is asked again. */
  readonly idleMs: number;
  /** Before it is asked again, the first time. */
  readonly retryMs: number;
  /** Ends the fetch. */
  readonly signal: AbortSignal;
}

/**
 * The body of the answer to a GET, which may be several.
 *
 * @throws {ApiError} `validation_failed` where it is not served, or not from where it may be; the stream may end with it too
 */
export async function* fetchSource(url: string, options: SourceOptions): AsyncGenerator<Uint8Array> {
  const { retryMs, signal } = options;
  const open = httpParts((headers) => follow(url, headers, options));
  const isFinal = (error: unknown): boolean => error instanceof ApiError;
  try {
    yield* resumedStream(open, { waitMs: retryMs, fruitlessMax: FRUITLESS_MAX, isFinal, signal });
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    if (cause instanceof UnderstudyError && cause.code === "source_changed") throw refused("changed", "it has changed meanwhile", cause);
    throw refused("unreachable", (cause as Error).message, cause);
  }
}

async function follow(first: string, headers: Readonly<Record<string, string>>, options: SourceOptions): Promise<IncomingMessage> {
  let url = first;
  for (let redirections = 0; redirections <= REDIRECTS_MAX; redirections++) {
    const answer = await get(url, headers, options);
    const { statusCode = 0, headers: answered } = answer;
    if (ANSWERS.includes(statusCode)) return answer;
    answer.destroy();
    if (!REDIRECTS.includes(statusCode) || answered.location === undefined) {
      const why = `it is answered with HTTP ${statusCode}`;
      throw statusCode >= 500 || PASSING.includes(statusCode) ? new Error(why) : refused("unreachable", why);
    }
    if (!URL.canParse(answered.location, url)) throw refused("unreachable", "it leads to what is no URL");
    url = new URL(answered.location, url).href;
  }
  throw refused("unreachable", `it leads on more than ${REDIRECTS_MAX} times`);
}

async function get(
  text: string,
  asked: Readonly<Record<string, string>>,
  { networks, idleMs, signal }: SourceOptions,
): Promise<IncomingMessage> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw refused("bad_format", "a URL that begins with http:// or https:// is wanted");
  if (url.username !== "" || url.password !== "") throw refused("not_allowed", "it names a user or a password");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const addresses = await resolveName(host, { all: true }).catch((cause: Error) => {
    throw new Error(`its host is not known (${cause.message})`, { cause });
  });
  if (networks === "public" && !addresses.every(({ address, family }) => isPublicAddress(address, family)))
    throw refused("not_allowed", "its host is not on a public address (UNDERSTUDY_IMAGE_SOURCE_NETWORKS=any allows others)");
  const lookup: LookupFunction = (_host, { all }, done) => {
    const [{ address, family } = { address: "", family: 0 }] = addresses;
    if (all === true) done(null, addresses);
    else done(null, address, family);
  };
  const headers = { accept: "application/x-tar, */*", "accept-encoding": "identity", ...asked };
  const options: HttpOptions = { signal, lookup, headers, timeout: idleMs };
  return await new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? httpsRequest(url, options) : httpRequest(url, options);
    request.on("response", resolve);
    request.on("timeout", () => request.destroy(new Error(`nothing came for ${idleMs} ms`)));
    request.on("error", (cause) => reject(new Error(`it does not answer (${cause.message})`, { cause })));
    request.end();
  });
}

/** @param code of the field's error */
function refused(code: "bad_format" | "not_allowed" | "unreachable" | "changed", why: string, cause?: unknown): ApiError {
  const errors = [{ pointer: "/source/url", code, message: why }];
  return new ApiError("validation_failed", `Cannot fetch the image from /source/url: ${why}`, { cause, details: { errors } });
}

/** Blocks of IANA's registries of special-purpose addresses, multicast, and what was reserved. */
const SPECIAL_IPV4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"],
  ...["192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24"],
  ...["203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
];
/** Within 2000::/3, which is all that is routed: Teredo and other protocols' blocks, documentation, and 6to4, which has IPv4 addresses inside. */
const SPECIAL_IPV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];
const special = new BlockList();
const routed = new BlockList();
for (const [blocks, family] of [
  [SPECIAL_IPV4, "ipv4"],
  [SPECIAL_IPV6, "ipv6"],
] as const) {
  for (const block of blocks) {
    const [net = "", prefix] = block.split("/");
    special.addSubnet(net, Number(prefix), family);
  }
}
routed.addSubnet("2000::", 3, "ipv6");

/** @param family 4 or 6 */
export function isPublicAddress(address: string, family: number): boolean {
  if (family === 4) return !special.check(address, "ipv4");
  return routed.check(address, "ipv6") && !special.check(address, "ipv6");
}
