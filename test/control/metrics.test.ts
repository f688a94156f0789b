/** /metrics, read as Prometheus reads it: families, labels, values; and from the replicas that are there. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

  test("wants a token, since it names VMs", async () => {
    expect((await fetch(`${control.url}/metrics`)).status).toBe(401);
  });
});
