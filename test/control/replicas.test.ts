/** Verbs on one replica, protection that is suspended, and failovers by id and to a certain backup. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Operation } from "../../src/control/schemas/operation.ts";
import type { CreatedToken } from "../../src/control/schemas/token.ts";
import type { Failover, Vm } from "../../src/control/schemas/vm.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";
import type { ScriptedWorker } from "./support/scripted-worker.ts";

let control: ControlUnderTest;
let vm: Vm;
let primary: ScriptedWorker;
let backup: ScriptedWorker;
let primaryId: string;
let backupId: string;

beforeEach(async () => {
  control = await ControlUnderTest.ofTest({ workers: ["one", "two"] });
  ({ vm, primary, backup, primaryId, backupId } = await control.protectedVm("demo"));
});

interface Refusal {
  readonly code: string;
}

const order = (path: string, body?: unknown, wait = 0) =>
  control.call<Operation & Refusal>("POST", `/v1/vms/demo/${path}${wait > 0 ? `?wait=${wait}` : ""}`, body);

const isProtectedBy = (id: string | null) => (found: Vm) =>
  found.status.protection.state === "protected" && found.status.replicas.some((replica) => replica.role === "backup" && replica.id !== id);

/** As real replicas that lost their peer: the primary goes on alone. */
async function goesAlone(lost: string): Promise<void> {
  const report = primary.primaryOf(vm.id);
  const answer = await primary.ask(vm.id, primaryId, { kind: "goSolo", term: report.term, lost, reason: "connection_lost" });
  expect(answer.outcome).toBe("granted");
  primary.report(primaryId, { synced: [], term: answer.term });
}

describe("a backup", () => {
  test("is restarted: dropped, and another one synced in its place, which ends the operation", async () => {
    const { status, body } = await order(`replicas/${backupId}/restart`);
    expect([status, body.kind, body.state]).toEqual([202, "replica.restart", "running"]);
    await backup.order("dropReplica", ({ replicaId }) => replicaId === backupId);
    await goesAlone(backupId);
    const after = await control.vmThat("demo", isProtectedBy(backupId));
    expect(after.status.protection).toMatchObject({ syncedBackups: 1, wantedBackups: 1 });
    const ended = await control.get<Operation>(`/v1/operations/${body.id}?wait=30`);
    expect(ended.body.state).toBe("succeeded");
  });

  test("is migrated make before break, to the worker that was named", async () => {
    const three = await control.join("three");
    await control.join("four");
    const { body } = await order(`replicas/${backupId}/migrate`, { targetWorker: "three" });
    expect(body.kind).toBe("replica.migrate");
    const created = await three.order("createReplica", ({ vmId }) => vmId === vm.id);
    expect(created.role).toBe("backup");
    // Both are synced before the first one is told to go.
    await backup.order("dropReplica", ({ replicaId }) => replicaId === backupId);
    expect(primary.primaryOf(vm.id).synced).toContain(created.replicaId);
    const again = await order(`replicas/${backupId}/migrate`, { targetWorker: "three" });
    // Joined, or too late: it is gone, or told to go while the one that takes its place is there.
    expect([202, 404, 503]).toContain(again.status);
    const report = primary.primaryOf(vm.id);
    const answer = await primary.ask(vm.id, primaryId, { kind: "goSolo", term: report.term, lost: backupId, reason: "connection_lost" });
    primary.report(primaryId, { synced: [created.replicaId], term: answer.term });
    expect((await control.get<Operation>(`/v1/operations/${body.id}?wait=30`)).body.state).toBe("succeeded");
    const after = (await control.get<Vm>("/v1/vms/demo")).body;
    expect(after.status.protection).toMatchObject({ state: "protected", syncedBackups: 1 });
  });

  test("is not migrated where there is no place for it, and the answer says why", async () => {
    const refused = await order(`replicas/${backupId}/migrate`);
    expect([refused.status, refused.body.code]).toEqual([503, "anti_affinity_unsatisfiable"]);
    await control.join("small", { memoryMiB: 64 });
    const named = await order(`replicas/${backupId}/migrate`, { targetWorker: "small" });
    expect([named.status, named.body.code]).toEqual([503, "no_capacity"]);
    await control.join("old", { buildDigest: "c".repeat(64) });
    const mismatch = await order(`replicas/${backupId}/migrate`);
    expect([mismatch.status, mismatch.body.code]).toEqual([503, "engine_mismatch"]);
    const nobody = await order(`replicas/${backupId}/migrate`, { targetWorker: "nobody" });
    expect([nobody.status, nobody.body.code]).toEqual([404, "worker_not_found"]);
    // Nothing was set going.
    expect((await control.get<Vm>("/v1/vms/demo")).body.status.operationId).toBeNull();
  });

  test("that is being migrated stays where the operation is cancelled", async () => {
    primary.pairs = false;
    const three = await control.join("three");
    const { body } = await order(`replicas/${backupId}/migrate`);
    await three.order("createReplica");
    expect((await order("protection/suspend")).body.code).toBe("operation_in_progress");
    const cancelled = await control.call<Operation>("POST", `/v1/operations/${body.id}/cancel`);
    expect(cancelled.body.state).toBe("cancelled");
    await three.order("dropReplica");
    expect(backup.reports.has(backupId)).toBe(true);
  });
});

describe("a primary", () => {
  test("is not restarted, nor sent to a worker", async () => {
    expect((await order(`replicas/${primaryId}/restart`)).body.code).toBe("invalid_state");
    expect((await order(`replicas/${primaryId}/migrate`, { targetWorker: "two" })).body.code).toBe("invalid_state");
    const nobody = await order("replicas/rep_nobody/restart");
    expect([nobody.status, nobody.body.code]).toEqual([404, "replica_not_found"]);
  });

  test("is migrated by a hand-over to its backup", async () => {
    const { body } = await order(`replicas/${primaryId}/migrate`);
    await backup.order("promote", ({ replicaId }) => replicaId === backupId);
    expect((await control.get<Operation>(`/v1/operations/${body.id}?wait=60`)).body.state).toBe("succeeded");
    const after = (await control.get<Vm>("/v1/vms/demo")).body;
    expect(after.status.lastFailover).toMatchObject({
      from: primaryId,
      to: backupId,
      mode: "planned",
      cause: "user_action",
      state: "completed",
    });
  });

  test("is killed as if its process had died, by those who may", async () => {
    const { body: writer } = await control.call<CreatedToken>("POST", "/v1/tokens", { name: "w", scopes: ["vms:write"] });
    const refused = await control.call<Refusal & { scope: string }>("POST", `/v1/vms/demo/replicas/${primaryId}/kill`, undefined, {
      authorization: `Bearer ${writer.secret}`,
    });
    expect([refused.status, refused.body.scope]).toEqual([403, "chaos:write"]);
    const killed = await order(`replicas/${primaryId}/kill`, undefined, 30);
    expect([killed.body.kind, killed.body.state]).toEqual(["replica.kill", "succeeded"]);
    await backup.promote(backupId);
    const after = await control.vmThat("demo", ({ status }) => status.lastFailover?.state === "completed");
    expect(after.status.lastFailover).toMatchObject({ mode: null, to: backupId });
    expect(after.status.state).toBe("running");
  });
});

describe("protection", () => {
  test("is suspended and resumed, and keeps what it was", async () => {
    const { body } = await order("protection/suspend");
    await backup.order("dropReplica", ({ replicaId }) => replicaId === backupId);
    await goesAlone(backupId);
    expect((await control.get<Operation>(`/v1/operations/${body.id}?wait=30`)).body.state).toBe("succeeded");
    const suspended = await control.vmThat("demo", ({ status }) => status.protection.state === "suspended");
    expect(suspended.spec.protection).toMatchObject({ mode: "lockstep", backups: 1, suspended: true });
    expect(suspended.status.protection).toMatchObject({ reason: "user_action", wantedBackups: 0 });
    const unreachable = await control.get<Refusal>("/v1/vms/demo/wait?for=protected&timeout=60");
    expect([unreachable.status, unreachable.body.code]).toEqual([409, "wait_target_unreachable"]);
    const resumed = await order("protection/resume", undefined, 60);
    expect(resumed.body.state).toBe("succeeded");
    expect((await control.waitFor("demo", "protected")).spec.protection.suspended).toBe(false);
  });

  test("of a VM that wants no backup is neither", async () => {
    await control.createVm("alone", "none");
    await control.waitFor("alone", "running");
    const refused = await control.call<Refusal>("POST", "/v1/vms/alone/protection/suspend");
    expect([refused.status, refused.body.code]).toEqual([409, "invalid_state"]);
  });
});

describe("a failover", () => {
  test("is to the backup that is named, and is read by its id", async () => {
    const notOne = await order("failover", { mode: "planned", targetReplica: primaryId });
    expect([notOne.status, notOne.body.code]).toEqual([503, "no_backup_available"]);
    const nobody = await order("failover", { mode: "planned", targetReplica: "rep_nobody" });
    expect([nobody.status, nobody.body.code]).toEqual([404, "replica_not_found"]);
    const done = await order("failover", { mode: "forced", targetReplica: backupId }, 60);
    expect(done.body.state).toBe("succeeded");
    const { id } = done.body.result as unknown as Failover;
    const { body } = await control.get<Failover>(`/v1/vms/demo/failovers/${id}`);
    expect(body).toMatchObject({ id, mode: "forced", to: backupId, state: "completed" });
    expect((await control.get<Refusal>("/v1/vms/demo/failovers/fo_nobody")).body.code).toBe("failover_not_found");
  });

  test("is told of by phase, up to the guest's first output and to what a viewer saw, with the hash by which both were equal", async () => {
    const viewer = await control.attach("demo", { from: "start" });
    primary.write(vm.id, "before");
    await viewer.output("before");
    await control.kill(primary);
    await backup.promote(backupId);
    await viewer.message("term");
    backup.write(vm.id, " after");
    await viewer.output("before after");
    const { promotion } = backup.primaryOf(vm.id);
    backup.report(backupId, { promotion: promotion && { ...promotion, firstOutputMs: 12.34 } });
    const told = await control.vmThat("demo", ({ status }) => {
      const gap = status.lastFailover?.gapMs;
      return gap?.client != null && gap.firstOutput !== null;
    });
    expect(told.status.lastFailover).toMatchObject({
      gapMs: { detect: 3, arbitrate: 2, promote: 1, total: 6, firstOutput: 12.3 },
      stateHash: { match: true, instant: "900", value: "0123456789abcdef" },
    });
    expect(told.status.lastFailover?.gapMs?.client).toBeGreaterThan(0);
  });

  test("to a backup whose worker cannot be reached is refused, and may be tried again", async () => {
    backup.kill();
    for (let refused = ""; refused !== "no_backup_available"; ) {
      const { status, body } = await order("failover", { mode: "planned" });
      if (status === 202) throw new Error("the failover was taken");
      refused = body.code;
    }
  });
});
