/** Traces of a control plane, as a receiver of OTLP gets them: one for what a call set going, to its end; one for each failover. */
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_SERVER_ADDRESS,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from "@opentelemetry/semantic-conventions";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { openTracer } from "../../src/tracing/otlp-tracer.ts";
import { readTracingSettings } from "../../src/tracing/settings.ts";
import type { Tracer } from "../../src/tracing/tracer.ts";
import { OtlpReceiver, type ReceivedSpan } from "../support/otlp-receiver.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";

let receiver: OtlpReceiver;
let tracer: Tracer;
let control: ControlUnderTest;

beforeAll(() => {
  process.env["OTEL_BSP_SCHEDULE_DELAY"] = "20";
});
beforeEach(async () => {
  receiver = await OtlpReceiver.start();
  onTestFinished(() => receiver.close());
  const log = { info: () => {}, warn: () => {} };
  const settings = readTracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  tracer = await openTracer(settings, { name: "understudy-control-plane", version: "0" }, log);
  onTestFinished(() => tracer.close());
  control = await ControlUnderTest.ofTest({ tracer });
});

const NEW_VM = { name: "traced", spec: { image: "debian" } };
const traced = (flags: "00" | "01") => ({ traceparent: `00-${TRACE}-${CALLER}-${flags}`, "request-id": "of-the-caller" });
const byName = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] => spans.filter((span) => span.name === name);

test("a VM's creation, placement, orders and first backup are one trace, under the caller's span, up to its protection", async () => {
  const workers = [await control.join("one"), await control.join("two")];
  const { body: vm } = await control.call<Vm>("POST", "/v1/vms", NEW_VM, traced("01"));
  await control.waitFor(vm.id, "protected");
  await receiver.span("repair");
  await receiver.span("operation vm.create");
  const spans = receiver.spans.filter(({ traceId }) => traceId === TRACE);

  const [server] = byName(spans, "POST /v1/vms") as [ReceivedSpan];
  expect(server).toMatchObject({ parentSpanId: CALLER, kind: "server", failed: false });
  expect(server.attributes).toMatchObject({
    [ATTR_HTTP_REQUEST_METHOD]: "POST",
    [ATTR_HTTP_ROUTE]: "/v1/vms",
    [ATTR_HTTP_RESPONSE_STATUS_CODE]: 201,
    [ATTR_URL_PATH]: "/v1/vms",
    [ATTR_URL_SCHEME]: "http",
    [ATTR_SERVER_ADDRESS]: "127.0.0.1",
    [ATTR_CLIENT_ADDRESS]: "127.0.0.1",
    "understudy.operation": "createVm",
    "understudy.request.id": "of-the-caller",
    "understudy.vm.id": vm.id,
  });
  const children = spans.filter(({ parentSpanId }) => parentSpanId === server.spanId);
  expect(children.map(({ name, kind }) => `${kind} ${name}`).sort()).toEqual([
    "client transaction",
    "internal operation vm.create",
    "internal place backup",
    "internal place primary",
    "internal repair",
    "producer order createReplica",
    "producer order createReplica",
    "producer order pair",
  ]);
  expect(spans).toHaveLength(children.length + 1);
  expect(children.every(({ attributes }) => attributes["understudy.vm.id"] === vm.id)).toBe(true);
  expect(byName(spans, "repair")[0]?.attributes["understudy.protection.state"]).toBe("protected");
  expect(byName(spans, "operation vm.create")[0]?.attributes["understudy.operation.state"]).toBe("succeeded");
  // Each order says to its worker which span it came in.
  const orders = spans.filter(({ kind }) => kind === "producer").map(({ spanId }) => `00-${TRACE}-${spanId}-01`);
  const told = workers.flatMap((worker) => worker.orders.flatMap(({ origin }) => (origin === undefined ? [] : [origin])));
  expect(told.map(({ traceparent }) => traceparent).sort()).toEqual([...orders].sort());
  expect(new Set(told.map(({ requestId }) => requestId))).toEqual(new Set(["of-the-caller"]));
  // The log's line of the call is found by the same.
  const line = control.log.find(({ msg, requestId }) => msg === "call answered" && requestId === "of-the-caller");
  expect(line).toMatchObject({ trace_id: TRACE, span_id: server.spanId });
});

test("a call that its caller does not sample leaves no span, and its orders say so", async () => {
  const one = await control.join("one");
  const { body: vm } = await control.call<Vm>("POST", "/v1/vms", NEW_VM, traced("00"));
  await control.waitFor(vm.id, "running");
  await control.get("/v1/version");
  await receiver.span("GET /v1/version");
  expect(receiver.spans.filter(({ traceId }) => traceId === TRACE)).toEqual([]);
  const order = await one.order("createReplica");
  expect(order.origin?.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
});

test("a refusal is no error of the server's, and says its code; nothing of the query is told", async () => {
  await control.get("/v1/vms/none?token=secret");
  await control.get("/v1/vms/none");
  const span = await receiver.span("GET /v1/vms/{vm}", ({ attributes }) => attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] === 404);
  expect(span).toMatchObject({ parentSpanId: null, failed: false });
  expect(span.attributes).toMatchObject({ "understudy.problem.code": "vm_not_found", "understudy.vm.name": "none" });
  expect(span.attributes[ATTR_ERROR_TYPE]).toBeUndefined();
  expect(JSON.stringify(receiver.spans)).not.toContain("secret");
});

test("a failover is a trace of its own with its phases as recorded, linked to what the VM was made for, and to what asked for it; the new backup belongs to it", async () => {
  await control.join("one");
  await control.join("two");
  await control.join("three");
  const { vm, primary, backup, backupId } = await control.protectedVm("traced");
  const { traceId: ofCreation } = await receiver.span("POST /v1/vms");
  await control.kill(primary);
  await backup.promote(backupId);
  const root = await receiver.span("failover");
  expect(root).toMatchObject({ parentSpanId: null, failed: false, links: [{ traceId: ofCreation }] });
  expect(root.attributes).toMatchObject({
    "understudy.vm.id": vm.id,
    "understudy.failover.mode": "unplanned",
    "understudy.failover.cause": "worker_lost",
    "understudy.failover.gap_ms": 6,
    "understudy.failover.to_replica": backupId,
  });
  const phases = await Promise.all(["detect", "arbitrate", "promote"].map((phase) => receiver.span(`failover ${phase}`)));
  // What the scripted worker says it measured, end to end.
  expect(phases.map(({ startMs, endMs }) => Math.round(endMs - startMs))).toEqual([3, 2, 1]);
  expect(phases.map(({ parentSpanId }) => parentSpanId)).toEqual([root.spanId, root.spanId, root.spanId]);
  expect(phases.flatMap(({ startMs, endMs }) => [startMs, endMs])).toEqual([
    root.startMs,
    phases[0]?.endMs,
    phases[0]?.endMs,
    phases[1]?.endMs,
    phases[1]?.endMs,
    root.endMs,
  ]);
  // Its guest writes later.
  const { promotion } = backup.reports.get(backupId) ?? {};
  backup.report(backupId, { promotion: promotion == null ? null : { ...promotion, firstOutputMs: 40 } });
  const first = await receiver.span("failover first_output");
  expect([first.parentSpanId, first.startMs, Math.round(first.endMs - first.startMs)]).toEqual([root.spanId, root.endMs, 40]);

  await control.waitFor(vm.id, "protected");
  const repair = await receiver.span("repair", ({ traceId }) => traceId === root.traceId);
  expect(repair.parentSpanId).toBe(root.spanId);
  const order = await receiver.span("order createReplica", ({ traceId }) => traceId === root.traceId);
  const told = control.workers.flatMap(({ orders }) => orders).find(({ traceparent }) => traceparent?.includes(root.traceId));
  expect(told).toMatchObject({ type: "createReplica", traceparent: expect.stringContaining(order.traceId) });
  expect(told?.origin).toBeUndefined();

  const asked = await control.call("POST", `/v1/vms/${vm.id}/failover?wait=60`, { mode: "planned" }, traced("01"));
  expect(asked.body).toMatchObject({ state: "succeeded" });
  const planned = await receiver.span("failover", ({ attributes }) => attributes["understudy.failover.mode"] === "planned");
  expect(planned.links.map(({ traceId }) => traceId)).toContain(TRACE);
  expect((await receiver.span("operation vm.failover")).traceId).toBe(TRACE);
});

/** As a primary that lost its backup. */
async function goesAlone({ vm, primary, primaryId, backupId }: Awaited<ReturnType<ControlUnderTest["protectedVm"]>>): Promise<void> {
  const { term } = primary.primaryOf(vm.id);
  const answer = await primary.ask(vm.id, primaryId, { kind: "goSolo", term, lost: backupId, reason: "connection_lost" });
  expect(answer.outcome).toBe("granted");
  primary.report(primaryId, { synced: primary.primaryOf(vm.id).synced.filter((id) => id !== backupId), term: answer.term });
}

/** Every span of the trace but these has one of its parents in it, so that the trace is whole. */
const rootsOf = (spans: readonly ReceivedSpan[]): readonly string[] =>
  spans.filter(({ parentSpanId }) => !spans.some(({ spanId }) => spanId === parentSpanId)).map(({ name }) => name);

test("the loss of a backup is a trace of its own with its cause, linked to what the VM was made for, up to the VM's being protected again", async () => {
  await control.join("one");
  await control.join("two");
  await control.join("three");
  const made = await control.protectedVm("traced");
  const { vm, primaryId, backup, backupId } = made;
  const { traceId: ofCreation } = await receiver.span("POST /v1/vms");
  await control.kill(backup);
  await goesAlone(made);
  await control.vmThat("traced", ({ status }) => status.protection.state === "protected");
  const loss = await receiver.span("backup lost");
  expect(loss).toMatchObject({ parentSpanId: null, failed: false, links: [{ traceId: ofCreation }] });
  expect(loss.attributes).toMatchObject({
    "understudy.vm.id": vm.id,
    "understudy.vm.term": String(vm.status.term + 1),
    "understudy.replica.id": backupId,
    "understudy.loss.cause": "connection_lost",
    "understudy.loss.noticed_by": primaryId,
  });
  const repair = await receiver.span("repair", ({ traceId }) => traceId === loss.traceId);
  expect(repair.attributes["understudy.protection.state"]).toBe("protected");
  const spans = receiver.spans.filter(({ traceId }) => traceId === loss.traceId);
  expect(rootsOf(spans)).toEqual(["backup lost"]);
  const names = new Set(spans.map(({ name }) => name));
  expect(names).toEqual(new Set(["backup lost", "place backup", "order createReplica", "order pair", "repair"]));
  expect(repair.endMs).toBeGreaterThanOrEqual(loss.endMs);
});

test("a loss that the arbiter refuses, or has granted before, leaves no span; one that was ordered belongs to the call", async () => {
  await control.join("one");
  await control.join("two");
  await control.join("three");
  const made = await control.protectedVm("traced");
  const { vm, primary, primaryId, backupId } = made;
  const ofOldTerm = { kind: "goSolo", term: "0", lost: primaryId, reason: "connection_lost" } as const;
  expect(await primary.ask(vm.id, primaryId, ofOldTerm)).toMatchObject({ outcome: "refused" });
  const { term } = primary.primaryOf(vm.id);
  await control.call("POST", `/v1/vms/${vm.id}/replicas/${backupId}/kill`, undefined, traced("01"));
  await goesAlone(made);
  const again = await primary.ask(vm.id, primaryId, { kind: "goSolo", term, lost: backupId, reason: "connection_lost" });
  expect(again.outcome).not.toBe("unavailable");
  const repair = await receiver.span("repair", ({ traceId }) => traceId === TRACE);
  const call = await receiver.span("POST /v1/vms/{vm}/replicas/{replica}/kill");
  expect(repair.parentSpanId).toBe(call.spanId);
  await receiver.span("order dropReplica", ({ parentSpanId }) => parentSpanId === call.spanId);
  expect(byName(receiver.spans, "backup lost")).toEqual([]);
});

test("a drain is one trace with the backup that it places elsewhere before one goes", async () => {
  await control.join("one");
  await control.join("two");
  const made = await control.protectedVm("traced");
  await control.join("three");
  const { vm, primary, primaryId, backup, backupId } = made;
  const asked = await control.call("POST", `/v1/workers/${backup.options.name}/drain`, undefined, traced("01"));
  expect(asked.status).toBe(202);
  await backup.order("dropReplica", ({ replicaId }) => replicaId === backupId);
  await goesAlone(made);
  await receiver.span("operation worker.drain");
  const repair = await receiver.span("repair", ({ traceId }) => traceId === TRACE);
  const call = await receiver.span("POST /v1/workers/{worker}/drain");
  expect(repair.parentSpanId).toBe(call.spanId);
  const spans = receiver.spans.filter(({ traceId }) => traceId === TRACE);
  expect(rootsOf(spans)).toEqual(["POST /v1/workers/{worker}/drain"]);
  expect(new Set(spans.map(({ name }) => name))).toEqual(
    new Set([
      "POST /v1/workers/{worker}/drain",
      "transaction",
      "operation worker.drain",
      "place backup",
      "order createReplica",
      "order pair",
      "order dropReplica",
      "repair",
    ]),
  );
  const told = control.workerNamed("three").orders.filter(({ type }) => type === "createReplica");
  expect(told.map(({ origin }) => origin?.requestId)).toEqual(["of-the-caller"]);
  // Nothing was lost: it was one too many.
  expect(byName(receiver.spans, "backup lost")).toEqual([]);
  expect(primary.primaryOf(vm.id)).toMatchObject({ replicaId: primaryId });
});

test("a drain is one trace with the hand-overs that it makes, and the repairs before them", async () => {
  await control.join("one");
  await control.join("two");
  const { vm, primary, primaryId, backup } = await control.protectedVm("traced");
  const { traceId: ofCreation } = await receiver.span("POST /v1/vms");
  await control.join("three");
  await control.call("POST", `/v1/workers/${primary.options.name}/drain`, undefined, traced("01"));
  await control.eventThat("vm.failover.completed", ({ cause }) => cause === "draining");
  primary.report(primaryId, { state: "fenced", haltReason: "promotion_lost" });
  await control.vmThat(vm.id, ({ status }) => status.protection.state === "protected");
  const call = await receiver.span("POST /v1/workers/{worker}/drain");
  const failover = await receiver.span("failover");
  expect(failover).toMatchObject({ traceId: TRACE, parentSpanId: call.spanId, failed: false });
  expect(failover.links.map(({ traceId }) => traceId)).toEqual([ofCreation]);
  expect(failover.attributes).toMatchObject({ "understudy.failover.mode": "planned", "understudy.failover.cause": "draining" });
  const promote = await backup.order("promote");
  expect(promote.origin?.requestId).toBe("of-the-caller");
  const repair = await receiver.span("repair", ({ traceId }) => traceId === TRACE);
  expect(repair.parentSpanId).toBe(call.spanId);
  // The call is still known to whoever does what it makes happen.
  const placed = await control.workerNamed("three").order("createReplica");
  expect(placed.origin?.requestId).toBe("of-the-caller");
  await receiver.span("operation worker.drain");
  expect(rootsOf(receiver.spans.filter(({ traceId }) => traceId === TRACE))).toEqual(["POST /v1/workers/{worker}/drain"]);
});

test("a hand-over of a drain that fails is a failed part of it, and without a receiver the calls are known all the same", async () => {
  const untraced = await ControlUnderTest.ofTest();
  await untraced.join("one");
  await untraced.join("two");
  const { primary, primaryId } = await untraced.protectedVm("untraced");
  await untraced.join("three");
  await untraced.call("POST", `/v1/workers/${primary.options.name}/drain`, undefined, traced("01"));
  await untraced.eventThat("vm.failover.completed", ({ cause }) => cause === "draining");
  primary.report(primaryId, { state: "fenced", haltReason: "promotion_lost" });
  const placed = await untraced.workerNamed("three").order("createReplica");
  expect(placed.origin).toMatchObject({ requestId: "of-the-caller", traceparent: expect.stringContaining(TRACE) });

  await control.join("one");
  await control.join("two");
  const { primary: drained, backup, backupId } = await control.protectedVm("traced");
  await control.join("three");
  // The one that is to take over ends before it does.
  backup.promotes = false;
  await control.call("POST", `/v1/workers/${drained.options.name}/drain`, undefined, traced("01"));
  await backup.order("promote");
  backup.report(backupId, { state: "failed", haltReason: "engine_stalled" });
  const failed = await receiver.span("failover", ({ failed }) => failed);
  expect(failed).toMatchObject({ traceId: TRACE, parentSpanId: (await receiver.span("POST /v1/workers/{worker}/drain")).spanId });
});

test("a receiver that never answers, or is gone, is felt by no call", async () => {
  receiver.mode = "silent";
  await control.join("one");
  await control.get("/v1/version");
  await receiver.until(({ requests }) => requests.length > 0);
  const vms = await Promise.all(Array.from({ length: 20 }, (_, n) => control.createVm(`vm-${n}`, "none")));
  await Promise.all(vms.map(({ id }) => control.waitFor(id, "running")));
  await receiver.close();
  expect((await control.get("/v1/vms")).status).toBe(200);
  receiver = await OtlpReceiver.start();
});
