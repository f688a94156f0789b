/** The VM resource through the real API, on a real Postgres, with scripted workers. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Event } from "../../src/control/schemas/event.ts";
import type { Operation } from "../../src/control/schemas/operation.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { ControlUnderTest, IMPATIENT } from "./support/control-under-test.ts";

let control: ControlUnderTest;

beforeEach(() => start());

async function start(settings: Partial<ControlSettings> = {}): Promise<void> {
  control = await ControlUnderTest.ofTest({ settings });
}

async function startAnew(settings: Partial<ControlSettings>): Promise<void> {
  await control.close();
  await start(settings);
}

describe("create", () => {
  test("answers 201 with the VM in provisioning, its place and its operation", async () => {
    const { status, headers, body } = await control.call<Vm>("POST", "/v1/vms", {
      name: "demo",
      labels: { env: "test" },
      spec: { image: "debian" },
    });
    expect(status).toBe(201);
    expect(headers.get("location")).toBe(`/v1/vms/${body.id}`);
    expect(headers.get("etag")).toBe('"g1"');
    expect(body.status).toMatchObject({ state: "provisioning", term: 1, instant: "0", protection: { state: "inactive" } });
    expect(body.spec).toMatchObject({ machine: { vcpus: 1, memoryMiB: 128 }, cmdline: "console=ttyS0", protection: { mode: "lockstep" } });
    expect(body.spec.image).toMatch(/^debian@sha256:[0-9a-f]{64}$/);
    const { body: operation } = await control.get<{ kind: string; state: string }>(`/v1/operations/${headers.get("operation-id")}`);
    expect(operation).toMatchObject({ kind: "vm.create", state: "running", vmId: body.id });
  });

  test("starts on one worker and is protected on another", async () => {
    await control.join("one");
    await control.join("two");
    const { headers } = await control.call("POST", "/v1/vms", { name: "demo", spec: { image: "debian" } });
    const vm = await control.waitFor("demo", "protected");
    expect(vm.status).toMatchObject({ state: "running", term: 2, protection: { state: "protected", reason: null } });
    expect(vm.status.replicas.map((replica) => [replica.role, replica.state])).toEqual([
      ["primary", "live"],
      ["backup", "live"],
    ]);
    expect(new Set(vm.status.replicas.map((replica) => replica.worker)).size).toBe(2);
    const { body: operation } = await control.get<{ state: string }>(`/v1/operations/${headers.get("operation-id")}`);
    expect(operation.state).toBe("succeeded");
  });

  test("waits for a worker with enough memory, and runs unprotected where there is only one", async () => {
    await control.createVm("demo");
    await control.join("small", { memoryMiB: 100 });
    await control.join("large", { memoryMiB: 300 });
    await control.waitFor("demo", "running");
    const vm = await control.vmThat("demo", ({ status }) => status.protection.reason === "no_capacity");
    expect(vm.status.protection.state).toBe("unprotected");
    await control.join("another");
    await control.waitFor("demo", "protected");
    // Never shown as running and inactive: both changes are one.
    const { body } = await control.get<{ items: Event[] }>("/v1/vms/demo/events?after=0&types=vm.state.changed,vm.protection.changed");
    const ran = body.items.findIndex(({ data }) => data?.["state"] === "running");
    const [running, protection] = body.items.slice(ran);
    expect([protection?.type, protection?.data?.["state"], protection?.time]).toEqual([
      "vm.protection.changed",
      "unprotected",
      running?.time,
    ]);
  });

  test("never promises a worker's memory twice", async () => {
    await control.join("only", { memoryMiB: 300 });
    await Promise.all(["a", "b", "c", "d"].map((name) => control.createVm(name, "none")));
    await Promise.race([
      control.waitFor("a", "running"),
      control.waitFor("b", "running"),
      control.waitFor("c", "running"),
      control.waitFor("d", "running"),
    ]);
    const { body } = await control.get<{ items: Vm[] }>("/v1/vms");
    const placed = () => body.items.filter((vm) => vm.status.state !== "provisioning").length;
    expect(placed()).toBeLessThanOrEqual(2);
    const { body: worker } = await control.get<{ status: { memoryPromisedMiB: number } }>("/v1/workers/only");
    expect(worker.status.memoryPromisedMiB).toBeLessThanOrEqual(300);
  });

  test("does not pair replicas that run different builds", async () => {
    await control.join("one", { buildDigest: "1".repeat(64) });
    await control.createVm("demo");
    await control.waitFor("demo", "running");
    await control.join("two", { buildDigest: "2".repeat(64) });
    const vm = await control.vmThat("demo", ({ status }) => status.protection.reason === "engine_mismatch");
    expect(vm.status.protection.state).toBe("unprotected");
  });

  test("with mode none has no backup, and nobody waits for one", async () => {
    await control.join("one");
    await control.join("two");
    await control.createVm("demo", "none");
    const vm = await control.waitFor("demo", "running");
    expect(vm.status.protection.state).toBe("off");
    const { status, body } = await control.get<{ code: string }>("/v1/vms/demo/wait?for=protected");
    expect([status, body.code]).toEqual([409, "wait_target_unreachable"]);
  });
});

describe("idempotency", () => {
  const body = { spec: { image: "debian" } };

  test("a repeat gets the first answer, and there is one VM", async () => {
    const first = await control.call<Vm>("POST", "/v1/vms", body, { "idempotency-key": '"key-1"' });
    const again = await control.call<Vm>("POST", "/v1/vms", body, { "idempotency-key": "key-1" });
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    const { body: list } = await control.get<{ items: Vm[] }>("/v1/vms");
    expect(list.items).toHaveLength(1);
  });

  test("twenty at once with one key make one VM", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => control.call<Vm & { code?: string }>("POST", "/v1/vms", body, { "idempotency-key": "same" })),
    );
    const made = answers.filter((answer) => answer.status === 201);
    expect(new Set(made.map((answer) => answer.body.id)).size).toBe(1);
    for (const answer of answers.filter((each) => each.status !== 201)) expect(answer.body.code).toBe("idempotency_in_progress");
    const { body: list } = await control.get<{ items: Vm[] }>("/v1/vms");
    expect(list.items).toHaveLength(1);
  });

  test("the same key with another body is refused", async () => {
    await control.call("POST", "/v1/vms", body, { "idempotency-key": "key-1" });
    const { status, body: problem } = await control.call<{ code: string }>(
      "POST",
      "/v1/vms",
      { name: "other", ...body },
      { "idempotency-key": "key-1" },
    );
    expect([status, problem.code]).toEqual([422, "idempotency_key_reused"]);
  });

  test("a refusal is not remembered: the corrected request may use the key", async () => {
    const wrong = await control.call<{ code: string }>("POST", "/v1/vms", { spec: { image: "nothing" } }, { "idempotency-key": "key-1" });
    expect(wrong.body.code).toBe("image_not_found");
    const right = await control.call("POST", "/v1/vms", body, { "idempotency-key": "key-1" });
    expect(right.status).toBe(201);
  });

  test("a key that is no token is refused", async () => {
    const { status, body: problem } = await control.call<{ code: string }>("POST", "/v1/vms", body, { "idempotency-key": '"a b"' });
    expect([status, problem.code]).toEqual([400, "bad_idempotency_key"]);
  });
});

describe("a worker that dies while it starts a guest", () => {
  test("and comes back as another process leaves the VM to be placed again", async () => {
    const first = await control.join("one", { starts: false });
    await control.createVm("demo", "none");
    const { replicaId } = await first.order("createReplica");
    await control.vmThat("demo", ({ status }) => status.state === "starting");
    await control.kill(first);
    const second = await control.join("one");
    expect((await second.order("createReplica")).replicaId).not.toBe(replicaId);
    const vm = await control.waitFor("demo", "running");
    expect(vm.status.term).toBe(1);
    const { body } = await control.get<{ items: { data: { state: string } }[] }>("/v1/vms/demo/events?types=vm.state.changed");
    expect(body.items.map(({ data }) => data.state)).toEqual(["starting", "provisioning", "starting", "running"]);
  });

  test("three times is not given a fourth", async () => {
    await control.createVm("demo", "none");
    for (let life = 1; life <= 3; life++) {
      const worker = await control.join("one", { starts: false });
      await worker.order("createReplica");
      await control.vmThat("demo", ({ status }) => status.state === "starting");
      await control.kill(worker);
    }
    await control.join("one");
    const vm = await control.vmThat("demo", ({ status }) => status.state === "failed");
    expect(vm.status.stateReason).toBe("all_replicas_lost");
  });
});

describe("list", () => {
  test("pages in the order of creation, without holes or repeats", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) await control.createVm(name, "none");
    const seen: (string | null)[] = [];
    let token = "";
    for (let pages = 0; pages < 3; pages++) {
      const { body } = await control.get<{ items: Vm[]; nextPageToken: string | null; resourceVersion: string }>(
        `/v1/vms?pageSize=2${token}`,
      );
      seen.push(...body.items.map((vm) => vm.name));
      expect(body.resourceVersion).toMatch(/^\d+$/);
      if (body.nextPageToken === null) break;
      token = `&pageToken=${body.nextPageToken}`;
    }
    expect(seen).toEqual(["a", "b", "c", "d", "e"]);
  });

  test.each([
    ["createdAt", ["c", null, "a", "b", null]],
    ["createdAt desc", [null, "b", "a", null, "c"]],
    ["name", [null, null, "a", "b", "c"]],
    ["name desc", ["c", "b", "a", null, null]],
  ])("pages in the order %s, those without a name first by name, and takes no token of another order", async (order, expected) => {
    for (const name of ["c", undefined, "a", "b", undefined]) {
      await control.call("POST", "/v1/vms", { ...(name === undefined ? {} : { name }), spec: { image: "debian" } });
    }
    const seen: Vm[] = [];
    let token = "";
    do {
      const { body } = await control.get<{ items: Vm[]; nextPageToken: string | null }>(
        `/v1/vms?pageSize=2&orderBy=${encodeURIComponent(order)}${token}`,
      );
      seen.push(...body.items);
      token = body.nextPageToken === null ? "" : `&pageToken=${body.nextPageToken}`;
      const other = order === "name" ? "createdAt" : "name";
      if (token === "") continue;
      const refused = await control.get<Problem>(`/v1/vms?pageSize=2&orderBy=${other}${token}`);
      expect([refused.status, refused.body.code]).toEqual([400, "bad_page_token"]);
    } while (token !== "");
    expect(seen.map(({ name }) => name)).toEqual(expected);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(5);
  });

  test("filters by state and name", async () => {
    await control.join("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    const running = await control.get<{ items: Vm[] }>("/v1/vms?state=running");
    expect(running.body.items.map((vm) => vm.name)).toEqual(["a"]);
    const stopped = await control.get<{ items: Vm[] }>("/v1/vms?state=stopped");
    expect(stopped.body.items).toEqual([]);
    const named = await control.get<{ items: Vm[] }>("/v1/vms?name=a");
    expect(named.body.items).toHaveLength(1);
  });
});

test("a VM that no worker has room for in time is failed with the reason, and so is its operation; it may be started again", async () => {
  await startAnew({ provisionDeadlineMs: 300 });
  const { id, status } = await control.createVm("demo", "none");
  const { body: operation } = await control.get<Operation>(`/v1/operations/${status.operationId}?wait=60`);
  expect(operation).toMatchObject({ state: "failed", error: { code: "no_capacity", currentState: "failed" } });
  const { body: failed } = await control.get<Vm>(`/v1/vms/${id}`);
  expect(failed.status).toMatchObject({ state: "failed", stateReason: "provision_timeout", replicas: [] });
  await control.join("one");
  expect((await control.call<Operation>("POST", "/v1/vms/demo/start?wait=60")).body.state).toBe("succeeded");
});

test("a VM that is made stopped has no guest until it is started", async () => {
  await control.join("one");
  const machine = { vcpus: 1, memoryMiB: 128, platform: "virt" };
  const spec = { image: "debian", machine, protection: { mode: "none", outputCommit: "strict" }, desiredState: "stopped" };
  const { status, headers, body } = await control.call<Vm>("POST", "/v1/vms", { name: "demo", spec });
  expect([status, body.status.state, body.spec.desiredState, body.spec.protection.outputCommit]).toEqual([
    201,
    "stopped",
    "stopped",
    "strict",
  ]);
  expect(body.spec.machine).toEqual(machine);
  const { body: operation } = await control.get<Operation>(`/v1/operations/${headers.get("operation-id")}`);
  expect(operation).toMatchObject({ kind: "vm.create", state: "succeeded", vmId: body.id });
  expect((await control.get<{ vm: Vm }>("/v1/vms/demo/wait?for=settled&timeout=60")).body.vm.status.replicas).toEqual([]);
  const started = await control.call<Operation>("POST", "/v1/vms/demo/start?wait=60");
  expect(started.body).toMatchObject({ kind: "vm.start", state: "succeeded" });
  expect((await control.get<Vm>("/v1/vms/demo")).body.status).toMatchObject({ state: "running", console: { start: "0" } });
});

test("a creation waits where it is asked to, and answers with the VM as it is then", async () => {
  await control.join("one");
  const body = { name: "demo", spec: { image: "debian", protection: { mode: "none" } } };
  const waited = await control.call<Vm>("POST", "/v1/vms?wait=30", body);
  expect([waited.status, waited.body.status.state, waited.body.status.operationId]).toEqual([201, "running", null]);
});

describe("delete", () => {
  test("of what is not there is done already, where that is allowed; of what was deleted it is the first one's operation", async () => {
    const refused = await control.call<Problem>("DELETE", "/v1/vms/nobody");
    expect([refused.status, refused.body.code]).toEqual([404, "vm_not_found"]);
    const allowed = await control.call<Operation>("DELETE", "/v1/vms/nobody?allowMissing=true");
    expect([allowed.status, allowed.body]).toMatchObject([200, { kind: "vm.delete", state: "succeeded", vmId: null }]);
    expect((await control.get<Operation>(`/v1/operations/${allowed.body.id}`)).body).toEqual(allowed.body);
    const { id } = await control.createVm("demo", "none");
    const first = await control.call<Operation>("DELETE", "/v1/vms/demo?allowMissing=true&wait=30");
    expect(first.status).toBe(202);
    const again = await control.call<Operation>("DELETE", `/v1/vms/${id}?allowMissing=true`);
    expect([again.status, again.body.id]).toEqual([200, first.body.id]);
    // Its name is nobody's now.
    expect((await control.call<Operation>("DELETE", "/v1/vms/demo?allowMissing=true")).body.vmId).toBeNull();
    expect((await control.call<Problem>("DELETE", "/v1/vms/nobody?allowMissing=true&dryRun=true")).body.code).toBe("vm_not_found");
  });

  /** A running VM whose worker is soon believed to be lost. */
  async function onOneWorker() {
    await startAnew(IMPATIENT);
    const one = await control.join("one");
    await control.createVm("demo", "none");
    return { one, vm: await control.waitFor("demo", "running") };
  }

  async function deletedAfterItsWorkerWasKilled() {
    const { one, vm } = await onOneWorker();
    one.kill();
    await control.call("DELETE", "/v1/vms/demo");
    await control.waitFor(vm.id, "deleted");
    return one;
  }

  test("drops the replicas, frees their memory and leaves a tombstone", async () => {
    const one = await control.join("one");
    await control.join("two");
    const { vm } = await control.protectedVm("demo");
    const deleted = await control.call<{ id: string; kind: string }>("DELETE", "/v1/vms/demo");
    expect([deleted.status, deleted.body.kind]).toEqual([202, "vm.delete"]);
    await control.waitFor(vm.id, "deleted");
    expect((await one.order("dropReplica")).replicaId).toMatch(/^rep_/);
    const again = await control.call<{ id: string; state: string }>("DELETE", `/v1/vms/${vm.id}`);
    expect([again.status, again.body.id, again.body.state]).toEqual([200, deleted.body.id, "succeeded"]);
    const gone = await control.get<{ code: string }>(`/v1/vms/${vm.id}`);
    expect([gone.status, gone.body.code]).toEqual([410, "vm_deleted"]);
    const { body: worker } = await control.get<{ status: { memoryPromisedMiB: number } }>("/v1/workers/one");
    expect(worker.status.memoryPromisedMiB).toBe(0);
    await control.createVm("demo");
  });

  test("works where the worker is gone", async () => {
    await deletedAfterItsWorkerWasKilled();
  });

  test("a worker that comes back with a deleted VM's replica is told to drop it", async () => {
    const one = await deletedAfterItsWorkerWasKilled();
    await one.reconnect();
    await one.order("dropReplica");
    await one.until(() => one.reports.size === 0);
  });

  test("a worker that loses its channel while it is told to drop does not hold the deletion up", async () => {
    const { one, vm } = await onOneWorker();
    one.pause();
    await control.call("DELETE", "/v1/vms/demo");
    one.kill();
    await control.waitFor(vm.id, "deleted");
  });

  test("If-Match of another generation is refused", async () => {
    await control.createVm("demo");
    const { status, body } = await control.call<{ code: string }>("DELETE", "/v1/vms/demo", undefined, { "if-match": '"g7"' });
    expect([status, body.code]).toEqual([412, "etag_mismatch"]);
  });

  test("what waits for the VM to run is told at once that it will not", async () => {
    await control.createVm("demo");
    const waiting = control.get<{ code: string }>("/v1/vms/demo/wait?for=running&timeout=30");
    await control.call("DELETE", "/v1/vms/demo");
    const { status, body } = await waiting;
    expect([status, body.code]).toEqual([409, "wait_target_unreachable"]);
  });
});

describe("the guest", () => {
  test("that powers off stops its VM, which keeps its last words", async () => {
    const one = await control.join("one");
    await control.createVm("demo", "none");
    const vm = await control.waitFor("demo", "running");
    one.write(vm.id, "Power down\n");
    const { replicaId } = one.primaryOf(vm.id);
    one.report(replicaId, { state: "stopped", guestHalt: "poweroff", haltReason: "guest_halted" });
    const stopped = await control.waitFor("demo", "stopped");
    expect(stopped.status.stateReason).toBe("guest_poweroff");
    const subscribed = await one.order("consoleSubscribe");
    await control.parts.consoles.open(await row(vm.id));
    one.send({ type: "consoleClosed", subscription: subscribed.subscription, code: "guest_halted" });
    await one.order("dropReplica");
    const socket = await control.attach("demo", { from: "start" });
    await socket.output("Power down\n");
    expect((await socket.until(() => socket.closed)).code).toBe(1000);
  });

  test("that cannot be started fails its VM with the worker's reason", async () => {
    const one = await control.join("one");
    await control.createVm("demo", "none");
    const vm = await control.waitFor("demo", "running");
    one.report(one.primaryOf(vm.id).replicaId, { state: "failed", haltReason: "image_unavailable", message: "Cannot get the image blob" });
    const failed = await control.vmThat("demo", ({ status }) => status.state === "failed");
    expect(failed.status).toMatchObject({ stateReason: "image_unavailable", stateMessage: "Cannot get the image blob" });
  });

  test("whose every replica is lost fails its VM", async () => {
    await startAnew(IMPATIENT);
    const one = await control.join("one");
    await control.createVm("demo", "none");
    await control.waitFor("demo", "running");
    one.kill();
    const failed = await control.vmThat("demo", ({ status }) => status.state === "failed");
    expect(failed.status.stateReason).toBe("all_replicas_lost");
  });
});

async function row(id: string) {
  const { readVmRow } = await import("../../src/control/db/queries/read-vm.ts");
  return readVmRow(control.parts.database.db, id);
}
