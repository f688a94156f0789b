/** VMs with a time to live: the leading control plane deletes what is over as a call would, says why, and keeps what is to be kept. */
import { expect, test } from "vitest";
import type { Event } from "../../src/control/schemas/event.ts";
import type { Operation } from "../../src/control/schemas/operation.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { type Answer, ControlUnderTest } from "./support/control-under-test.ts";
import { makeImageStore } from "./support/image-store.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

async function create(control: ControlUnderTest, name: string, spec: Record<string, unknown>): Promise<Vm> {
  const protection = { mode: "none" };
  const { status, body } = await control.call<Vm>("POST", "/v1/vms", { name, spec: { image: "debian", protection, ...spec } });
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
}

function patch<T = Vm>(control: ControlUnderTest, vm: string, spec: Record<string, unknown>): Promise<Answer<T>> {
  return control.call<T>("PATCH", `/v1/vms/${vm}`, { spec });
}

const HOUR = 3600;

/** As if it had been created two hours ago. */
async function age(control: ControlUnderTest, vm: string): Promise<void> {
  await control.parts.database.query("UPDATE vms SET created_at = created_at - interval '2 hours' WHERE id = $1", [vm]);
}

/** The loop has looked at what is over since this was called: it has begun to delete another one. */
async function looked(control: ControlUnderTest): Promise<void> {
  const { id } = await create(control, `witness-${control.log.length}`, { ttlSeconds: HOUR });
  await age(control, id);
  for (;;) {
    const news = control.parts.feed.next(1000);
    if ((await deletesOf(control, id)).length > 0) return;
    await news;
  }
}

const deletesOf = async (control: ControlUnderTest, vm: string) =>
  (await control.get<{ items: Operation[] }>(`/v1/operations?vm=${vm}&kind=vm.delete`)).body.items;

const expiryAfter = ({ createdAt }: Vm, seconds: number) => new Date(Date.parse(createdAt) + seconds * 1000).toISOString();

test("it runs until its time is over, and is deleted by the system with an operation, and events that say why", async () => {
  const control = await ControlUnderTest.ofTest();
  await control.join("one");
  const vm = await create(control, "short", { ttlSeconds: 1 });
  expect([vm.spec.ttlSeconds, vm.status.expiresAt]).toEqual([1, expiryAfter(vm, 1)]);
  const gone = await control.waitFor(vm.id, "deleted");
  expect([gone.spec.desiredState, gone.status.stateReason]).toEqual(["deleted", "ttl_expired"]);
  const [operation, ...others] = await deletesOf(control, vm.id);
  expect(operation).toMatchObject({ state: "succeeded", vmId: vm.id });
  expect(others).toEqual([]);
  const { body } = await control.get<{ items: Event[] }>(`/v1/vms/${vm.id}/events`);
  const ofIt = body.items.filter(({ operationId }) => operationId === operation?.id);
  expect(ofIt.at(-2)).toMatchObject({ type: "vm.deleted", data: { reason: "ttl_expired" } });
  for (const event of ofIt) expect(event).toMatchObject({ cause: "ttl_expired", actor: { type: "system" }, requestId: null });
  expect(Date.parse(ofIt[0]?.time ?? "")).toBeGreaterThanOrEqual(Date.parse(vm.status.expiresAt ?? ""));
  const again = await control.call<Operation>("DELETE", `/v1/vms/${vm.id}`);
  expect([again.status, again.body.id]).toEqual([200, operation?.id]);
});

test("a change of it counts from the creation, as often as it is made, and null keeps the VM", async () => {
  const control = await ControlUnderTest.ofTest();
  const vm = await create(control, "changed", {});
  expect([vm.spec.ttlSeconds, vm.status.expiresAt]).toEqual([null, null]);
  const given = await patch(control, vm.id, { ttlSeconds: HOUR });
  expect([given.body.status.expiresAt, given.headers.get("etag")]).toEqual([expiryAfter(vm, HOUR), '"g2"']);
  expect((await patch(control, vm.id, { ttlSeconds: HOUR })).body.generation).toBe(2);
  const longer = await patch(control, vm.id, { ttlSeconds: 9 * HOUR });
  await age(control, vm.id);
  await looked(control);
  expect([longer.body.generation, (await control.get<Vm>(`/v1/vms/${vm.id}`)).body.spec.desiredState]).toEqual([3, "running"]);
  expect((await patch(control, vm.id, { ttlSeconds: null })).body.status.expiresAt).toBeNull();
  const { body } = await control.get<{ items: Event[] }>(`/v1/vms/${vm.id}/events?types=vm.spec.changed`);
  expect(body.items.map(({ data }) => (data as { changed: string[] }).changed)).toEqual(Array(3).fill(["/spec/ttlSeconds"]));
  for (const ttlSeconds of [0, 1.5, "60", 315_360_001]) {
    const { status, body: problem } = await patch<Problem>(control, vm.id, { ttlSeconds });
    expect([status, problem.errors?.[0]?.pointer]).toEqual([422, "/spec/ttlSeconds"]);
  }
  // Two hours old by now.
  await patch(control, vm.id, { ttlSeconds: HOUR });
  await control.waitFor(vm.id, "deleted");
});

test("a VM that is protected from deletion is kept, and goes once it no longer is", async () => {
  const control = await ControlUnderTest.ofTest();
  const vm = await create(control, "kept", { ttlSeconds: HOUR, deletionProtection: true });
  expect(vm.status.expiresAt).toBeNull();
  await age(control, vm.id);
  await looked(control);
  expect((await control.get<Vm>(`/v1/vms/${vm.id}`)).body.spec.desiredState).toBe("running");
  expect((await patch(control, vm.id, { deletionProtection: false })).status).toBe(200);
  expect((await control.waitFor(vm.id, "deleted")).status.stateReason).toBe("ttl_expired");
});

test("one that somebody deletes already goes on being deleted by them", async () => {
  const control = await ControlUnderTest.ofTest();
  const one = await control.join("one");
  const vm = await create(control, "going", { ttlSeconds: HOUR });
  await control.waitFor(vm.id, "running");
  one.pause();
  const { body: operation } = await control.call<Operation>("DELETE", `/v1/vms/${vm.id}`);
  await age(control, vm.id);
  await looked(control);
  one.resume();
  expect((await control.waitFor(vm.id, "deleted")).status.stateReason).toBeNull();
  expect((await deletesOf(control, vm.id)).map(({ id }) => id)).toEqual([operation.id]);
  const { body } = await control.get<{ items: Event[] }>(`/v1/vms/${vm.id}/events?types=vm.deleted`);
  expect(body.items).toMatchObject([{ cause: "user_action", operationId: operation.id }]);
});

test("another control plane does it where the one that was there is gone", async () => {
  const shared = { connection: await databaseOfTest(), images: await makeImageStore() };
  const first = await ControlUnderTest.ofTest(shared);
  const vm = await create(first, "left", { ttlSeconds: HOUR });
  await first.close();
  const second = await ControlUnderTest.ofTest(shared);
  await age(second, vm.id);
  expect((await second.waitFor(vm.id, "deleted")).status.stateReason).toBe("ttl_expired");
});
