/**
 * Rate limits of the public API: token buckets by token, and by VM and verb. Each control plane counts what it is asked itself.
 *
 * `RateLimit-Policy` and `RateLimit` are of the IETF's draft of these fields: quota and window, what is left and until when.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Taken, TokenBuckets } from "./domain/token-buckets.ts";
import { ApiError } from "./errors/api-error.ts";
import type { ControlSettings } from "./settings.ts";

type RateSettings = Pick<ControlSettings, "rateLimitBurst" | "rateLimitPerSecond" | "verbRateLimitBurst" | "verbRateLimitPerSecond">;

interface Limit {
  /** As headers and problems call it. */
  readonly name: "token" | "vm_verb";
  readonly buckets: TokenBuckets;
  /** Null: the call is not under this limit. */
  readonly key: (request: FastifyRequest) => string | null;
}

/** Comes after authentication: nobody uses up the calls of a token that he does not have. */
export function installRateLimits(app: FastifyInstance, settings: RateSettings): void {
  const limits: readonly Limit[] = [
    {
      name: "token",
      buckets: new TokenBuckets({ burst: settings.rateLimitBurst, perSecond: settings.rateLimitPerSecond }),
      key: ({ token }) => token?.id ?? null,
    },
    {
      name: "vm_verb",
      buckets: new TokenBuckets({ burst: settings.verbRateLimitBurst, perSecond: settings.verbRateLimitPerSecond }),
      key: verbKey,
    },
  ];
  app.addHook("onRequest", async (request, reply) => {
    const policies: string[] = [];
    const states: string[] = [];
    let refused: { readonly name: Limit["name"]; readonly taken: Taken } | null = null;
    for (const { name, buckets, key } of limits) {
      const found = key(request);
      // A call that is refused by one limit takes nothing of the next.
      if (found === null || refused !== null) continue;
      const taken = buckets.take(found, performance.now());
      const { burst, perSecond } = buckets.policy;
      policies.push(`"${name}";q=${burst};w=${Math.ceil(burst / perSecond)}`);
      states.push(`"${name}";r=${taken.remaining};t=${Math.ceil(taken.resetMs / 1000)}`);
      if (!taken.allowed) refused = { name, taken };
    }
    if (policies.length > 0) reply.header("RateLimit-Policy", policies.join(", ")).header("RateLimit", states.join(", "));
    if (refused === null) return;
    const what = refused.name === "token" ? "the token is used" : "this is asked of the VM";
    throw new ApiError("rate_limited", `Cannot serve yet: ${what} too often; see the headers RateLimit-Policy and RateLimit`, {
      details: { limit: refused.name, retryAfterMs: Math.max(1, Math.ceil(refused.taken.retryAfterMs)) },
    });
  });
}

/** What changes a VM: a verb, a patch, a delete. The same VM by id and by name is two keys. */
function verbKey({ routeOptions, params, method }: FastifyRequest): string | null {
  const { vm } = (params ?? {}) as { readonly vm?: string };
  if (vm === undefined || method === "GET" || method === "HEAD" || routeOptions.schema?.tags?.includes("vms") !== true) return null;
  return `${method} ${routeOptions.url} ${vm}`;
}
