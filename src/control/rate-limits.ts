/**
 * Rate limits of the public API: token buckets by token, and by VM and verb. Each control plane counts what it is asked itself, and what
 * the others tell it that they were asked (`rate-sharing.ts`).
 *
 * `RateLimit-Policy` and `RateLimit` are of the IETF's draft of these fields: quota and window, what is left and until when.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Taken, TokenBuckets } from "./domain/token-buckets.ts";
import { ApiError } from "./errors/api-error.ts";
import type { ControlSettings } from "./settings.ts";

type RateSettings = Pick<ControlSettings, "rateLimitBurst" | "rateLimitPerSecond" | "verbRateLimitBurst" | "verbRateLimitPerSecond">;

/** As headers and problems call them. */
export const LIMIT_NAMES = ["token", "vm_verb"] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

export type RateLimits = Readonly<Record<LimitName, TokenBuckets>>;

export function rateLimitsOf(settings: RateSettings): RateLimits {
  return {
    token: new TokenBuckets({ burst: settings.rateLimitBurst, perSecond: settings.rateLimitPerSecond }),
    vm_verb: new TokenBuckets({ burst: settings.verbRateLimitBurst, perSecond: settings.verbRateLimitPerSecond }),
  };
}

/** What a call is counted under; null: it is not under this limit. */
const KEYS: Readonly<Record<LimitName, (request: FastifyRequest) => string | null>> = {
  token: ({ token }) => token?.id ?? null,
  vm_verb: verbKey,
};

/**
 * Comes after authentication: nobody uses up the calls of a token that he does not have.
 *
 * @param took called with what a call that is let through was counted under
 */
export function installRateLimits(app: FastifyInstance, limits: RateLimits, took: (limit: LimitName, key: string) => void): void {
  app.addHook("onRequest", async (request, reply) => {
    const policies: string[] = [];
    const states: string[] = [];
    let refused: { readonly name: LimitName; readonly taken: Taken } | null = null;
    for (const name of LIMIT_NAMES) {
      const buckets = limits[name];
      const found = KEYS[name](request);
      // A call that is refused by one limit takes nothing of the next.
      if (found === null || refused !== null) continue;
      const taken = buckets.take(found, performance.now());
      const { burst, perSecond } = buckets.policy;
      policies.push(`"${name}";q=${burst};w=${Math.ceil(burst / perSecond)}`);
      states.push(`"${name}";r=${taken.remaining};t=${Math.ceil(taken.resetMs / 1000)}`);
      if (taken.allowed) took(name, found);
      else refused = { name, taken };
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
