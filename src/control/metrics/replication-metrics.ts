/**
 * Lag and log: how far backups are behind, what the logging channels have carried, how long outputs waited for it.
 *
 * Gauges are as old as the newest report, a second at most. Histograms count since the replica had its role.
 */
import type { DelayCounts } from "../../base/delay-histogram.ts";
import type { ReplicaReport } from "../../wire/control-messages.ts";
import type { MetricFamily } from "./exposition.ts";
import { histogramSamples } from "./histogram-samples.ts";
import { labelsOf, type ReportedReplica } from "./reported-replica.ts";

export function replicationMetrics(replicas: readonly ReportedReplica[]): readonly MetricFamily[] {
  const family = (
    name: string,
    type: "gauge" | "counter",
    help: string,
    role: ReplicaReport["role"],
    value: (report: ReplicaReport) => number | undefined,
  ): MetricFamily => ({
    name,
    type,
    help,
    samples: replicas
      .filter(({ report }) => report.role === role)
      .flatMap((replica) => {
        const found = value(replica.report);
        return found === undefined ? [] : [{ labels: labelsOf(replica), value: found }];
      }),
  });
  const histogram = (name: string, help: string, delay: (report: ReplicaReport) => DelayCounts | null | undefined): MetricFamily => ({
    name,
    type: "histogram",
    help,
    samples: replicas.flatMap((replica) => {
      const counts = delay(replica.report);
      return counts === null || counts === undefined ? [] : histogramSamples(labelsOf(replica), counts);
    }),
  });
  return [
    family(
      "backup_lag_seconds",
      "gauge",
      "How long the oldest record that a backup holds has waited to be executed",
      "backup",
      ({ lag }) => (lag === undefined ? undefined : lag.ms / 1000),
    ),
    family("backup_lag_instructions", "gauge", "Instructions of the log that a backup holds and has not executed", "backup", (report) =>
      Number(report.lagInstructions),
    ),
    histogram(
      "backup_execution_delay_seconds",
      "From the receipt of an epoch's record by a backup to the end of its execution",
      ({ lag }) => lag?.executionDelay,
    ),
    family(
      "state_hashes_compared_total",
      "counter",
      "State hashes that a backup has found equal to the primary's",
      "backup",
      ({ hashesCompared }) => hashesCompared ?? undefined,
    ),
    family(
      "replication_log_bytes_total",
      "counter",
      "Bytes that a primary has sent on its logging channels, state transfers included",
      "primary",
      ({ logBytes }) => Number(logBytes),
    ),
    histogram(
      "output_commit_delay_seconds",
      "How long output of a protected VM waited for acks, from its epoch's record to its release",
      ({ lag }) => lag?.outputCommitDelay,
    ),
  ];
}
