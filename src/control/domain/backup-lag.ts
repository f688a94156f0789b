/**
 * How far the slowest backup is behind, and when that is told.
 *
 *     within --over a quarter of the bound, where the primary begins to wait--> lagging --under an eighth--> recovered: within
 *                                                                               '-- it is no backup any more --> within
 */
export interface LagFacts {
  /** It was told that a backup lags. */
  readonly lagging: boolean;
  readonly isProtected: boolean;
  readonly lagMs: number;
  readonly maxLagMs: number;
}

export type LagChange = "lagging" | "recovered" | "over";

/** @returns null: nothing is to be told */
export function lagChange({ lagging, isProtected, lagMs, maxLagMs }: LagFacts): LagChange | null {
  if (!lagging) return isProtected && isLagging(lagMs, maxLagMs) ? "lagging" : null;
  if (!isProtected) return "over";
  return lagMs < maxLagMs / 8 ? "recovered" : null;
}

export function isLagging(lagMs: number, maxLagMs: number): boolean {
  return lagMs > maxLagMs / 4;
}

interface Reported {
  readonly lag?: { readonly ms: number };
}

/** The log's way to the slowest synced backup, and there to its execution; as the workers reported it last. */
export function lagMsOf(
  { primaryReplica, synced }: { readonly primaryReplica: string | null; readonly synced: readonly string[] },
  report: (replicaId: string) => Reported | null,
): number {
  if (primaryReplica === null) return 0;
  const unackedMs = report(primaryReplica)?.lag?.ms ?? 0;
  const unexecutedMs = synced.map((id) => report(id)?.lag?.ms ?? 0);
  return Math.round((unackedMs + Math.max(0, ...unexecutedMs)) * 1000) / 1000;
}
