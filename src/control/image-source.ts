/**
 * Fetches an image from where a caller says that it is. The request is the control plane's, so that it goes to public addresses alone,
 * unless a setting allows others: what a name stands for is looked up once, checked, and connected to as it was checked. Redirections
 * are followed a few times, each as if it were the first.
 */
import { lookup as resolveName } from "node:dns/promises";
import { type RequestOptions as HttpOptions, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, type LookupFunction } from "node:net";
import { ApiError } from "./errors/api-error.ts";

const REDIRECTS_MAX = 3;
const REDIRECTS = [301, 302, 303, 307, 308];

export interface SourceOptions {
  readonly networks: "public" | "any";
  /** Ends the fetch. */
  readonly signal: AbortSignal;
}

/**
 * The body of the answer to a GET.
 *
 * @throws {ApiError} `validation_failed` where it is not served, or not from where it may be; the stream may end with it too
 */
export async function* fetchSource(url: string, options: SourceOptions): AsyncGenerator<Uint8Array> {
  const answer = await follow(url, options);
  try {
    for await (const chunk of answer) yield chunk as Buffer;
  } catch (cause) {
    throw refused("unreachable", `it broke off (${(cause as Error).message})`, cause);
  } finally {
    answer.destroy();
  }
}

async function follow(first: string, options: SourceOptions): Promise<IncomingMessage> {
  let url = first;
  for (let redirections = 0; redirections <= REDIRECTS_MAX; redirections++) {
    const answer = await get(url, options);
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200) return answer;
    answer.destroy();
    if (!REDIRECTS.includes(statusCode) || headers.location === undefined)
      throw refused("unreachable", `it is answered with HTTP ${statusCode}`);
    if (!URL.canParse(headers.location, url)) throw refused("unreachable", "it leads to what is no URL");
    url = new URL(headers.location, url).href;
  }
  throw refused("unreachable", `it leads on more than ${REDIRECTS_MAX} times`);
}

async function get(text: string, { networks, signal }: SourceOptions): Promise<IncomingMessage> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw refused("bad_format", "a URL that begins with http:// or https:// is wanted");
  if (url.username !== "" || url.password !== "") throw refused("not_allowed", "it names a user or a password");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const addresses = await resolveName(host, { all: true }).catch((cause: Error) => {
    throw refused("unreachable", `its host is not known (${cause.message})`, cause);
  });
  if (networks === "public" && !addresses.every(({ address, family }) => isPublicAddress(address, family)))
    throw refused("not_allowed", "its host is not on a public address (UNDERSTUDY_IMAGE_SOURCE_NETWORKS=any allows others)");
  const lookup: LookupFunction = (_host, { all }, done) => {
    const [{ address, family } = { address: "", family: 0 }] = addresses;
    if (all === true) done(null, addresses);
    else done(null, address, family);
  };
  const request: HttpOptions = { signal, lookup, headers: { accept: "application/x-tar, */*", "accept-encoding": "identity" } };
  return await new Promise((resolve, reject) => {
    const asked = url.protocol === "https:" ? httpsRequest(url, request) : httpRequest(url, request);
    asked.on("response", resolve);
    asked.on("error", (cause) => reject(refused("unreachable", `it does not answer (${cause.message})`, cause)));
    asked.end();
  });
}

/** @param code of the field's error */
function refused(code: "bad_format" | "not_allowed" | "unreachable", why: string, cause?: unknown): ApiError {
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
