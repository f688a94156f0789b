/** Operations: listed page by page, waited for, taken back, and kept for 30 days. */
import { beforeEach, describe, expect, test } from "vitest";
import { trimHistory } from "../../src/control/db/queries/trim-history.ts";
import type { Event } from "../../src/control/schemas/event.ts";
import type { Operation } from "../../src/control/schemas/operation.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { Worker } from "../../src/control/schemas/worker.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeEach(async () => {
  control = await ControlUnderTest.ofTest();
});

interface List {
  readonly items: readonly Operation[];
  readonly nextPageToken: string | null;
}

async function list(query = ""): Promise<List> {
  const { body, status } = await control.get<List>(`/v1/operations${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

async function cancel(id: string): Promise<{ status: number; body: Operation & Problem }> {
  return control.call<Operation & Problem>("POST", `/v1/operations/${id}/cancel`);
}

describe("the list", () => {
  test("has every operation once, newest first, page by page, while others are made", async () => {
    const made: string[] = [];
    for (let i = 0; i < 7; i++) made.unshift((await control.createVm(`vm-${i}`)).status.operationId as string);
    const seen: string[] = [];
    let token: string | null = "";
    while (token !== null) {
      const page: List = await list(`?pageSize=3${token === "" ? "" : `&pageToken=${token}`}`);
      seen.push(...page.items.map(({ id }) => id));
      token = page.nextPageToken;
      if (token !== null) await control.createVm(`later-${seen.length}`);
    }
    expect(seen).toEqual(made);
  });

  test("is filtered by state, kind, VM and worker", async () => {
    await control.join("one");
    const a = await control.createVm("a", "none");
    await control.waitFor("a", "running");
    await control.call("POST", "/v1/workers/one/cordon");
    const b = await control.createVm("b");
    const kinds = async (query: string) => (await list(query)).items.map(({ kind, vmId }) => `${kind} ${vmId ?? ""}`.trim());
    expect(await kinds("?state=running")).toEqual([`vm.create ${b.id}`]);
    expect(await kinds("?vm=a")).toEqual([`vm.create ${a.id}`]);
    expect(await kinds("?worker=one")).toEqual(["worker.cordon"]);
    expect(await kinds("?kind=vm.create&state=succeeded")).toEqual([`vm.create ${a.id}`]);
    expect(await kinds("?kind=vm.delete")).toEqual([]);
    const { status, body } = await control.get<Problem>("/v1/operations?vm=nobody");
    expect([status, body.code]).toEqual([404, "vm_not_found"]);
  });

  test("forgets what ended more than 30 days ago, and nothing else", async () => {
    await control.join("one");
    await control.createVm("ended", "none");
    await control.waitFor("ended", "running");
    await control.call("POST", "/v1/workers/one/cordon");
    await control.createVm("running");
    const { database } = control.parts;
    const age = (days: number) =>
      database.query(
        "UPDATE operations SET created_at = now() - make_interval(days => $1), completed_at = completed_at - make_interval(days => $1)",
        [days],
      );
    await age(29);
    await trimHistory(database.db, { eventDays: 30, auditDays: 30 });
    expect((await list()).items).toHaveLength(3);
    await age(2);
    await trimHistory(database.db, { eventDays: 30, auditDays: 30 });
    expect((await list()).items.map(({ kind, state }) => `${kind} ${state}`)).toEqual(["vm.create running"]);
  });
});

describe("cancel", () => {
  test("of a VM that finds no worker stops it, and start has it again", async () => {
    const vm = await control.createVm("a");
    const { status, body } = await cancel(vm.status.operationId as string);
    expect([status, body.state, body.error?.code]).toEqual([202, "cancelled", "invalid_state"]);
    const stopped = await control.waitFor("a", "stopped");
    expect(stopped).toMatchObject({ spec: { desiredState: "stopped" }, status: { stateReason: "cancelled", operationId: null } });
    await control.join("one");
    await control.join("two");
    await control.call("POST", "/v1/vms/a/start");
    await control.waitFor("a", "protected");
  });

  test("of a stop whose guest is waited for leaves the VM running", async () => {
    await control.join("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    control.workerNamed("one").shutsDown = false;
    const { body: stop } = await control.call<Operation>("POST", "/v1/vms/a/stop", { graceMs: 600_000 });
    await control.workerNamed("one").order("shutDown");
    expect((await cancel(stop.id)).body.state).toBe("cancelled");
    expect((await control.waitFor("a", "running")).spec.desiredState).toBe("running");
  });

  test("of a pause has the guest run on", async () => {
    await control.join("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    control.workerNamed("one").pauses = false;
    const { body: pause } = await control.call<Operation>("POST", "/v1/vms/a/pause");
    await control.workerNamed("one").order("setPaused");
    expect((await cancel(pause.id)).body.state).toBe("cancelled");
    expect((await control.waitFor("a", "settled")).status.state).toBe("running");
  });

  test("of a failover that is not decided leaves the primary where it is", async () => {
    await control.join("one");
    await control.join("two");
    const { vm, primaryId, backup } = await control.protectedVm("a");
    backup.pause();
    const { body: failover } = await control.call<Operation>("POST", "/v1/vms/a/failover", { mode: "planned" });
    expect((await cancel(failover.id)).body.state).toBe("cancelled");
    const { body } = await control.get<Vm>("/v1/vms/a");
    expect(body.status).toMatchObject({ term: vm.status.term, operationId: null });
    expect(body.status.replicas.find(({ role }) => role === "primary")?.id).toBe(primaryId);
    const { body: events } = await control.get<{ items: Event[] }>("/v1/events?types=vm.failover.failed");
    expect(events.items).toMatchObject([{ cause: "user_action", operationId: failover.id, data: { mode: "planned", from: primaryId } }]);
    backup.resume();
  });

  test("of a drain leaves the worker cordoned, with what it holds", async () => {
    await control.join("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    const { body: drain } = await control.call<Operation>("POST", "/v1/workers/one/drain");
    expect(drain.state).toBe("running");
    expect((await cancel(drain.id)).body.state).toBe("cancelled");
    const { body } = await control.get<Worker>("/v1/workers/one");
    expect(body).toMatchObject({ spec: { desiredState: "cordoned" }, status: { state: "cordoned", replicas: 1, operationId: null } });
    const { body: events } = await control.get<{ items: { operationId: string }[] }>("/v1/events?types=worker.drain.cancelled");
    expect(events.items.map(({ operationId }) => operationId)).toEqual([drain.id]);
  });

  test("is refused for what has ended, for what cannot be taken back, and for what is not there", async () => {
    await control.join("one");
    const { status } = await control.createVm("a", "none");
    await control.waitFor("a", "running");
    const ended = await cancel(status.operationId as string);
    expect([ended.status, ended.body.code]).toEqual([409, "invalid_state"]);
    control.workerNamed("one").pause();
    const { body: kill } = await control.call<Operation>("POST", "/v1/vms/a/kill");
    const late = await cancel(kill.id);
    expect([late.status, late.body.code]).toEqual([409, "invalid_state"]);
    control.workerNamed("one").resume();
    const nothing = await cancel("op_nothing");
    expect([nothing.status, nothing.body.code]).toEqual([404, "operation_not_found"]);
  });
});

describe("a wait for a VM", () => {
  test("is for rest, for conditions, and refused at once where the target cannot be reached any more", async () => {
    await control.join("one");
    await control.join("two");
    await control.protectedVm("a");
    expect((await control.waitFor("a", "settled")).status.protection.state).toBe("protected");
    await control.waitFor("a", "condition:FullyProtected=True");
    const refused = async (target: string) => {
      const { status, body } = await control.get<Problem>(`/v1/vms/a/wait?for=${target}&timeout=60`);
      return [status, body.code];
    };
    expect(await refused("paused")).toEqual([409, "wait_target_unreachable"]);
    expect(await refused("condition:Rested=True")).toEqual([422, "validation_failed"]);
    expect(await refused("rest")).toEqual([422, "validation_failed"]);
    // One that waits already is told as soon as it is hopeless.
    const waiting = refused("condition:Diverged=True");
    const running = refused("condition:Ready=False");
    await control.call("POST", "/v1/vms/a/pause");
    await running;
    await control.waitFor("a", "paused");
    expect(await refused("running")).toEqual([409, "wait_target_unreachable"]);
    await control.call("DELETE", "/v1/vms/a");
    expect(await waiting).toEqual([409, "wait_target_unreachable"]);
  });
});
