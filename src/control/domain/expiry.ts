/** When the service itself deletes a VM: so many seconds after its creation as its spec says, unless it is protected from deletion. */

/** Cause of that deletion's events, and why the VM is in the states that lead there. */
export const TTL_EXPIRED = "ttl_expired";

/** Ten years. */
export const TTL_SECONDS_MAX = 315_360_000;

export interface ExpiryFacts {
  readonly createdAt: Date;
  readonly spec: { readonly ttlSeconds?: number | null; readonly deletionProtection?: boolean };
}

/** @returns null where it is kept until somebody deletes it */
export function expiresAt({ createdAt, spec }: ExpiryFacts): Date | null {
  if (spec.ttlSeconds == null || spec.deletionProtection === true) return null;
  return new Date(createdAt.getTime() + spec.ttlSeconds * 1000);
}

/** @param nowMs by the clock that dated the creation, ms since 1970 */
export function isExpired(vm: ExpiryFacts, nowMs: number): boolean {
  const at = expiresAt(vm);
  return at !== null && at.getTime() <= nowMs;
}
