/** What the replicas that are reported now say of their translated code. A replica that is interpreted has no samples. */
import type { TranslationReport } from "../../wire/control-messages.ts";
import type { MetricFamily, MetricSample } from "./exposition.ts";
import { labelsOf, type ReportedReplica } from "./reported-replica.ts";

type Numbers = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

export function translatorMetrics(replicas: readonly ReportedReplica[]): readonly MetricFamily[] {
  const family = (
    name: string,
    type: MetricFamily["type"],
    help: string,
    numbers: (translation: TranslationReport) => number | Numbers,
  ): MetricFamily => ({ name: `translator_${name}`, type, help, samples: replicas.flatMap((replica) => samplesOf(replica, numbers)) });
  return [
    family("regions", "gauge", "Regions of translated code installed now", ({ regions }) => regions),
    family("regions_installed_total", "counter", "Regions that were installed", ({ installed }) => installed),
    family("regions_shared_total", "counter", "Installed regions that the worker had compiled before", ({ shared }) => shared),
    family("regions_evicted_total", "counter", "Regions that made room for others", ({ evicted }) => evicted),
    family("regions_optimised_total", "counter", "Regions that were compiled again, for speed", ({ optimised }) => optimised),
    family("instructions_total", "counter", "Guest instructions executed, by tier", (translation) => [
      [{ tier: "region" }, translation.translatedInstructions],
      [{ tier: "interpreter" }, translation.interpretedInstructions],
    ]),
    family("exits_total", "counter", "How often regions were left, by reason", ({ exits }) =>
      Object.entries(exits).map(([reason, count]) => [{ reason: snakeCase(reason) }, count] as const),
    ),
    family(
      "compile_seconds_total",
      "counter",
      "Time that the worker's compile thread worked for the replica",
      ({ compileMs }) => compileMs / 1000,
    ),
  ];
}

function samplesOf(replica: ReportedReplica, numbers: (translation: TranslationReport) => number | Numbers): MetricSample[] {
  const { translation } = replica.report;
  if (translation === undefined || translation === null) return [];
  const labels = labelsOf(replica);
  const found = numbers(translation);
  if (typeof found === "number") return [{ labels, value: found }];
  return found.map(([more, value]) => ({ labels: { ...labels, ...more }, value }));
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
