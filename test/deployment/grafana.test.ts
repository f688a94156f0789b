/** The Grafana dashboard: it asks for what is exposed, by labels that are there, and shows all of it. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { Activity } from "../../src/control/metrics/activity.ts";
import { exposition } from "../../src/control/metrics/exposition.ts";
import { presentMetrics } from "../../src/control/metrics/present-metrics.ts";
import { replicationMetrics } from "../../src/control/metrics/replication-metrics.ts";
import { translatorMetrics } from "../../src/control/metrics/translator-metrics.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

let panels: readonly Panel[];
/** By series name: what Prometheus scrapes. */
const exposed = new Map<string, "gauge" | "counter" | "histogram">();

beforeAll(async () => {
  const path = fileURLToPath(new URL("../../deploy/grafana/understudy.json", import.meta.url));
  panels = (JSON.parse(await readFile(path, "utf8")) as { panels: Panel[] }).panels;
  // What the route puts together, without replicas and VMs: families keep their names.
  const text = exposition([...presentMetrics(null, []), ...new Activity().families(), ...replicationMetrics([]), ...translatorMetrics([])]);
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) exposed.set(name, type as "gauge");
});

const expressions = () => panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** The family of a series: a histogram has three for each set of labels. */
function familyOf(series: string): string {
  const family = series.replace(/_(bucket|sum|count)$/, "");
  return exposed.get(family) === "histogram" ? family : series;
}

const seriesOf = (expr: string) => [...expr.matchAll(/\bunderstudy_\w+/g)].map(([name]) => name);

test("asks only for metrics that are exposed, and for each that the contract names", () => {
  const asked = new Set(expressions().flatMap(seriesOf));
  expect(asked.size).toBeGreaterThan(15);
  for (const series of asked) {
    expect(exposed.has(familyOf(series)), series).toBe(true);
    if (exposed.get(familyOf(series)) === "histogram") expect(series).toMatch(/_(bucket|sum|count)$/);
  }
  const families = new Set([...asked].map(familyOf));
  const without = [...exposed.keys()].filter((name) => !families.has(name) && !name.startsWith("understudy_translator_"));
  expect(without).toEqual([]);
});

test("takes rates of counters and histograms, and of nothing else", () => {
  for (const expr of expressions()) {
    for (const series of seriesOf(expr)) {
      const grows = exposed.get(familyOf(series)) !== "gauge";
      expect(new RegExp(`(rate|increase)\\(${series}(\\{[^}]*\\})?\\[`).test(expr), expr).toBe(grows);
    }
  }
});

test("has well-formed expressions: brackets that close, quantiles that keep le", () => {
  for (const expr of expressions()) {
    const open: string[] = [];
    for (const character of expr.replaceAll(/"[^"]*"/g, "")) {
      if ("([{".includes(character)) open.push(character);
      else if (")]}".includes(character)) expect(open.pop(), expr).toBe({ ")": "(", "]": "[", "}": "{" }[character]);
    }
    expect(open, expr).toEqual([]);
    if (expr.includes("histogram_quantile")) expect(expr).toMatch(/sum by \((\w+, )*le\)/);
  }
});

test("has panels with ids of their own that do not cover each other", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
});
