/** What an operator may want of a worker: nothing new there, nothing there at all, cut off, labelled, forgotten. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Event } from "../../src/control/schemas/event.ts";
import type { Operation } from "../../src/control/schemas/operation.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Failover, Vm } from "../../src/control/schemas/vm.ts";
import type { Worker } from "../../src/control/schemas/worker.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";
import type { ScriptedWorker } from "./support/scripted-worker.ts";

let control: ControlUnderTest;
beforeEach(async () => {
  control = await ControlUnderTest.ofTest();
});

async function order(worker: string, verb: string, body?: unknown, query = ""): Promise<Operation> {
  const { status, body: operation } = await control.call<Operation>("POST", `/v1/workers/${worker}/${verb}${query}`, body);
  expect([status, operation.kind]).toEqual([202, `worker.${verb}`]);
  return operation;
}

async function workerOf(name: string): Promise<Worker> {
  return (await control.get<Worker>(`/v1/workers/${name}`)).body;
}

async function ended(id: string): Promise<Operation> {
  for (;;) {
    const { body } = await control.get<Operation>(`/v1/operations/${id}?wait=60`);
    if (body.completedAt !== null) return body;
  }
}

/** A worker whose primaries go on alone when their backup is dropped, as real ones do. */
function letGo(primary: ScriptedWorker, vm: Vm, primaryId: string, backup: ScriptedWorker, backupId: string): Promise<unknown> {
  return backup
    .order("dropReplica", (dropped) => dropped.replicaId === backupId)
    .then(() =>
      primary.ask(vm.id, primaryId, { kind: "goSolo", term: primary.primaryOf(vm.id).term, lost: backupId, reason: "backup_failed" }),
    );
}

describe("cordon", () => {
  test("places nothing new on a worker, keeps what it has, and is lifted by uncordon", async () => {
    await control.join("one");
    await control.createVm("before", "none");
    await control.waitFor("before", "running");
    const cordoned = await order("one", "cordon");
    expect(cordoned.state).toBe("succeeded");
    expect(await workerOf("one")).toMatchObject({ spec: { desiredState: "cordoned" }, status: { state: "cordoned", replicas: 1 } });
    await control.createVm("after", "none");
    await control.join("small", { memoryMiB: 100 });
    expect((await control.get<Vm>("/v1/vms/after")).body.status.state).toBe("provisioning");
    await order("one", "uncordon");
    await control.waitFor("after", "running");
    const changes = await control.eventsOf("worker.state.changed");
    expect(
      changes.map(({ data, cause, actor, operationId }) => [data["from"], data["state"], cause, actor.type, operationId !== null]),
    ).toEqual([
      ["ready", "cordoned", "user_action", "user", true],
      ["cordoned", "ready", "user_action", "user", true],
    ]);
  });

  test("outlives the worker's process", async () => {
    const one = await control.join("one");
    await order("one", "cordon");
    await control.kill(one);
    await control.join("one");
    expect((await workerOf("one")).status.state).toBe("cordoned");
  });

  test("with an idempotency key is done once", async () => {
    await control.join("one");
    const key = { "idempotency-key": "cordon-1" };
    const first = await control.call<Operation>("POST", "/v1/workers/one/cordon", undefined, key);
    const again = await control.call<Operation>("POST", "/v1/workers/one/cordon", undefined, key);
    expect([again.body.id, again.headers.get("idempotency-replayed")]).toEqual([first.body.id, "true"]);
  });
});

describe("drain", () => {
  test("of a backup's worker syncs another backup before it drops this one: the VM stays protected", async () => {
    await control.join("one");
    await control.join("two");
    const { vm, primary, backup, primaryId, backupId } = await control.protectedVm("demo");
    await control.join("three");
    const gone = letGo(primary, vm, primaryId, backup, backupId);
    const operation = await order(backup.options.name, "drain");
    expect(operation.state).toBe("running");
    expect((await ended(operation.id)).state).toBe("succeeded");
    await gone;
    const after = await control.vmThat("demo", ({ status }) => status.replicas.length === 2);
    expect(after.status.replicas.map((replica) => replica.workerName).sort()).toEqual([primary.options.name, "three"].sort());
    const protections = await control.get<{ items: Event[] }>("/v1/vms/demo/events?types=vm.protection.changed");
    const since = protections.body.items.findIndex(({ data }) => data["state"] === "protected");
    expect(protections.body.items.slice(since).map(({ data }) => data["state"])).not.toContain("unprotected");
    expect((await workerOf(backup.options.name)).status).toMatchObject({ state: "drained", replicas: 0, operationId: null });
    expect((await control.eventsOf("worker.drain.*")).map(({ type }) => type)).toEqual(["worker.drain.started", "worker.drain.completed"]);
  });

  test("of a primary's worker waits until another backup is synced, and then hands over: the VM stays protected", async () => {
    await control.join("one");
    await control.join("two");
    const { vm, primary, backup, primaryId } = await control.protectedVm("demo");
    const operation = await order(primary.options.name, "drain");
    expect((await workerOf(primary.options.name)).status).toMatchObject({ state: "draining", operationId: operation.id });
    const again = await order(primary.options.name, "drain");
    expect(again.id).toBe(operation.id);
    expect((await control.get<Vm>("/v1/vms/demo")).body.status).toMatchObject({ term: vm.status.term, protection: { state: "protected" } });
    await control.join("three");
    await control.eventThat("vm.failover.completed", ({ cause }) => cause === "draining");
    primary.report(primaryId, { state: "fenced", haltReason: "promotion_lost" });
    expect((await ended(operation.id)).state).toBe("succeeded");
    const after = await control.waitFor("demo", "protected");
    expect(after.status.replicas.map(({ role, workerName }) => `${role} ${workerName}`).sort()).toEqual(
      ["backup three", `primary ${backup.options.name}`].sort(),
    );
    const { body } = await control.get<{ items: Failover[] }>("/v1/vms/demo/failovers");
    expect(body.items[0]).toMatchObject({ mode: "planned", cause: "draining", state: "completed" });
    // The backup on the third worker was synced before, and follows: the VM could have lost its primary at every moment.
    const since = (await control.eventsOf("vm.protection.changed")).map(({ data }) => data["state"]);
    expect(since.slice(since.indexOf("protected"))).toEqual(["protected", "protected", "failing_over", "protected"]);
  });

  test("that is forced hands over although there is no place for the next backup", async () => {
    await control.join("one");
    await control.join("two");
    const { primary, primaryId } = await control.protectedVm("demo");
    const operation = await order(primary.options.name, "drain", { force: true });
    await control.eventThat("vm.failover.completed", ({ cause }) => cause === "draining");
    primary.report(primaryId, { state: "fenced", haltReason: "promotion_lost" });
    expect((await ended(operation.id)).state).toBe("succeeded");
    const after = await control.vmThat("demo", ({ status }) => status.protection.reason === "no_capacity");
    expect(after.status).toMatchObject({ state: "running", protection: { state: "unprotected" } });
  });

  test("of a VM without a backup moves it through one", async () => {
    const one = await control.join("one");
    const { id } = await control.createVm("alone", "none");
    await control.waitFor("alone", "running");
    const two = await control.join("two");
    const operation = await order("one", "drain");
    const { replicaId } = await two.order("createReplica");
    await one.until(() => one.primaryOf(id).synced.includes(replicaId));
    await control.eventThat("vm.failover.completed", () => true);
    one.report(one.primaryOf(id).replicaId, { state: "fenced", haltReason: "promotion_lost" });
    expect((await ended(operation.id)).state).toBe("succeeded");
    const after = await control.vmThat("alone", ({ status }) => status.replicas.length === 1);
    expect(after.status).toMatchObject({
      state: "running",
      protection: { state: "off" },
      replicas: [{ role: "primary", workerName: "two" }],
    });
  });

  test("of a worker that holds nothing is over at once, and uncordon ends one that runs", async () => {
    await control.join("one");
    expect((await order("one", "drain")).state).toBe("succeeded");
    expect((await workerOf("one")).status.state).toBe("drained");
    await order("one", "uncordon");
    await control.createVm("demo", "none");
    await control.waitFor("demo", "running");
    const operation = await order("one", "drain");
    await order("one", "uncordon");
    expect(await ended(operation.id)).toMatchObject({ state: "cancelled", error: { code: "invalid_state" } });
    expect((await workerOf("one")).status).toMatchObject({ state: "ready", operationId: null });
  });
});

describe("fence", () => {
  test("tells a worker to end everything, closes its channel, and lets its backup take over", async () => {
    await control.join("one");
    await control.join("two");
    const { primary, backup, primaryId } = await control.protectedVm("demo");
    await order(primary.options.name, "fence");
    await primary.order("dropReplica", ({ replicaId }) => replicaId === primaryId);
    await primary.closed();
    const after = await control.vmThat("demo", ({ status }) => status.term === 3 && status.state === "running");
    expect(after.status.replicas.filter(({ state }) => state !== "lost").map(({ workerName }) => workerName)).toContain(
      backup.options.name,
    );
    await expect(control.join(primary.options.name)).rejects.toThrow("fenced");
    expect((await workerOf(primary.options.name)).status.state).toBe("fenced");
    const refused = await control.call<Problem>("POST", `/v1/workers/${primary.options.name}/cordon`);
    expect([refused.status, refused.body.code]).toEqual([409, "invalid_state"]);
    await order(primary.options.name, "uncordon");
    await control.join(primary.options.name);
    await control.eventThat("worker.state.changed", ({ data }) => data["name"] === primary.options.name && data["state"] !== "fenced");
    expect((await control.eventsOf("worker.fenced")).map(({ cause, actor }) => [cause, actor.type])).toEqual([["user_action", "user"]]);
  });

  test("is told to every other worker that can be told, once, at each control plane and also to one that joins later, and again the next time", async () => {
    const other = await ControlUnderTest.ofTest({ connection: control.connection, images: control.images });
    const one = await control.join("one", { cutsOff: true });
    const two = await control.join("two", { cutsOff: true });
    const far = await other.join("far", { cutsOff: true });
    const old = await control.join("old");
    const told = (worker: ScriptedWorker) => worker.orders.filter((each) => each.type === "cutOff");
    const untilTold = (worker: ScriptedWorker, times: number) => worker.until(() => told(worker).length === times);
    await order("one", "fence");
    await one.closed();
    for (const worker of [two, far]) expect(await worker.order("cutOff")).toMatchObject({ workerId: one.workerId });
    const late = await control.join("late", { cutsOff: true });
    expect(await late.order("cutOff")).toMatchObject({ workerId: one.workerId });

    await order("one", "uncordon");
    const again = await control.join("one", { cutsOff: true });
    await control.eventThat("worker.state.changed", ({ data }) => data["name"] === "one" && data["from"] === "fenced");
    await order("one", "fence");
    await again.closed();
    for (const worker of [two, far]) await untilTold(worker, 2);
    expect((await control.call("DELETE", "/v1/workers/one")).status).toBe(200);
    for (const worker of [two, far]) await untilTold(worker, 3);
    expect([told(one), told(again), told(old)]).toEqual([[], [], []]);
  });

  test("leaves the arbiter deaf to its replicas, also where a channel is still there", async () => {
    await control.join("one");
    await control.join("two");
    const { vm, primary, primaryId, backupId } = await control.protectedVm("demo");
    await control.parts.reconciler.stop();
    const want = (state: string) =>
      control.parts.database.query("UPDATE workers SET desired_state = $1 WHERE id = $2", [state, primary.workerId]);
    const alone = () =>
      primary.ask(vm.id, primaryId, { kind: "goSolo", term: String(vm.status.term), lost: backupId, reason: "connection_lost" });
    await want("fenced");
    expect(await alone()).toMatchObject({ outcome: "refused", term: String(vm.status.term) });
    await want("ready");
    expect(await alone()).toMatchObject({ outcome: "granted" });
  });

  test("of a worker that cannot be heard fails what ran there alone, at once", async () => {
    const one = await control.join("one");
    await control.createVm("demo", "none");
    await control.waitFor("demo", "running");
    await control.kill(one);
    await order("one", "fence");
    const failed = await control.vmThat("demo", ({ status }) => status.state === "failed");
    expect(failed.status.stateReason).toBe("all_replicas_lost");
    while ((await workerOf("one")).status.replicas > 0) await control.parts.feed.next(50);
    const forgotten = await control.call<Worker>("DELETE", "/v1/workers/one");
    expect([forgotten.status, forgotten.body.name]).toEqual([200, "one"]);
    expect((await control.get<Problem>("/v1/workers/one")).body.code).toBe("worker_not_found");
    await expect(control.join("one")).resolves.toBeDefined();
  });
});

describe("a worker", () => {
  const conditionsOf = async (name: string) =>
    (await workerOf(name)).status.conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

  test("says by conditions whether it is heard, takes replicas, and has the arbiter's answers; since when it is so", async () => {
    const one = await control.join("one");
    await control.join("two");
    const { vm, primary, primaryId } = await control.protectedVm("demo");
    expect(await conditionsOf("one")).toEqual([
      "Ready=True Ready",
      "Schedulable=True TakesReplicas",
      "ArbiterReachable=True ArbiterAnswers",
    ]);
    const host = primary === one ? "one" : "two";
    primary.report(primaryId, { arbiterUnavailable: true });
    await control.vmThat(vm.id, ({ status }) =>
      status.conditions.some((each) => each.type === "ArbiterReachable" && each.status === "False"),
    );
    expect((await conditionsOf(host)).at(-1)).toBe("ArbiterReachable=False ArbiterUnavailable");
    const since = (await workerOf("one")).status.conditions[0]?.lastTransitionTime;
    await control.call("PATCH", "/v1/workers/one", { labels: { disk: "ssd" } });
    expect((await workerOf("one")).status.conditions[0]?.lastTransitionTime).toBe(since);
    await order("one", "cordon");
    expect((await conditionsOf("one")).slice(0, 2)).toEqual(["Ready=True Cordoned", "Schedulable=False Cordoned"]);
    expect((await workerOf("one")).status.conditions[0]?.lastTransitionTime).not.toBe(since);
    await order("one", "fence");
    expect(await conditionsOf("one")).toEqual(["Ready=False Fenced", "Schedulable=False Fenced", "ArbiterReachable=Unknown NotHeard"]);
  });

  test("is on one page of their list, by name", async () => {
    for (const name of ["c", "a", "d", "b", "e"]) await control.join(name);
    const seen: string[] = [];
    let token = "";
    do {
      const { body } = await control.get<{ items: Worker[]; nextPageToken: string | null }>(`/v1/workers?pageSize=2${token}`);
      expect(body.items.length).toBeLessThanOrEqual(2);
      seen.push(...body.items.map(({ name }) => name));
      token = body.nextPageToken === null ? "" : `&pageToken=${body.nextPageToken}`;
    } while (token !== "");
    expect(seen).toEqual(["a", "b", "c", "d", "e"]);
    const refused = await control.get<Problem>("/v1/workers?pageToken=elsewhere");
    expect([refused.status, refused.body.code]).toEqual([400, "bad_page_token"]);
  });

  test("has labels, which a merge patch changes", async () => {
    await control.join("one");
    const path = "/v1/workers/one";
    await control.call("PATCH", path, { labels: { disk: "ssd", rack: "a" } });
    expect((await control.call<Worker>("PATCH", path, { labels: { rack: null } })).body.labels).toEqual({ disk: "ssd" });
    expect((await control.call<Worker>("PATCH", path, {})).body.labels).toEqual({ disk: "ssd" });
    const refused = await control.call<Problem>("PATCH", path, { labels: { "a b": "c" } });
    expect([refused.status, refused.body.code]).toEqual([422, "validation_failed"]);
  });

  test("is not forgotten while it holds something, or would join again", async () => {
    await control.join("one");
    await control.createVm("demo", "none");
    await control.waitFor("demo", "running");
    const holding = await control.call<Problem>("DELETE", "/v1/workers/one");
    expect([holding.status, holding.body.code]).toEqual([409, "worker_not_drained"]);
    await control.join("idle");
    const connected = await control.call<Problem>("DELETE", "/v1/workers/idle");
    expect([connected.status, connected.body.code]).toEqual([409, "invalid_state"]);
  });

  test.each(["cordon", "uncordon", "drain", "fence"])("that is not there is not told to %s", async (verb) => {
    const { status, body } = await control.call<Problem>("POST", `/v1/workers/nobody/${verb}`);
    expect([status, body.code]).toEqual([404, "worker_not_found"]);
  });
});
