/** Counted delays as a histogram of Prometheus: buckets are cumulative there, and in seconds. */
import { DELAY_BOUNDS_US, type DelayCounts } from "../../base/delay-histogram.ts";
import type { MetricSample } from "./exposition.ts";

export function histogramSamples(labels: Readonly<Record<string, string>>, { counts, sumUs }: DelayCounts): MetricSample[] {
  let count = 0;
  const buckets = [...DELAY_BOUNDS_US.map((us) => String(us / 1e6)), "+Inf"].map((le, bucket): MetricSample => {
    count += counts[bucket] ?? 0;
    return { suffix: "_bucket", labels: { ...labels, le }, value: count };
  });
  return [...buckets, { suffix: "_sum", labels, value: sumUs / 1e6 }, { suffix: "_count", labels, value: count }];
}
