/** A call's request id and trace, from the caller to the log and the spans of the worker that its orders reach: a real process of a worker. */
import { beforeAll, expect, test } from "vitest";
import { openTracer } from "../../src/tracing/otlp-tracer.ts";
import { readTracingSettings } from "../../src/tracing/settings.ts";
import type { Tracer } from "../../src/tracing/tracer.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { type LogLine, WorkerProcess } from "../worker/worker-process.ts";
import { ControlUnderTest, JOIN_TOKEN } from "./support/control-under-test.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

let control: ControlUnderTest;
let worker: WorkerProcess;
let receiver: OtlpReceiver;
let tracer: Tracer;
beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: "20" };
  Object.assign(process.env, variables);
  tracer = await openTracer(readTracingSettings(variables), { name: "control", version: "0" }, { info: () => {}, warn: () => {} });
  control = await ControlUnderTest.start({ tracer });
  const url = `${control.internalUrl.replace("http", "ws")}/internal/v1/workers`;
  worker = WorkerProcess.start("real", { url }, { UNDERSTUDY_JOIN_TOKEN: JOIN_TOKEN, ...variables });
  await worker.says(/joined the control plane/);
  return async () => {
    worker.signal("SIGKILL");
    await worker.exited;
    await control.close();
    await tracer.close();
    await receiver.close();
  };
});

/** Asks for a VM. @returns its id, and what the worker's log and ours say of the order that followed, and the answer's request id */
async function create(name: string, headers: Record<string, string>) {
  const { body, headers: answered } = await control.call<{ id: string }>(
    "POST",
    "/v1/vms",
    { name, spec: { image: "debian", protection: { mode: "none" } } },
    headers,
  );
  const order = await said(({ msg, vmId }) => msg === "order of a call: createReplica" && vmId === body.id);
  const placed = control.log.find(({ msg, vmId }) => msg === "placing a primary" && vmId === body.id);
  const call = control.log.find(
    ({ msg, resource, requestId }) => msg === "call answered" && resource === "/v1/vms" && requestId === order.requestId,
  );
  return { vmId: body.id, order, placed, call, answered: answered.get("request-id") };
}

async function said(test: (line: LogLine) => boolean): Promise<LogLine> {
  for (;;) {
    const found = worker.log.find(test);
    if (found !== undefined) return found;
    await control.parts.feed.next(20);
  }
}

test("a call is found in the worker's log by its request id and its trace, with VM and worker", async () => {
  const { vmId, order, placed, call, answered } = await create("a", {
    "request-id": "of-the-caller.1",
    traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
  });
  expect(answered).toBe("of-the-caller.1");
  const [row] = (await control.get<{ items: { id: string }[] }>("/v1/workers")).body.items;
  expect(order).toMatchObject({ requestId: "of-the-caller.1", trace_id: TRACE, vmId, workerId: row?.id, worker: "real" });
  expect(placed).toMatchObject({ requestId: "of-the-caller.1", trace_id: TRACE });
  expect(call).toMatchObject({ trace_id: TRACE, operation: "createVm", status: 201 });
  // The tests' image store has no real kernel in it: the order fails, and its span says why.
  const handled = await receiver.span("worker createReplica");
  const ordered = await receiver.span("order createReplica", ({ spanId }) => spanId === handled.parentSpanId);
  expect(handled).toMatchObject({
    traceId: TRACE,
    kind: "consumer",
    failed: true,
    attributes: { "understudy.vm.id": vmId, "understudy.request.id": "of-the-caller.1", "error.type": "unsupported_kernel" },
    resource: { "service.name": "understudy-worker", "understudy.worker.name": "real", "process.pid": worker.child.pid },
  });
  expect(order["span_id"]).toBe(handled.spanId);
  const server = await receiver.span("POST /v1/vms", ({ traceId }) => traceId === TRACE);
  expect([ordered.parentSpanId, server.parentSpanId]).toEqual([server.spanId, "00f067aa0ba902b7"]);
});

test("a deletion is found there by its own", async () => {
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
  // The replica has no kernel: where that is noticed before the deletion is asked for, it is dropped without it. Then once more.
  for (let n = 1; ; n++) {
    const requestId = `of-the-delete.${n}`;
    const name = `deleted-${n}`;
    const spec = { image: "debian", protection: { mode: "none" } };
    const { body } = await control.call<{ id: string }>("POST", "/v1/vms", { name, spec }, { traceparent });
    await control.call("DELETE", `/v1/vms/${body.id}?wait=30`, undefined, { "request-id": requestId });
    const dropped = worker.log.find((line) => line.requestId === requestId);
    if (dropped === undefined) continue;
    expect(dropped).toMatchObject({ vmId: body.id, order: "dropReplica", trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(dropped["trace_id"]).not.toBe(TRACE);
    return;
  }
});

test("malformed ones are replaced: nothing that a caller made up gets into a log", async () => {
  const { order, answered } = await create("b", {
    "request-id": 'x" , "level":60',
    traceparent: `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
  });
  expect(answered).toMatch(/^req_[0-9A-Z]{26}$/);
  expect(order).toMatchObject({ requestId: answered, trace_id: expect.stringMatching(/^(?!0{32})[0-9a-f]{32}$/) });
});
