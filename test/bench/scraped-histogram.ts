/** A histogram of the service's /metrics: what was counted between two looks, and its quantiles. */
import type { Installation } from "../support/installation.ts";

/** Cumulative counts by upper bound, seconds; the last bound is infinite. */
type Buckets = readonly (readonly [le: number, count: number])[];

export async function scrape(installation: Installation, name: string): Promise<Buckets> {
  const { data, error } = await installation.client.raw.GET("/metrics", { parseAs: "text" });
  if (typeof data !== "string") throw new Error(`/metrics cannot be read: ${JSON.stringify(error)}`);
  const counts = new Map<number, number>();
  for (const line of data.split("\n")) {
    if (!line.startsWith(`understudy_${name}_bucket{`)) continue;
    const [, le = ""] = /,le="([^"]+)"/.exec(line) ?? [];
    const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
    counts.set(bound, (counts.get(bound) ?? 0) + Number(line.slice(line.lastIndexOf(" ") + 1)));
  }
  return [...counts].sort(([a], [b]) => a - b);
}

export interface CountedBetween {
  readonly n: number;
  /** Milliseconds, interpolated within the bucket: the true one is in the same bucket. */
  readonly quantileMs: (q: number) => number;
}

/** @throws {Error} where nothing was counted */
export function between(before: Buckets, after: Buckets): CountedBetween {
  const earlier = new Map(before);
  const counts = after.map(([le, count]) => [le, count - (earlier.get(le) ?? 0)] as const);
  const n = counts.at(-1)?.[1] ?? 0;
  if (n <= 0) throw new Error("the histogram counted nothing in the time");
  const quantileMs = (q: number): number => {
    const rank = Math.ceil(q * n);
    let [lower, below] = [0, 0];
    for (const [le, count] of counts) {
      if (count >= rank) {
        const upper = Number.isFinite(le) ? le : lower;
        return (lower + ((upper - lower) * (rank - below)) / Math.max(1, count - below)) * 1000;
      }
      [lower, below] = [le, count];
    }
    throw new Error("the last bucket holds everything");
  };
  return { n, quantileMs };
}
