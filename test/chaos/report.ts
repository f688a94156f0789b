/** What a chaos run did and found, as JSON and as Markdown. */

/** Spans of a failover, as the service reports them, and the longest silence that a client met. */
export const PHASES = ["detect", "arbitrate", "promote", "total", "client"] as const;
export type Phase = (typeof PHASES)[number];

/** Upper bounds of a histogram's bars, milliseconds; one more bar holds what is above. */
export const BOUNDS_MS = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const;

export interface FaultRecord {
  readonly kind: string;
  readonly target: string;
  /** Since the first fault. */
  readonly atMs: number;
  readonly lastedMs: number;
}

export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  readonly workers: number;
  readonly vms: number;
  /** False: the host permits no network namespaces, so nothing was cut. */
  readonly network: boolean;
  readonly heartbeatTimeoutMs: number;
  readonly cores: number;
  readonly node: string;
  readonly faults: readonly FaultRecord[];
  /** Milliseconds. */
  readonly gaps: Readonly<Record<Phase, readonly number[]>>;
  readonly failovers: number;
  readonly repairs: number;
  /** Of one VM each, everything up to then. */
  readonly transcriptsChecked: number;
  readonly transcriptBytes: number;
  /** Against a run of the same log without failures. */
  readonly hashesCompared: number;
  readonly epochsReplayed: number;
  readonly divergences: number;
  readonly violations: readonly string[];
}

/** @returns how many values each bar holds, `BOUNDS_MS.length + 1` of them */
export function histogram(values: readonly number[]): number[] {
  const bars = new Array<number>(BOUNDS_MS.length + 1).fill(0);
  for (const value of values) {
    const found = BOUNDS_MS.findIndex((bound) => value <= bound);
    const bar = found < 0 ? BOUNDS_MS.length : found;
    bars[bar] = (bars[bar] as number) + 1;
  }
  return bars;
}

export function countByKind(faults: readonly FaultRecord[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The report with its histograms, as it is written to report.json. */
export function reportJson(report: ChaosReport): string {
  const histograms = Object.fromEntries(PHASES.map((phase) => [phase, histogram(report.gaps[phase])]));
  const faultCounts = Object.fromEntries(countByKind(report.faults));
  return `${JSON.stringify({ ...report, boundsMs: BOUNDS_MS, histograms, faultCounts }, null, 2)}\n`;
}

export function reportMarkdown(report: ChaosReport): string {
  const verdict = report.violations.length === 0 ? "Nothing was violated." : `**${report.violations.length} violations.**`;
  const lines = [
    "# Fault report",
    "",
    `${report.minutes} minutes, seed ${report.seed}: ${report.vms} protected VMs on ${report.workers} workers, ${report.cores} cores, Node ${report.node}, heartbeat time-out ${report.heartbeatTimeoutMs} ms. ${verdict}`,
    "",
    ...report.violations.map((violation) => `- ${violation}`),
    ...(report.violations.length > 0 ? [""] : []),
    ...(report.network ? [] : ["The host permits no network namespaces: nothing was cut, delayed or lost.", ""]),
    "| what | how many |",
    "| --- | ---: |",
    ...[...countByKind(report.faults)].map(([kind, count]) => `| ${kind} | ${count} |`),
    `| failovers completed | ${report.failovers} |`,
    `| repairs completed | ${report.repairs} |`,
    `| transcripts checked | ${report.transcriptsChecked} (${report.transcriptBytes} bytes at the end) |`,
    `| state hashes compared with a run without failures | ${report.hashesCompared} (${report.epochsReplayed} epochs) |`,
    `| divergences | ${report.divergences} |`,
    "",
    "Gaps by phase: how many took at most so many milliseconds. `detect`, `arbitrate`, `promote` and `total` are the service's own; `client` is",
    "the longest silence of a guest's console after each fault, for a guest that writes every 50 ms.",
    "",
    `| phase | n | ${BOUNDS_MS.join(" | ")} | more |`,
    `| --- | ---: |${" ---: |".repeat(BOUNDS_MS.length + 1)}`,
    ...PHASES.map((phase) => `| ${phase} | ${report.gaps[phase].length} | ${histogram(report.gaps[phase]).join(" | ")} |`),
  ];
  return `${lines.join("\n")}\n`;
}
