/** Metrics in Prometheus' text format, version 0.0.4: families in the order given, each with its help and its type. */

export interface MetricFamily {
  /** Without the prefix that all have. */
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter" | "histogram";
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** Behind the family's name: of a histogram. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export const EXPOSITION_MEDIA = "text/plain; version=0.0.4; charset=utf-8";

const PREFIX = "understudy_";

/** @returns lines, each with its end */
export function exposition(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    lines.push(`# HELP ${PREFIX}${name} ${escaped(help)}`, `# TYPE ${PREFIX}${name} ${type}`);
    for (const { suffix = "", labels, value } of samples) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text).replaceAll('"', '\\"')}"`);
      lines.push(`${PREFIX}${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`);
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
