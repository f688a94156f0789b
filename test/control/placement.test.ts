/** `spec.placement`: where a VM's replicas may be, and how far apart they must be. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeEach(async () => {
  control = await ControlUnderTest.ofTest();
});

type Placement = Partial<{
  workerSelector: string | null;
  zones: readonly string[];
  antiAffinity: { domain?: string; policy?: string };
}>;

const request = (placement: Placement, backups = 1) => ({ name: "web", spec: { image: "debian", protection: { backups }, placement } });
const create = (placement: Placement, backups = 1) => control.call<Vm>("POST", "/v1/vms", request(placement, backups));
const patch = (placement: unknown) => control.call<Vm & Problem>("PATCH", "/v1/vms/web", { spec: { placement } });
const ACROSS_ZONES = { antiAffinity: { domain: "zone" } };

const workersOf = ({ status }: Vm) =>
  status.replicas
    .filter(({ state }) => state !== "lost")
    .map(({ workerName }) => workerName)
    .sort();
const antiAffinity = ({ status }: Vm) => {
  const { status: holds, reason } = status.conditions.find(({ type }) => type === "AntiAffinitySatisfied") ?? {};
  return [holds, reason];
};

describe("a VM's replicas", () => {
  test("wait for workers that have the labels which its selector names", async () => {
    await control.join("one");
    await control.join("two");
    const { status, body } = await create({ workerSelector: "disk=ssd" }, 0);
    expect([status, body.spec.placement]).toEqual([
      201,
      { workerSelector: "disk=ssd", zones: [], antiAffinity: { domain: "worker", policy: "required" } },
    ]);
    const { body: preview } = await control.call<Vm>("POST", "/v1/vms?dryRun=true", {
      ...request({ workerSelector: "disk=ssd" }),
      name: "other",
    });
    expect(preview.status).toMatchObject({ stateReason: "no_capacity", stateMessage: expect.stringMatching(/where it may be/) });
    await control.call("PATCH", "/v1/workers/two", { labels: { disk: "ssd" } });
    expect(workersOf(await control.waitFor("web", "running"))).toEqual(["two"]);
  });

  test("are in different zones of those that are allowed, or wait for such a worker", async () => {
    for (const [name, zone] of [
      ["north-1", "north"],
      ["north-2", "north"],
      ["west", "west"],
      ["nowhere", undefined],
    ] as const)
      await control.join(name, { host: name, ...(zone === undefined ? {} : { zone }) });
    await create({ ...ACROSS_ZONES, zones: ["north", "south"] });
    const alone = await control.vmThat("web", ({ status }) => status.protection.reason === "no_capacity");
    expect([alone.status.state, alone.status.protection.state]).toEqual(["running", "unprotected"]);
    await control.join("south", { zone: "south" });
    const after = await control.waitFor("web", "protected");
    expect(workersOf(after)).toEqual([expect.stringMatching(/^north-/), "south"]);
    expect(antiAffinity(after)).toEqual(["True", "ZonesDiffer"]);
  });

  test("are moved by a drain within the zone that the one which goes has", async () => {
    await control.join("north", { zone: "north" });
    await control.join("south-1", { zone: "south" });
    await create(ACROSS_ZONES);
    const before = await control.waitFor("web", "protected");
    const backup = before.status.replicas.find(({ role }) => role === "backup");
    const zone = backup?.workerName === "north" ? "north" : "south";
    await control.join("spare", { zone });
    await control.call("POST", `/v1/workers/${backup?.workerName}/drain`);
    const placed = await control.workerNamed("spare").order("createReplica");
    expect(placed.vmId).toBe(before.id);
  });

  test("stay where they are when it changes, which a condition tells; those that come are placed by it", async () => {
    await control.join("one", { zone: "north" });
    await control.join("two", { zone: "north" });
    await create({});
    const before = await control.waitFor("web", "protected");
    expect(antiAffinity(before)).toEqual(["True", "WorkersDiffer"]);
    const { body, headers } = await patch(ACROSS_ZONES);
    expect([body.generation, headers.get("etag"), antiAffinity(body)]).toEqual([2, '"g2"', ["False", "ZoneShared"]]);
    expect(body.status.protection.state).toBe("protected");
    expect((await patch(ACROSS_ZONES)).body.generation).toBe(2);
    await control.join("three", { zone: "south" });
    const backup = before.status.replicas.find(({ role }) => role === "backup");
    await control.call("POST", `/v1/vms/web/replicas/${backup?.id}/migrate`);
    const placed = await control.workerNamed("three").order("createReplica");
    expect(placed.vmId).toBe(before.id);
    const back = await patch(null);
    expect(back.body.spec.placement).toEqual({
      workerSelector: null,
      zones: [],
      antiAffinity: { domain: "worker", policy: "required" },
    });
  });
});

test("a VM of an older version has the default, and is changed from there", async () => {
  const { body } = await create({ workerSelector: "disk" });
  await control.parts.database.query("UPDATE vms SET spec = spec - 'placement' WHERE id = $1", [body.id]);
  const found = await control.get<Vm>("/v1/vms/web");
  expect(found.body.spec.placement).toEqual({ workerSelector: null, zones: [], antiAffinity: { domain: "worker", policy: "required" } });
  const changed = await patch({ zones: ["north"] });
  expect(changed.body.spec.placement).toMatchObject({ workerSelector: null, zones: ["north"] });
});

test.each([
  [{ workerSelector: "disk in (ssd)" }, "/spec/placement/workerSelector", "bad_format"],
  [{ antiAffinity: { domain: "worker", policy: "preferred" } }, "/spec/placement/antiAffinity/policy", "contradiction"],
  [{ antiAffinity: { domain: "rack" } }, "/spec/placement/antiAffinity/domain", expect.any(String)],
  [{ zones: [""] }, "/spec/placement/zones/0", expect.any(String)],
  [{ zone: "north" }, "/spec/placement/zone", "unknown_field"],
])("%j is refused", async (placement, pointer, code) => {
  const refused = await control.call<Problem>("POST", "/v1/vms", request(placement as Placement));
  expect(refused.body).toMatchObject({ status: 422, code: "validation_failed", errors: [{ pointer, code }] });
});
