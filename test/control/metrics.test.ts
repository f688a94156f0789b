/** /metrics, read as Prometheus reads it: families, labels, values; and from the replicas that are there. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DelayHistogram } from "../../src/base/delay-histogram.ts";
import { exposition } from "../../src/control/metrics/exposition.ts";
import type { TranslationReport } from "../../src/wire/control-messages.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { TestPostgres } from "./support/database.ts";

const TRANSLATION: TranslationReport = {
  regions: 41,
  installed: 50,
  shared: 30,
  evicted: 2,
  optimised: 7,
  exits: { jump: 900, lookAgain: 3 },
  translatedInstructions: 9_000_000_000,
  interpretedInstructions: 1_000_000,
  compileMs: 1500,
};

describe("the text format", () => {
  test("escapes what would end a help, a label or a line", () => {
    const samples = [{ labels: { name: 'a"b\\c\nd' }, value: 1.5 }];
    expect(exposition([{ name: "things", help: "One\ntwo", type: "gauge", samples }])).toBe(
      '# HELP understudy_things One\\ntwo\n# TYPE understudy_things gauge\nunderstudy_things{name="a\\"b\\\\c\\nd"} 1.5\n',
    );
  });

  test("keeps a family without samples, so that its name is known", () => {
    expect(exposition([{ name: "things", help: "h", type: "counter", samples: [] }])).toBe(
      "# HELP understudy_things h\n# TYPE understudy_things counter\n",
    );
  });
});

describe("GET /metrics", () => {
  let postgres: TestPostgres;
  let control: ControlUnderTest;
  beforeAll(async () => {
    postgres = await TestPostgres.start();
    control = await ControlUnderTest.start({ connection: await postgres.newDatabase() });
  });
  afterAll(async () => {
    await control.close();
    await postgres.stop();
  });

  test("has the translated code of each replica that says something of it, and of no other", async () => {
    await control.join("one");
    await control.join("two");
    const { vm, primary, primaryId } = await control.protectedVm("demo");
    primary.report(primaryId, { translation: TRANSLATION });
    while (control.parts.workers.lastReport(primaryId)?.translation === undefined) await once(control.parts.workers, "report");
    const answer = await fetch(`${control.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await answer.text()).split("\n");
    const labels = `vm="${vm.id}",replica="${primaryId}",role="primary",worker="${primary.workerId}"`;
    for (const sample of [
      `translator_regions{${labels}} 41`,
      `translator_regions_shared_total{${labels}} 30`,
      `translator_instructions_total{${labels},tier="region"} 9000000000`,
      `translator_instructions_total{${labels},tier="interpreter"} 1000000`,
      `translator_exits_total{${labels},reason="look_again"} 3`,
      `translator_compile_seconds_total{${labels}} 1.5`,
    ]) {
      expect(lines).toContain(`understudy_${sample}`);
    }
    expect(lines.filter((line) => line.startsWith("understudy_translator_regions{"))).toHaveLength(1);
  });

  test("has each backup's lag in time and instructions, what outputs waited, what the log carries, and no divergence", async () => {
    const { vm, primary, primaryId, backup, backupId } = await control.protectedVm("trailed");
    const waited = new DelayHistogram();
    for (const us of [120, 900, 950, 8_000_000]) waited.observe(us);
    const lag = { ms: 0, maxMs: 2000, executionDelay: null, outputCommitDelay: null };
    primary.report(primaryId, { logBytes: "123456", lagInstructions: "9", lag: { ...lag, outputCommitDelay: waited } });
    backup.report(backupId, { lagInstructions: "5000000", lag: { ...lag, ms: 12.5, executionDelay: waited } });
    while (
      control.parts.workers.lastReport(backupId)?.lag?.ms !== 12.5 ||
      control.parts.workers.lastReport(primaryId)?.lag?.outputCommitDelay == null
    )
      await once(control.parts.workers, "report");
    const answer = await fetch(`${control.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
    const lines = (await answer.text()).split("\n");
    const ofBackup = `vm="${vm.id}",replica="${backupId}",role="backup",worker="${backup.workerId}"`;
    const ofPrimary = `vm="${vm.id}",replica="${primaryId}",role="primary",worker="${primary.workerId}"`;
    for (const sample of [
      `backup_lag_seconds{${ofBackup}} 0.0125`,
      `backup_lag_instructions{${ofBackup}} 5000000`,
      `backup_execution_delay_seconds_count{${ofBackup}} 4`,
      `replication_log_bytes_total{${ofPrimary}} 123456`,
      `output_commit_delay_seconds_bucket{${ofPrimary},le="0.0001"} 0`,
      `output_commit_delay_seconds_bucket{${ofPrimary},le="0.00015"} 1`,
      `output_commit_delay_seconds_bucket{${ofPrimary},le="0.001"} 3`,
      `output_commit_delay_seconds_bucket{${ofPrimary},le="5"} 3`,
      `output_commit_delay_seconds_bucket{${ofPrimary},le="+Inf"} 4`,
      `output_commit_delay_seconds_sum{${ofPrimary}} 8.00197`,
      "divergence_total 0",
    ]) {
      expect(lines).toContain(`understudy_${sample}`);
    }
    expect(lines.some((line) => line.startsWith(`understudy_backup_lag_seconds{${ofPrimary}`))).toBe(false);
  });

  test("wants a token, since it names VMs", async () => {
    expect((await fetch(`${control.url}/metrics`)).status).toBe(401);
  });
});
