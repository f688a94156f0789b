/** Start, stop, kill, pause, resume and reset: through HTTP, with Postgres, on scripted workers. */
import { describe, expect, test } from "vitest";
import type { Operation } from "../../src/control/schemas/operation.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { Worker } from "../../src/control/schemas/worker.ts";
import { ControlUnderTest, IMPATIENT } from "./support/control-under-test.ts";

let control: ControlUnderTest;

async function start(settings = {}): Promise<void> {
  control = await ControlUnderTest.ofTest({ settings });
}

async function startWithWorkers(...workers: string[]): Promise<void> {
  control = await ControlUnderTest.ofTest({ workers });
}

/** The operation of a verb, once it has ended. */
async function ordered(verb: string, body?: unknown, vm = "a"): Promise<Operation> {
  const { body: operation, status } = await control.call<Operation>("POST", `/v1/vms/${vm}/${verb}?wait=60`, body);
  expect(status, JSON.stringify(operation)).toBe(202);
  expect(operation).toMatchObject({ kind: `vm.${verb}`, vmId: expect.stringMatching(/^vm_/) });
  return operation;
}

async function vm(name = "a"): Promise<Vm> {
  return (await control.get<Vm>(`/v1/vms/${name}`)).body;
}

/** Resolves when no worker has memory that is promised to anybody. */
async function nothingHeld(): Promise<void> {
  for (;;) {
    const news = control.parts.feed.next(50);
    const { body } = await control.get<{ items: Worker[] }>("/v1/workers");
    if (body.items.every(({ status }) => status.memoryPromisedMiB === 0 && status.replicas === 0)) return;
    await news;
  }
}

describe("stop", () => {
  test("has the guest power itself off; the VM holds no memory then, and start gives it another guest on the same console", async () => {
    await startWithWorkers("one", "two", "three");
    const before = await control.protectedVm("a");
    before.primary.write(before.vm.id, "first guest");

    expect(await ordered("stop", { graceMs: 60_000 })).toMatchObject({ state: "succeeded", error: null });
    expect(await vm()).toMatchObject({
      generation: before.vm.generation + 1,
      spec: { desiredState: "stopped" },
      status: { state: "stopped", stateReason: "guest_poweroff", operationId: null },
    });
    await nothingHeld();
    expect((await vm()).status.replicas).toEqual([]);
    for (const worker of control.workers) expect(worker.reports.size).toBe(0);

    expect(await ordered("start")).toMatchObject({ state: "succeeded" });
    const after = await control.waitFor("a", "protected");
    expect(after.id).toBe(before.vm.id);
    expect(after.spec.desiredState).toBe("running");
    expect(after.status.term).toBeGreaterThan(before.vm.status.term);
    const ids = before.vm.status.replicas.map(({ id }) => id);
    for (const replica of after.status.replicas) expect(ids).not.toContain(replica.id);
    control.workerOf(after).write(after.id, "second guest");
    const socket = await control.attach("a", { from: "0" });
    await socket.output("first guestsecond guest");
  });

  test("ends a guest that does not power itself off in time", async () => {
    await startWithWorkers("one");
    const { id } = await control.createVm("a", "none");
    await control.waitFor("a", "running");
    control.workerNamed("one").shutsDown = false;
    expect(await ordered("stop", { graceMs: 300 })).toMatchObject({ state: "succeeded" });
    expect((await vm()).status).toMatchObject({ state: "stopped", stateReason: "stop_timeout" });
    const { orders } = control.workerNamed("one");
    const told = orders.filter((order) => order.type === "shutDown" || order.type === "dropReplica").map(({ type }) => type);
    expect(told[0]).toBe("shutDown");
    expect(told.at(-1)).toBe("dropReplica");
    expect(control.log.some((line) => line["vmId"] === id && String(line["msg"]).includes("did not power itself off in time"))).toBe(true);
  });

  test("lets the backup take over while the guest is waited for, and tells it again", async () => {
    await startWithWorkers("one", "two");
    const { primary, backup, backupId } = await control.protectedVm("a");
    primary.shutsDown = false;
    const { body: operation } = await control.call<Operation>("POST", "/v1/vms/a/stop", { graceMs: 600_000 });
    await primary.order("shutDown");
    await control.kill(primary);
    expect(await backup.promote(backupId)).toMatchObject({ outcome: "granted" });
    const { body } = await control.get<Operation>(`/v1/operations/${operation.id}?wait=60`);
    expect(body).toMatchObject({ state: "succeeded" });
    expect(backup.orders.some((order) => order.type === "shutDown" && order.replicaId === backupId)).toBe(true);
    expect((await vm()).status.stateReason).toBe("guest_poweroff");
  });

  test("cancels what brings the VM up", async () => {
    await start();
    const { status } = await control.createVm("a");
    const operation = await ordered("stop");
    expect(operation.state).toBe("succeeded");
    expect((await vm()).status).toMatchObject({ state: "stopped", stateReason: "stop_requested" });
    const { body: create } = await control.get<Operation>(`/v1/operations/${status.operationId}`);
    expect(create).toMatchObject({ kind: "vm.create", state: "cancelled", error: { code: "invalid_state" } });
  });
});

describe("kill", () => {
  test("works where the workers are gone, and cuts a stop short", async () => {
    await start(IMPATIENT);
    await control.join("one");
    await control.join("two");
    const { primary, backup } = await control.protectedVm("a");
    primary.shutsDown = false;
    const { body: stop } = await control.call<Operation>("POST", "/v1/vms/a/stop", { graceMs: 3_600_000 });
    await primary.order("shutDown");
    await control.kill(primary);
    await control.kill(backup);
    expect(await ordered("kill")).toMatchObject({ state: "succeeded" });
    expect((await vm()).status).toMatchObject({ state: "stopped", stateReason: "killed", replicas: [] });
    const { body } = await control.get<Operation>(`/v1/operations/${stop.id}`);
    expect(body.state).toBe("cancelled");
    await nothingHeld();
  });

  test("is the end: no backup may take over any more", async () => {
    await startWithWorkers("one", "two");
    const { primary, backup, backupId } = await control.protectedVm("a");
    primary.pause();
    backup.pause();
    await control.call("POST", "/v1/vms/a/kill");
    const answer = backup.promote(backupId);
    backup.resume();
    expect(await answer).toMatchObject({ outcome: "refused" });
    primary.resume();
    await control.waitFor("a", "stopped");
  });

  test("of a guest whose last words nobody knows leaves room: no offset of the console names two bytes", async () => {
    await start(IMPATIENT);
    await control.join("one");
    const { id } = await control.createVm("a", "none");
    await control.waitFor("a", "running");
    control.workerNamed("one").write(id, "lost with its worker");
    await control.kill(control.workerNamed("one"));
    await ordered("kill");
    await control.join("two");
    await ordered("start");
    const socket = await control.attach("a", { from: "start" });
    control.workerNamed("two").write(id, "hello");
    await socket.output("hello");
    expect(socket.next).toBeGreaterThan(2n ** 32n);
  });
});

describe("pause", () => {
  test("has the guest stand still, protected, and resume has it run", async () => {
    await startWithWorkers("one", "two");
    const { primary, vm: running } = await control.protectedVm("a");
    primary.pauses = false;
    const { body: operation } = await control.call<Operation>("POST", "/v1/vms/a/pause");
    expect(operation.state).toBe("running");
    expect((await vm()).status.state).toBe("pausing");
    const { replicaId } = await primary.order("setPaused", ({ paused }) => paused);
    primary.pauses = true;
    primary.report(replicaId, { paused: true });
    const { body: ended } = await control.get<Operation>(`/v1/operations/${operation.id}?wait=60`);
    expect(ended.state).toBe("succeeded");
    expect(await vm()).toMatchObject({
      spec: { desiredState: "paused" },
      status: { state: "paused", term: running.status.term, protection: { state: "protected" } },
    });
    expect((await ordered("pause")).state).toBe("succeeded");
    expect(await ordered("resume")).toMatchObject({ state: "succeeded" });
    expect((await vm()).status).toMatchObject({ state: "running", protection: { state: "protected" } });
  });

  test("that the primary does not carry out in time is given up: the guest runs on, and the operation has failed", async () => {
    await start({ pauseDeadlineMs: 300 });
    await control.join("one");
    await control.join("two");
    const { primary } = await control.protectedVm("a");
    primary.pauses = false;
    const refused = await ordered("pause");
    expect(refused).toMatchObject({ state: "failed", error: { code: "worker_timeout" } });
    expect(await vm()).toMatchObject({
      spec: { desiredState: "running" },
      status: { state: "running", stateReason: "pause_timeout", operationId: null, protection: { state: "protected" } },
    });
    primary.pauses = true;
    expect((await ordered("pause")).state).toBe("succeeded");
    primary.pauses = false;
    expect(await ordered("resume")).toMatchObject({ state: "failed", error: { code: "worker_timeout" } });
    expect((await vm()).status).toMatchObject({ state: "paused", stateReason: "resume_timeout" });
  });

  test("outlives a failover: whoever becomes primary is told", async () => {
    await startWithWorkers("one", "two", "three");
    const { primary, backup, backupId } = await control.protectedVm("a");
    await ordered("pause");
    await control.kill(primary);
    await backup.promote(backupId);
    await backup.order("setPaused", (order) => order.replicaId === backupId && order.paused);
    const after = await control.vmThat("a", ({ status }) => status.state === "paused" && status.protection.state === "protected");
    expect(after.status.replicas.find(({ role }) => role === "primary")?.id).toBe(backupId);
  });
});

describe("reset", () => {
  test("gives the VM another guest: at once, in a newer term, with the console going on at the next byte", async () => {
    await startWithWorkers("one", "two");
    const { primary, vm: before } = await control.protectedVm("a");
    primary.write(before.id, "before");
    const reader = await control.attach("a", { from: "start" });
    await reader.output("before");
    expect(await ordered("reset")).toMatchObject({ state: "succeeded" });
    const after = await control.waitFor("a", "protected");
    expect(after.spec.desiredState).toBe("running");
    expect(after.generation).toBe(before.generation);
    expect(after.status.term).toBeGreaterThan(before.status.term);
    control.workerOf(after).write(after.id, "after");
    const socket = await control.attach("a", { from: String(reader.next) });
    await socket.output("after");
    expect(socket.text).toBe("after");
  });
});

describe("a verb", () => {
  test("that the state does not allow is refused, with the states that do", async () => {
    await startWithWorkers("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    await ordered("kill");
    for (const [verb, allowedStates] of [
      ["pause", ["running"]],
      ["resume", ["paused"]],
      ["reset", ["starting", "running", "paused", "failed"]],
    ] as const) {
      const { status, body } = await control.call<Problem & { currentState: string; allowedStates: string[] }>("POST", `/v1/vms/a/${verb}`);
      expect([status, body.code, body.currentState, body.allowedStates]).toEqual([409, "invalid_state", "stopped", allowedStates]);
    }
    for (const verb of ["stop", "kill"]) expect((await ordered(verb)).state).toBe("succeeded");
  });

  test("of a failover that runs, deleted VMs and stale ETags", async () => {
    await startWithWorkers("one", "two");
    const { backup } = await control.protectedVm("a");
    backup.pause();
    await control.call("POST", "/v1/vms/a/failover", { mode: "planned" });
    const busy = await control.call<Problem>("POST", "/v1/vms/a/pause");
    expect([busy.status, busy.body.code]).toEqual([409, "operation_in_progress"]);
    const stale = await control.call<Problem>("POST", "/v1/vms/a/kill", undefined, { "if-match": '"g7"' });
    expect([stale.status, stale.body.code]).toEqual([412, "etag_mismatch"]);
    backup.resume();
    const { id } = await vm();
    await control.call("DELETE", "/v1/vms/a?wait=60");
    const deleted = await control.call<Problem>("POST", `/v1/vms/${id}/start`);
    expect([deleted.status, deleted.body.code]).toEqual([410, "vm_deleted"]);
  });

  test("with a key is one order, however often it is sent", async () => {
    await startWithWorkers("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    const send = () => control.call<Operation>("POST", "/v1/vms/a/reset?wait=60", undefined, { "idempotency-key": "again" });
    const first = await send();
    const { term } = (await vm()).status;
    const second = await send();
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.body.id).toBe(first.body.id);
    expect((await vm()).status.term).toBe(term);
  });

  test("is told in events with its operation and its request", async () => {
    await startWithWorkers("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    const { body: operation, headers } = await control.call<Operation>("POST", "/v1/vms/a/kill?wait=60");
    const { body } = await control.get<{ items: { data: { from: string; state: string }; requestId: string | null }[] }>(
      "/v1/vms/a/events?types=vm.state.changed",
    );
    const last = body.items.slice(-2);
    expect(last.map(({ data }) => `${data.from} -> ${data.state}`)).toEqual(["running -> stopping", "stopping -> stopped"]);
    expect(last[0]).toMatchObject({
      requestId: headers.get("request-id"),
      operationId: operation.id,
      actor: { type: "user", id: expect.stringMatching(/^tok_/) },
    });
  });
});

describe("a VM with a restart policy", () => {
  test("is started again where all its replicas were lost, on whoever is there, and its console goes on", async () => {
    await start({ ...IMPATIENT, restartBackoffMs: 1, restartBackoffMaxMs: 2 });
    const one = await control.join("one");
    const spec = { image: "debian", protection: { mode: "none" }, restartPolicy: "on_failure" };
    const { body: made } = await control.call<Vm>("POST", "/v1/vms", { name: "again", spec });
    await control.waitFor("again", "running");
    one.write(made.id, "first guest");
    const socket = await control.attach("again", { from: "start" });
    await socket.output("first guest");
    one.kill();
    const two = await control.join("two");
    await two.order("createReplica", ({ vmId }) => vmId === made.id);
    const after = await control.waitFor("again", "running");
    expect(after.status.restarts).toBe(1);
    expect(BigInt(after.status.console.start)).toBeGreaterThanOrEqual(11n);
    const { body } = await control.get<{ items: { cause: string; data: { state: string; after?: string } }[] }>(
      `/v1/vms/${made.id}/events?types=vm.state.changed&after=0`,
    );
    const states = body.items.map(({ cause, data }) => [data.state, cause]);
    expect(states).toContainEqual(["failed", "all_replicas_lost"]);
    expect(states).toContainEqual(["provisioning", "restart_policy"]);
    // Whoever stops it means it.
    await control.call("POST", "/v1/vms/again/kill?wait=30");
    expect((await control.waitFor("again", "stopped")).status.stateReason).toBe("killed");
  });
});

describe("a VM that is created", () => {
  const created = async (desiredState: string, name = "a"): Promise<{ vm: Vm; operation: Operation }> => {
    const { body, headers, status } = await control.call<Vm>("POST", "/v1/vms", { name, spec: { image: "debian", desiredState } });
    expect(status, JSON.stringify(body)).toBe(201);
    const { body: operation } = await control.get<Operation>(`/v1/operations/${headers.get("operation-id")}?wait=60`);
    return { vm: body, operation };
  };

  test("to be paused does not begin before it is resumed, and is protected by then", async () => {
    await startWithWorkers("one", "two");
    const { vm: made, operation } = await created("paused");
    expect(made).toMatchObject({ generation: 1, spec: { desiredState: "paused" }, status: { state: "provisioning" } });
    expect(operation).toMatchObject({ kind: "vm.create", state: "succeeded", error: null });
    const paused = await control.waitFor("a", "protected");
    expect(paused.status.state).toBe("paused");
    const orders = control.workers.flatMap((worker) => worker.orders).filter((order) => order.type === "createReplica");
    expect(orders.map((order) => [order.role, order.paused])).toEqual([
      ["primary", true],
      ["backup", undefined],
    ]);
    expect(await ordered("resume")).toMatchObject({ state: "succeeded" });
    expect(await vm()).toMatchObject({ spec: { desiredState: "running" }, status: { state: "running" } });
  });

  test("to be paused has nothing to start or resume while it is on its way there", async () => {
    await start();
    const { body: made } = await control.call<Vm>("POST", "/v1/vms", { name: "a", spec: { image: "debian", desiredState: "paused" } });
    expect(made.status.state).toBe("provisioning");
    for (const verb of ["start", "resume", "pause"]) {
      const { body, status } = await control.call<Problem>("POST", `/v1/vms/a/${verb}`);
      expect([status, body.code]).toEqual([409, "invalid_state"]);
    }
    expect(await ordered("stop")).toMatchObject({ state: "succeeded" });
    expect(await vm()).toMatchObject({ spec: { desiredState: "stopped" }, status: { state: "stopped" } });
  });

  test("to be stopped holds nothing until it is started", async () => {
    await startWithWorkers("one", "two");
    const { vm: made, operation } = await created("stopped");
    expect(made).toMatchObject({ spec: { desiredState: "stopped" }, status: { state: "stopped", operationId: null, replicas: [] } });
    expect(operation).toMatchObject({ kind: "vm.create", state: "succeeded" });
    await nothingHeld();
    expect(control.workers.flatMap((worker) => worker.orders).filter((order) => order.type === "createReplica")).toEqual([]);
    expect(await ordered("start")).toMatchObject({ state: "succeeded" });
    expect((await control.waitFor("a", "protected")).status.state).toBe("running");
  });
});
