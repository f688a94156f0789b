import { expect, test } from "vitest";
import { BOUNDS_MS, type ChaosReport, histogram, reportJson, reportMarkdown } from "./report.ts";

const report: ChaosReport = {
  seed: 7,
  minutes: 2,
  workers: 3,
  vms: 2,
  network: true,
  heartbeatTimeoutMs: 1_000,
  cores: 2,
  node: "v20.0.0",
  faults: [
    { kind: "kill primary", target: "worker-1", atMs: 10, lastedMs: 0 },
    { kind: "cut pair", target: "worker-1 and worker-2", atMs: 900, lastedMs: 400 },
    { kind: "kill primary", target: "worker-2", atMs: 2_000, lastedMs: 0 },
  ],
  gaps: { detect: [1, 7], arbitrate: [5], promote: [2], total: [14, 20_000], client: [40] },
  failovers: 2,
  repairs: 3,
  transcriptsChecked: 4,
  transcriptBytes: 5_000,
  hashesCompared: 60,
  epochsReplayed: 9_000,
  divergences: 0,
  violations: [],
};

test("a value that is a bound is in the bar below it, and one above all bounds in the last", () => {
  const bars = histogram([5, 5.1, 10_000, 10_001]);
  expect(bars).toHaveLength(BOUNDS_MS.length + 1);
  expect([bars[0], bars[1], bars.at(-2), bars.at(-1)]).toEqual([1, 1, 1, 1]);
});

test("the Markdown says what was done, what was compared, and whether anything was violated", () => {
  const text = reportMarkdown(report);
  expect(text).toContain("Nothing was violated.");
  expect(text).toContain("| kill primary | 2 |");
  expect(text).toContain("| state hashes compared with a run without failures | 60 (9000 epochs) |");
  expect(text).toContain("| total | 2 | 0 | 0 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 1 |");
  const wrong = reportMarkdown({ ...report, violations: ["worker-9 lied"] });
  expect(wrong).toContain("**1 violations.**");
  expect(wrong).toContain("- worker-9 lied");
});

test("the JSON holds the same, with the bars counted", () => {
  expect(JSON.parse(reportJson(report))).toMatchObject({ ...report, faultCounts: { "cut pair": 1, "kill primary": 2 } });
});
