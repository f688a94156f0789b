/** Spans over OTLP/HTTP to a real receiver; and what becomes of them, and of everybody else, where it fails. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTracer } from "../../src/tracing/otlp-tracer.ts";
import { NO_TRACING, readTracingSettings } from "../../src/tracing/settings.ts";
import { NO_TRACER, type Tracer } from "../../src/tracing/tracer.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const QUEUE_MAX = 2048;

let receiver: OtlpReceiver;
let tracer: Tracer = NO_TRACER;
let said: { readonly level: string; readonly text: string }[];
let before: NodeJS.ProcessEnv;

beforeEach(async () => {
  receiver = await OtlpReceiver.start();
  said = [];
  before = { ...process.env };
  process.env["OTEL_BSP_SCHEDULE_DELAY"] = "10";
});
afterEach(async () => {
  await tracer.close();
  await receiver.close();
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

async function open(variables: Record<string, string> = {}): Promise<void> {
  const settings = readTracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...variables });
  const log = {
    info: (_fields: object, text: string) => void said.push({ level: "info", text }),
    warn: (_fields: object, text: string) => void said.push({ level: "warn", text }),
  };
  tracer = await openTracer(
    settings,
    { name: "ours", version: "1.2.3", attributes: { "host.name": "here", "cloud.region": undefined } },
    log,
  );
}

const span = (name: string, parent: string | null = null) => tracer.start(name, { parent });

describe("a span", () => {
  test("arrives with all that was said of it, under its parent, from a service that says who it is", async () => {
    await open({ OTEL_EXPORTER_OTLP_HEADERS: "x-key=of-the-tests", OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test" });
    const root = tracer.start("root", {
      kind: "server",
      parent: `00-${TRACE}-${PARENT}-01`,
      links: [`00-${"a".repeat(32)}-${"b".repeat(16)}-01`],
      attributes: { text: "a", number: 2, none: undefined },
      startMs: 1_000_000_000_000.5,
    });
    const child = tracer.start("child", { parent: root.traceparent });
    child.event("something", { of: "note" });
    child.set({ later: true });
    child.end({ error: "went_wrong" });
    root.end({ endMs: 1_000_000_000_250 });
    const [received, ofChild] = [await receiver.span("root"), await receiver.span("child")];
    expect(received).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      kind: "server",
      attributes: { text: "a", number: 2 },
      links: [{ traceId: "a".repeat(32), spanId: "b".repeat(16) }],
      startMs: 1_000_000_000_000.5,
      endMs: 1_000_000_000_250,
      failed: false,
      resource: { "service.name": "ours", "service.version": "1.2.3", "host.name": "here", "deployment.environment.name": "test" },
    });
    expect(root.traceparent).toBe(`00-${TRACE}-${received.spanId}-01`);
    expect(ofChild).toMatchObject({
      traceId: TRACE,
      parentSpanId: received.spanId,
      kind: "internal",
      attributes: { later: true, "error.type": "went_wrong" },
      events: ["something"],
      failed: true,
    });
    expect(ofChild.endMs).toBeGreaterThanOrEqual(ofChild.startMs);
    expect(receiver.requests[0]).toMatchObject({ path: "/v1/traces", headers: { "x-key": "of-the-tests" } });
  });

  test("is not exported where its parent is not sampled, and its children know", async () => {
    await open();
    const unsampled = span("unsampled", `00-${TRACE}-${PARENT}-00`);
    expect(unsampled.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!${PARENT})[0-9a-f]{16}-00$`));
    span("child", unsampled.traceparent).end();
    unsampled.end();
    span("sampled").end();
    await receiver.span("sampled");
    expect(receiver.spans.map(({ name }) => name)).toEqual(["sampled"]);
  });

  test("is not exported where the sampler says so, and the service's name is what the variable says", async () => {
    await open({ OTEL_TRACES_SAMPLER: "parentbased_always_off", OTEL_SERVICE_NAME: "theirs" });
    span("left to us").end();
    span("asked for", `00-${TRACE}-${PARENT}-01`).end();
    expect((await receiver.span("asked for")).resource["service.name"]).toBe("theirs");
    expect(receiver.spans).toHaveLength(1);
  });

  test("costs nothing where no endpoint is configured", async () => {
    tracer = await openTracer(NO_TRACING, { name: "ours", version: "1" }, { info: () => {}, warn: () => {} });
    expect(tracer).toBe(NO_TRACER);
    expect(span("a")).toBe(span("b"));
    expect(span("a").traceparent).toBeNull();
  });
});

describe("a receiver", () => {
  test("that refuses is said once, and once that it takes spans again", async () => {
    await open();
    receiver.mode = "refuses";
    for (let batch = 1; batch <= 3; batch++) {
      span(`lost ${batch}`).end();
      await receiver.until(({ requests }) => requests.length >= batch);
    }
    receiver.mode = "takes";
    span("arrives").end();
    await receiver.span("arrives");
    await expect.poll(() => said.length).toBe(2);
    expect(said).toEqual([
      { level: "warn", text: expect.stringContaining("spans are lost: 127.0.0.1:") },
      { level: "info", text: expect.stringContaining("again") },
    ]);
    expect(receiver.spans.map(({ name }) => name)).toEqual(["arrives"]);
  });

  test("that never answers has so many spans held for it, and no more, and delays the end of the process for a bounded time", async () => {
    await open();
    receiver.mode = "silent";
    span("first").end();
    await receiver.until(({ requests }) => requests.length === 1);
    for (let n = 0; n < 3 * QUEUE_MAX; n++) span(`n ${n}`).end();
    // What is held is flushed; the export that was not answered still is not.
    receiver.mode = "takes";
    await tracer.close();
    expect(receiver.spans.length).toBeGreaterThanOrEqual(QUEUE_MAX / 2);
    expect(receiver.spans.length).toBeLessThanOrEqual(QUEUE_MAX);
  });

  test("gets what is left when the process ends, and what was kept of too many", async () => {
    await open();
    // No turn of the event loop in between: nothing is exported while these end.
    for (let n = 0; n < 3 * QUEUE_MAX; n++) span(`n ${n}`).end();
    await tracer.close();
    expect(receiver.spans.length).toBeGreaterThanOrEqual(QUEUE_MAX);
    expect(receiver.spans.length).toBeLessThan(3 * QUEUE_MAX);
  });

  test("that is not there is said once", async () => {
    // Within this it tries again by itself.
    process.env["OTEL_EXPORTER_OTLP_TIMEOUT"] = "50";
    await open({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" });
    span("one").end();
    await expect.poll(() => said.length).toBe(1);
    span("two").end();
    await tracer.close();
    expect(said).toEqual([{ level: "warn", text: expect.stringContaining("spans are lost: 127.0.0.1:1 ") }]);
  });
});
