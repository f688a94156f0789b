/** /metrics, read as Prometheus reads it: families, labels, values; and from the replicas that are there. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { DelayHistogram } from "../../src/base/delay-histogram.ts";
import { exposition } from "../../src/control/metrics/exposition.ts";
import type { Event } from "../../src/control/schemas/event.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { TranslationReport } from "../../src/wire/control-messages.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

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
  let control: ControlUnderTest;
  beforeAll(async () => {
    control = await ControlUnderTest.start();
    return () => control.close();
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
    backup.report(backupId, { lagInstructions: "5000000", hashesCompared: 17, lag: { ...lag, ms: 12.5, executionDelay: waited } });
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
      `state_hashes_compared_total{${ofBackup}} 17`,
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

  test("has VMs by state, failovers with their gaps, repairs, time without a backup, and calls by route and status", async () => {
    const before = await scrape();
    const { vm, primary, backup, backupId } = await control.protectedVm("lost");
    await control.join("three");
    await control.kill(primary);
    await backup.promote(backupId);
    await control.vmThat(vm.id, ({ status }) => status.protection.state === "protected" && status.term > vm.status.term + 1);
    await control.get("/v1/vms/nobody");
    const body = { name: "again", spec: { image: "debian", protection: { backups: 0 } } };
    for (let i = 0; i < 3; i++) await control.call("POST", "/v1/vms", body, { "idempotency-key": "again" });
    await control.waitFor("again", "running");
    // Other VMs of this service lost replicas too, and may be repaired at any moment: what is counted lies between two looks.
    const happened = async (type: string): Promise<number> =>
      (await control.get<{ items: Event[] }>(`/v1/events?types=${type}&pageSize=1000`)).body.items.length;
    const failovers = await happened("vm.failover.completed");
    const repairsBefore = await happened("vm.repair.completed");
    const after = await scrape();
    const repairsAfter = await happened("vm.repair.completed");
    const grown = (name: string, labels = "") => sampleOf(after, name, labels) - sampleOf(before, name, labels);
    const { body: list } = await control.get<{ items: Vm[] }>("/v1/vms?protection=protected");
    expect(sampleOf(after, "vms", '{state="running",protection="protected"}')).toBe(list.items.length);
    expect(sampleOf(after, "vms", '{state="running",protection="off"}')).toBe(1);
    expect(failovers).toBeGreaterThan(0);
    expect(grown("failovers_total", '{cause="worker_lost",mode="none",result="completed"}')).toBe(failovers);
    for (const phase of ["detect", "arbitrate", "promote", "total"]) {
      expect(grown("failover_gap_seconds_count", `{phase="${phase}"}`), phase).toBe(failovers);
    }
    const repairs = sampleOf(after, "repair_duration_seconds_count");
    expect(repairs).toBeGreaterThanOrEqual(Math.max(1, repairsBefore));
    expect(repairs).toBeLessThanOrEqual(repairsAfter);
    expect(sampleOf(after, "repair_duration_seconds_sum")).toBeCloseTo(repairs * 0.09);
    expect(after.some((line) => /^understudy_time_unprotected_seconds_total\{reason="\w+"\} [0-9.e-]+$/.test(line))).toBe(true);
    expect(grown("http_request_duration_seconds_count", '{method="GET",route="/v1/vms/{vm}",code="404"}')).toBe(1);
    expect(grown("http_request_duration_seconds_count", '{method="POST",route="/v1/vms",code="201"}')).toBe(4);
    expect(grown("idempotent_replays_total")).toBe(2);
    expect(grown("divergence_total")).toBe(0);
  });

  test("has who is at consoles, what they have not consumed, what was trimmed, and how long input and events take", async () => {
    const { vm, primary } = await control.protectedVm("watched");
    const before = await scrape();
    const stream = await fetch(`${control.url}/v1/vms/${vm.id}/events`, {
      headers: { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" },
    });
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await control.call("PATCH", `/v1/vms/${vm.id}`, { labels: { a: "b" } });
    const writer = await control.attach("watched", { mode: "write", from: "start" });
    const idle = await control.attach("watched", { from: "start" }, false);
    writer.type("hello\n");
    await writer.message("ack");
    primary.write(vm.id, "x".repeat(1000));
    await idle.until(() => idle.text.length === 1000);
    const during = await scrape();
    expect([sampleOf(during, "console_clients", '{mode="read"}'), sampleOf(during, "console_clients", '{mode="write"}')]).toEqual([1, 1]);
    expect(sampleOf(during, "console_unacked_bytes")).toBeGreaterThanOrEqual(1000);
    expect(sampleOf(during, "input_ack_seconds_count") - sampleOf(before, "input_ack_seconds_count")).toBe(1);
    expect(sampleOf(during, "events_lag_seconds_count") - sampleOf(before, "events_lag_seconds_count")).toBeGreaterThan(0);
    expect(sampleOf(during, "console_gap_total")).toBe(0);
    await reader.cancel();
  });

  test("has every family of the contract", async () => {
    const families = (await scrape()).flatMap((line) => /^# TYPE understudy_(\w+) /.exec(line)?.[1] ?? []);
    expect(families).toEqual(
      expect.arrayContaining([
        "vms",
        "backup_lag_seconds",
        "backup_lag_instructions",
        "replication_log_bytes_total",
        "output_commit_delay_seconds",
        "failovers_total",
        "failover_gap_seconds",
        "time_unprotected_seconds_total",
        "repair_duration_seconds",
        "divergence_total",
        "console_clients",
        "console_unacked_bytes",
        "console_gap_total",
        "input_ack_seconds",
        "events_lag_seconds",
        "http_request_duration_seconds",
        "idempotent_replays_total",
      ]),
    );
    expect(new Set(families).size).toBe(families.length);
    const readme = await readFile(new URL("../../src/control/README.md", import.meta.url), "utf8");
    const table = /\| family [\s\S]*?\n\n/.exec(readme)?.[0] ?? "";
    const documented = table.split("\n").flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(documented.sort()).toEqual([...families].sort());
  });

  async function scrape(): Promise<string[]> {
    const answer = await fetch(`${control.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(answer.status).toBe(200);
    return (await answer.text()).split("\n");
  }

  /** 0 for a sample that is not there: nothing has been counted yet. */
  function sampleOf(lines: readonly string[], name: string, labels = ""): number {
    const start = `understudy_${name}${labels} `;
    return Number(lines.find((line) => line.startsWith(start))?.slice(start.length) ?? 0);
  }

  test("wants a token, since it names VMs", async () => {
    expect((await fetch(`${control.url}/metrics`)).status).toBe(401);
  });
});
