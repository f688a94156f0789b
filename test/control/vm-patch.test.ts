/** PATCH of a VM: a merge patch, guarded by the generation of the spec, that changes what may change now and nothing else. */
import { beforeAll, expect, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { type Answer, ControlUnderTest } from "./support/control-under-test.ts";

let control: ControlUnderTest;

beforeAll(async () => {
  control = await ControlUnderTest.start({ raced: true, workers: ["one", "two"] });
  return () => control.close();
});

function patch<T = Vm>(vm: string, body: unknown, headers: Record<string, string> = {}, query = ""): Promise<Answer<T>> {
  return control.call<T>("PATCH", `/v1/vms/${vm}${query}`, body, { "content-type": "application/merge-patch+json", ...headers });
}

interface SpecChanged {
  readonly type: string;
  readonly data: { readonly generation: number; readonly changed: string[] };
}

async function changesOf(vm: string): Promise<SpecChanged["data"][]> {
  const { body } = await control.get<{ items: SpecChanged[] }>(`/v1/vms/${vm}/events?types=vm.spec.changed`);
  return body.items.map((event) => event.data);
}

test("name and labels change without a new generation, null takes away, and each change is one event", async () => {
  const { id } = await control.createVm("before", "none");
  const first = await patch(id, { name: "after", labels: { env: "test", tier: "db" } });
  expect([first.status, first.body.name, first.body.labels]).toEqual([200, "after", { env: "test", tier: "db" }]);
  const second = await patch("after", { name: null, labels: { env: null, zone: "a" } });
  expect([second.body.name, second.body.labels]).toEqual([null, { tier: "db", zone: "a" }]);
  expect([second.body.generation, second.headers.get("etag")]).toEqual([1, '"g1"']);
  expect((await patch(id, { labels: null })).body.labels).toEqual({});
  expect((await patch(id, { labels: {} })).status).toBe(200);
  expect((await changesOf(id)).map(({ changed }) => changed)).toEqual([
    ["/labels/env", "/labels/tier", "/name"],
    ["/labels/env", "/labels/zone", "/name"],
    ["/labels/tier", "/labels/zone"],
  ]);
});

test("If-Match lets one of two writers through, and tells the other", async () => {
  const { id } = await control.createVm("raced", "none");
  const answers = await Promise.all(
    [1, 2].map(() => patch<Vm & Problem>(id, { spec: { protection: { mode: "lockstep" } } }, { "if-match": '"g1"' })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
  const won = answers.find(({ status }) => status === 200);
  const lost = answers.find(({ status }) => status === 412);
  expect([won?.body.generation, won?.headers.get("etag"), lost?.body.code]).toEqual([2, '"g2"', "etag_mismatch"]);
  expect((await patch(id, { labels: { a: "b" } }, { "if-match": '"g1", "g2"' })).status).toBe(200);
  expect((await changesOf(id))[0]).toMatchObject({ generation: 2, changed: ["/spec/protection/backups", "/spec/protection/mode"] });
});

test("a desired state is brought about as by its verb, once, and refused where that is", async () => {
  const { id } = await control.createVm("desired", "none");
  const running = await control.waitFor(id, "running");
  const wanted = async (desiredState: string | null) => (await patch<Vm & Problem>(id, { spec: { desiredState } })).body;
  expect((await wanted("running")).generation).toBe(running.generation);
  const pausing = await wanted("paused");
  expect([pausing.spec.desiredState, pausing.status.state, pausing.generation]).toEqual(["paused", "pausing", running.generation + 1]);
  expect(pausing.status.operationId).toMatch(/^op_/);
  expect((await control.waitFor(id, "paused")).generation).toBe(pausing.generation);
  expect((await wanted("running")).status.state).toBe("resuming");
  await control.waitFor(id, "running");
  const preview = await patch(id, { spec: { desiredState: "stopped" } }, {}, "?dryRun=true");
  expect([preview.body.status.state, preview.body.status.operationId]).toEqual(["stopping", null]);
  expect((await wanted("stopped")).spec.desiredState).toBe("stopped");
  await control.waitFor(id, "stopped");
  const refused = await wanted("paused");
  expect([refused.code, refused.status]).toEqual(["invalid_state", 409]);
  const restarted = (await patch(id, { spec: { desiredState: "running", machine: { memoryMiB: 160 } } })).body;
  expect([restarted.status.state, restarted.spec.machine.memoryMiB]).toEqual(["provisioning", 160]);
  await control.waitFor(id, "running");
  const relaxed = (await patch<Vm & Problem>(id, { spec: { protection: { outputCommit: "relaxed" } } })).body;
  expect([relaxed.code, relaxed.errors?.[0]?.pointer]).toEqual(["validation_failed", "/spec/protection/outputCommit"]);
  expect((await patch(id, { spec: { protection: { outputCommit: "strict" } } })).body.generation).toBe(restarted.generation);
});

test("of mode and number of backups, what a patch names decides; both must agree", async () => {
  const { id } = await control.createVm("counted", "none");
  const wanted = async (protection: unknown) => {
    const { status, body } = await patch(id, { spec: { protection } });
    expect(status, JSON.stringify(body)).toBe(200);
    return body.spec.protection;
  };
  expect(await wanted({ backups: 3 })).toMatchObject({ mode: "lockstep", backups: 3, maxLagMs: 2000 });
  expect(await wanted({ mode: "lockstep" })).toMatchObject({ mode: "lockstep", backups: 3, maxLagMs: 2000 });
  expect(await wanted({ mode: "none" })).toMatchObject({ mode: "none", backups: 0, maxLagMs: 2000 });
  expect(await wanted({ backups: 2 })).toMatchObject({ mode: "lockstep", backups: 2, maxLagMs: 2000 });
  expect(await wanted({ backups: 0 })).toMatchObject({ mode: "none", backups: 0, maxLagMs: 2000 });
  expect(await wanted(null)).toMatchObject({ mode: "lockstep", backups: 1, maxLagMs: 2000 });
});

test("how far a backup may trail is the service's default until it is asked for, and every replica is told of a change", async () => {
  const { vm, primary, primaryId, backup, backupId } = await control.protectedVm("lagging");
  expect(vm.spec.protection.maxLagMs).toBe(2000);
  const asked = await patch(vm.id, { spec: { protection: { maxLagMs: 400 } } });
  expect(asked.body.spec.protection).toMatchObject({ mode: "lockstep", backups: 1, maxLagMs: 400 });
  for (const [worker, id] of [
    [primary, primaryId],
    [backup, backupId],
  ] as const)
    expect(await worker.order("setMaxLag", ({ replicaId }) => replicaId === id)).toMatchObject({ maxLagMs: 400 });
  expect((await patch(vm.id, { spec: { protection: { backups: 0 } } })).body.spec.protection).toMatchObject({
    mode: "none",
    backups: 0,
    maxLagMs: 400,
  });
  expect((await patch(vm.id, { spec: { protection: { maxLagMs: null } } })).body.spec.protection.maxLagMs).toBe(2000);
});

test("how much of the console is kept is what it was before there was a choice, until it is asked for; every replica is told of a change", async () => {
  const { vm, primary, primaryId, backup, backupId } = await control.protectedVm("kept");
  expect(vm.spec.console).toEqual({ headBytes: 0, tailBytes: 262_144 });
  expect(await primary.order("createReplica", ({ replicaId }) => replicaId === primaryId)).toMatchObject({
    spec: { console: { headBytes: 0, tailBytes: 262_144 } },
  });
  expect(await primary.order("pair")).toMatchObject({ backup: { takesHistory: true } });
  const asked = await patch(vm.id, { spec: { console: { headBytes: 65_536 } } });
  expect([asked.body.spec.console, asked.body.generation]).toEqual([{ headBytes: 65_536, tailBytes: 262_144 }, vm.generation + 1]);
  for (const [worker, id] of [
    [primary, primaryId],
    [backup, backupId],
  ] as const)
    expect(await worker.order("setConsoleRetention", ({ replicaId }) => replicaId === id)).toMatchObject({
      headBytes: 65_536,
      tailBytes: 262_144,
    });
  expect((await patch(vm.id, { spec: { console: { tailBytes: 4096 } } })).body.spec.console).toEqual({
    headBytes: 65_536,
    tailBytes: 4096,
  });
  expect((await patch(vm.id, { spec: { console: null } })).body.spec.console).toEqual({ headBytes: 0, tailBytes: 262_144 });
  for (const [wrong, pointer] of [
    [{ headBytes: 1_048_577 }, "/spec/console/headBytes"],
    [{ headBytes: -1 }, "/spec/console/headBytes"],
    [{ tailBytes: 4095 }, "/spec/console/tailBytes"],
    [{ tailBytes: 4_194_305 }, "/spec/console/tailBytes"],
    [{ middleBytes: 1 }, "/spec/console/middleBytes"],
  ] as const) {
    const { status, body } = await patch<Problem>(vm.id, { spec: { console: wrong } });
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, "validation_failed", pointer]);
  }
});

test("a VM whose backup trails says by how much, and that its primary waits", async () => {
  const { vm, primary, primaryId, backup, backupId } = await control.protectedVm("slow");
  const lag = { ms: 0, maxMs: 2000, executionDelay: null, outputCommitDelay: null };
  const condition = ({ status }: Vm) => status.conditions.find(({ type }) => type === "BackupLagging");
  expect(condition(vm)).toMatchObject({ status: "False", reason: "WithinBound" });
  primary.report(primaryId, { lag: { ...lag, ms: 100 } });
  backup.report(backupId, { lag: { ...lag, ms: 650.5 } });
  const late = await control.vmThat(vm.id, ({ status }) => status.protection.lagMs === 750.5);
  expect(condition(late)).toMatchObject({ status: "True", reason: "PrimaryWaits" });
});

test("as many backups are kept as are wanted: more are paired, and what is too many is dropped", async () => {
  await control.join("three");
  const { vm, primary, primaryId, backupId } = await control.protectedVm("grown");
  const { id } = vm;
  await patch(id, { spec: { protection: { backups: 2 } } });
  const grown = await control.vmThat(id, ({ status }) => status.protection.syncedBackups === 2);
  expect(grown.status.protection).toMatchObject({ state: "protected", wantedBackups: 2, since: vm.status.protection.since });
  expect(grown.status.conditions.find(({ type }) => type === "FullyProtected")?.status).toBe("True");
  const live = grown.status.replicas.filter(({ state }) => state === "live");
  expect(live.map(({ role }) => role).sort()).toEqual(["backup", "backup", "primary"]);
  expect(new Set(live.map(({ worker }) => worker)).size).toBe(3);

  await patch(id, { spec: { protection: { backups: 1 } } });
  const surplus = live.find((replica) => replica.role === "backup" && replica.id !== backupId);
  const holder = control.workers.find(({ workerId }) => workerId === surplus?.worker);
  await holder?.order("dropReplica", ({ replicaId }) => replicaId === surplus?.id);
  const lost = surplus?.id as string;
  await primary.ask(id, primaryId, { kind: "goSolo", term: String(grown.status.term), lost, reason: "connection_lost" });
  const shrunk = await control.vmThat(id, ({ status }) => status.replicas.filter(({ state }) => state === "live").length === 2);
  expect(shrunk.status.protection).toMatchObject({ state: "protected", reason: null, syncedBackups: 1, wantedBackups: 1 });
});

test("protection that is asked for later is given, and taken off drops the backup", async () => {
  const { id } = await control.createVm("later", "none");
  await control.waitFor(id, "running");
  await patch(id, { spec: { protection: { mode: "lockstep" } } });
  const { primaryId, backupId, primary, backup } = await alreadyProtected(id);
  const alone = await patch(id, { spec: { protection: { mode: "none" } } });
  expect([alone.body.generation, alone.body.spec.protection.mode]).toEqual([3, "none"]);
  await backup.order("dropReplica", (order) => order.replicaId === backupId);
  const term = (await control.get<Vm>(`/v1/vms/${id}`)).body.status.term;
  await primary.ask(id, primaryId, { kind: "goSolo", term: String(term), lost: backupId, reason: "connection_lost" });
  const vm = await control.vmThat(id, ({ status }) => status.protection.state === "off" && status.replicas.length === 1);
  expect(vm.status).toMatchObject({ state: "running", replicas: [{ id: primaryId, role: "primary", state: "live" }] });
});

test("a VM is not deleted while its deletion protection is on, dry or not, and is once that is off", async () => {
  const spec = { image: "debian", protection: { mode: "none" }, deletionProtection: true };
  const { body: made } = await control.call<Vm>("POST", "/v1/vms", { name: "guarded", spec });
  expect(made.spec.deletionProtection).toBe(true);
  for (const query of ["", "?dryRun=true"])
    expect((await control.call<Problem>("DELETE", `/v1/vms/guarded${query}`)).body).toMatchObject({
      code: "deletion_protected",
      status: 409,
    });
  expect((await control.call("DELETE", "/v1/vms/guarded", undefined, { "if-match": '"g9"' })).status).toBe(412);
  expect((await vmOf("guarded")).spec.desiredState).toBe("running");

  const off = await patch("guarded", { spec: { deletionProtection: false } });
  expect([off.body.spec.deletionProtection, off.headers.get("etag")]).toEqual([false, '"g2"']);
  expect((await patch("guarded", { spec: { deletionProtection: true } })).body.generation).toBe(3);
  expect((await patch("guarded", { spec: { deletionProtection: null } })).body.spec.deletionProtection).toBe(false);
  expect((await changesOf(made.id)).map(({ changed }) => changed)).toEqual(Array(3).fill(["/spec/deletionProtection"]));
  expect((await control.call("DELETE", "/v1/vms/guarded?wait=60")).status).toBe(202);
  await control.waitFor(made.id, "deleted");
});

test("a row of before a field was added has its default, and a patch of something else does not count as a change of it", async () => {
  const { id } = await control.createVm("older", "none");
  await control.parts.database.query("UPDATE vms SET spec = spec - '{restartPolicy,deletionProtection,ttlSeconds}'::text[] WHERE id = $1", [
    id,
  ]);
  expect((await vmOf(id)).spec).toMatchObject({ restartPolicy: "never", deletionProtection: false, ttlSeconds: null });
  expect((await patch(id, { labels: { a: "b" } })).body.generation).toBe(1);
  expect((await changesOf(id))[0]?.changed).toEqual(["/labels/a"]);
});

test("what the guest was started from is refused by name while it runs, and the whole patch with it", async () => {
  const { id } = await control.createVm("fixed", "none");
  await control.waitFor(id, "running");
  const { status, body } = await patch<Problem & { currentState: string }>(id, {
    name: "other",
    spec: { machine: { memoryMiB: 256 }, cmdline: "quiet" },
  });
  expect([status, body.code, body.currentState]).toEqual([409, "invalid_state", "running"]);
  expect(body.errors?.map(({ pointer }) => pointer)).toEqual(["/spec/cmdline", "/spec/machine/memoryMiB"]);
  const { body: vm } = await control.get<Vm>(`/v1/vms/${id}`);
  expect([vm.name, vm.generation, vm.spec.machine.memoryMiB]).toEqual(["fixed", 1, 128]);
});

test("of a stopped VM the image, memory and command line may change, and null brings back the default", async () => {
  const { id } = await control.createVm("stopped", "none");
  await control.waitFor(id, "running");
  const worker = control.workerOf(await vmOf(id));
  worker.report(worker.primaryOf(id).replicaId, { state: "stopped", guestHalt: "poweroff", haltReason: "guest_halted" });
  await control.waitFor(id, "stopped");
  const larger = await patch(id, { spec: { machine: { memoryMiB: 256 }, cmdline: "quiet" } });
  expect(larger.body.spec).toMatchObject({ machine: { vcpus: 1, memoryMiB: 256 }, cmdline: "quiet" });
  const again = await patch(id, { spec: { image: "debian", machine: null, cmdline: null } });
  expect(again.body.spec).toMatchObject({ machine: { vcpus: 1, memoryMiB: 128 }, cmdline: "console=ttyS0" });
  expect(again.body.spec.image).toBe(larger.body.spec.image);
});

test("a dry run answers as if it were done, and changes nothing", async () => {
  const { id } = await control.createVm("dry", "none");
  const { body, headers } = await patch(id, { name: "wet", spec: { protection: { mode: "lockstep" } } }, {}, "?dryRun=true");
  expect([body.name, body.generation, headers.get("etag")]).toEqual(["wet", 2, '"g2"']);
  const { body: vm } = await control.get<Vm>(`/v1/vms/${id}`);
  expect([vm.name, vm.generation]).toEqual(["dry", 1]);
  expect(await changesOf(id)).toEqual([]);
});

test.each([
  ["a name that another VM has", { name: "here" }, 409, "name_taken", null],
  ["a name that is none", { name: "A_B" }, 422, "validation_failed", "/name"],
  ["too little memory", { spec: { machine: { memoryMiB: 8 } } }, 422, "validation_failed", "/spec/machine/memoryMiB"],
  ["more backups than three", { spec: { protection: { backups: 4 } } }, 422, "validation_failed", "/spec/protection/backups"],
  [
    "a mode and a number that contradict each other",
    { spec: { protection: { mode: "none", backups: 1 } } },
    422,
    "validation_failed",
    "/spec/protection/backups",
  ],
  ["a bound of lag too small", { spec: { protection: { maxLagMs: 249 } } }, 422, "validation_failed", "/spec/protection/maxLagMs"],
  ["a deletion protection that is a word", { spec: { deletionProtection: "on" } }, 422, "validation_failed", "/spec/deletionProtection"],
  ["a mode that is none", { spec: { protection: { mode: "twice" } } }, 422, "validation_failed", "/spec/protection/mode"],
  ["a field that is not known", { spec: { colour: "red" } }, 422, "validation_failed", "/spec/colour"],
  ["a field of the status", { status: { state: "running" } }, 422, "validation_failed", "/status"],
  ["an image that is not there", { spec: { image: "plan9" } }, 404, "image_not_found", null],
  ["no image", { spec: { image: null } }, 422, "validation_failed", "/spec/image"],
  ["a list", [], 422, "validation_failed", ""],
])("%s is refused", async (_what, body, status, code, pointer) => {
  if ((await control.get("/v1/vms/here")).status === 404) await control.createVm("here", "none");
  const { id } = await control.createVm(`refused-${Math.random().toString(36).slice(2)}`, "none");
  const answer = await patch<Problem>(id, body);
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  if (pointer !== null) expect(answer.body.errors?.[0]?.pointer).toBe(pointer);
});

test("a VM that is deleted, or is not there, does not change", async () => {
  const { id } = await control.createVm("gone", "none");
  await control.call("DELETE", `/v1/vms/${id}`);
  await control.waitFor(id, "deleted");
  expect((await patch<Problem>(id, { name: "back" })).body.code).toBe("vm_deleted");
  expect((await patch<Problem>("nobody", { name: "back" })).body.code).toBe("vm_not_found");
});

async function vmOf(id: string): Promise<Vm> {
  return (await control.get<Vm>(`/v1/vms/${id}`)).body;
}

async function alreadyProtected(id: string) {
  const vm = await control.waitFor(id, "protected");
  const of = (role: string) => vm.status.replicas.find((replica) => replica.role === role);
  const workerOf = (role: string) => control.workerNamed(of(role)?.workerName ?? "");
  return { primaryId: of("primary")?.id ?? "", backupId: of("backup")?.id ?? "", primary: workerOf("primary"), backup: workerOf("backup") };
}
