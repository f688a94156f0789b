/** `?dryRun=true`: everything is checked, the answer is as it would be, and nothing is written. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { Worker } from "../../src/control/schemas/worker.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeEach(async () => {
  control = await ControlUnderTest.ofTest();
});

/** Everything that a call writes: a dry run must leave it as it is. The audit log has an entry of it. */
async function written(): Promise<unknown> {
  const { rows } = await control.parts.database.query(
    `SELECT (SELECT jsonb_agg(to_jsonb(v) ORDER BY id) FROM vms v) AS vms, (SELECT count(*) FROM replicas) AS replicas,
       (SELECT jsonb_agg(to_jsonb(w) - '{state,last_heartbeat_at,updated_at}'::text[] ORDER BY id) FROM workers w) AS workers,
       (SELECT count(*) FROM operations) AS operations, (SELECT count(*) FROM failovers) AS failovers,
       (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM idempotency_records) AS keys, (SELECT seq FROM event_clock) AS seq`,
    [],
  );
  return rows[0];
}

async function dry<T = Vm>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const before = await written();
  const answer = await control.call<T>(method, `${path}?dryRun=true`, body, headers);
  expect(await written(), `${method} ${path} wrote something`).toEqual(before);
  return answer;
}

const request = (backups: number, memoryMiB = 128) => ({
  name: "new",
  spec: { image: "debian", machine: { memoryMiB }, protection: { backups } },
});
const placed = ({ status }: Vm) => status.replicas.map(({ role, workerName, state }) => `${role} ${workerName} ${state}`);

describe("a VM that is not made", () => {
  test("shows where its replicas would go, on workers that are here and have room", async () => {
    await control.join("one", { memoryMiB: 1024 });
    await control.join("two", { memoryMiB: 2048 });
    await control.join("three", { memoryMiB: 512 });
    const { status, body, headers } = await dry("POST", "/v1/vms", request(2), { "idempotency-key": "k" });
    expect([status, body.name, body.status.operationId]).toEqual([200, "new", null]);
    expect(headers.get("location")).toBeNull();
    expect(placed(body)).toEqual(["primary two placing", "backup one placing", "backup three placing"]);
    expect(body.status.replicas[0]?.id).not.toBe(body.status.replicas[1]?.id);
    // Its key is free, and it is nowhere.
    expect((await control.get(`/v1/vms/${body.id}`)).status).toBe(404);
    const made = await control.call<Vm>("POST", "/v1/vms", request(2), { "idempotency-key": "k" });
    expect([made.status, made.headers.get("idempotency-replayed")]).toEqual([201, null]);
  });

  test("says no_capacity of the primary, of a backup, and counts what is promised already", async () => {
    const { body: nowhere } = await dry("POST", "/v1/vms", request(1));
    expect([nowhere.status.stateReason, placed(nowhere)]).toEqual(["no_capacity", []]);
    await control.join("one", { memoryMiB: 300 });
    await control.join("two", { memoryMiB: 200 });
    const { body: alone } = await dry("POST", "/v1/vms", request(1, 256));
    expect([alone.status.stateReason, alone.status.protection.reason, placed(alone)]).toEqual([
      null,
      "no_capacity",
      ["primary one placing"],
    ]);
    await control.createVm("first", "none");
    await control.waitFor("first", "settled");
    const { body: taken } = await dry("POST", "/v1/vms", request(0, 256));
    expect(taken.status.stateReason).toBe("no_capacity");
  });

  test("says engine_mismatch where only another build of the machine has room for the backup", async () => {
    await control.join("one", { memoryMiB: 2048, buildDigest: "aa" });
    await control.join("two", { memoryMiB: 1024, buildDigest: "bb" });
    const { body } = await dry("POST", "/v1/vms", request(1));
    expect([body.status.protection.reason, placed(body)]).toEqual(["engine_mismatch", ["primary one placing"]]);
    const sdk = new Understudy({ url: control.url, token: TOKEN });
    const preview = await sdk.vms.preview({ image: "debian", protection: { backups: 1 } });
    expect(preview.status.protection.reason).toBe("engine_mismatch");
  });

  test("is refused as it would be", async () => {
    await control.createVm("here", "none");
    for (const [body, code] of [
      [{ name: "here", spec: { image: "debian" } }, "name_taken"],
      [{ spec: { image: "plan9" } }, "image_not_found"],
      [{ spec: { image: "debian", machine: { memoryMiB: 8 } } }, "validation_failed"],
    ] as const) {
      expect((await dry<Problem>("POST", "/v1/vms", body)).body.code).toBe(code);
    }
  });
});

describe("of a VM that is there", () => {
  test("every verb, patch and delete shows the VM as it would be, and refuses as it would", async () => {
    await control.join("one");
    await control.join("two");
    await control.protectedVm("a");
    // Its creation and its first repair end a moment later, and that is written down.
    await control.waitFor("a", "settled");
    await control.eventThat("vm.repair.completed", () => true);
    const { body: before } = await control.get<Vm>("/v1/vms/a");
    const stateAfter = async (method: string, path: string, body?: unknown): Promise<string | undefined> => {
      const answer = await dry<Vm & Problem>(method, path, body);
      expect([method, path, answer.status]).toEqual([method, path, answer.body.code === undefined ? 200 : answer.status]);
      expect(answer.body.code ?? answer.body.id, JSON.stringify(answer.body)).toBe(answer.body.code ?? before.id);
      return answer.body.code ?? answer.body.status.state;
    };
    const after = {
      start: await stateAfter("POST", "/v1/vms/a/start"),
      stop: await stateAfter("POST", "/v1/vms/a/stop", { graceMs: 5 }),
      kill: await stateAfter("POST", "/v1/vms/a/kill"),
      pause: await stateAfter("POST", "/v1/vms/a/pause"),
      resume: await stateAfter("POST", "/v1/vms/a/resume"),
      reset: await stateAfter("POST", "/v1/vms/a/reset"),
      failover: await stateAfter("POST", "/v1/vms/a/failover", { mode: "planned" }),
      another: await stateAfter("POST", "/v1/vms/a/failover", { mode: "planned", expectedTerm: 999 }),
      suspend: await stateAfter("POST", "/v1/vms/a/protection/suspend"),
      replica: await stateAfter("POST", `/v1/vms/a/replicas/${before.status.replicas[1]?.id}/kill`),
      migrate: await stateAfter("POST", `/v1/vms/a/replicas/${before.status.replicas[1]?.id}/migrate`, {}),
    };
    expect(after).toEqual({
      start: "running",
      stop: "stopping",
      kill: "stopping",
      pause: "pausing",
      resume: "running",
      reset: "stopping",
      failover: "running",
      another: "term_mismatch",
      suspend: "running",
      replica: "running",
      migrate: "anti_affinity_unsatisfiable",
    });
    const { body: deleted } = await dry("DELETE", "/v1/vms/a");
    expect(deleted.spec.desiredState).toBe("deleted");
    expect((await dry<Problem>("DELETE", "/v1/vms/a", undefined, { "if-match": '"g99"' })).body.code).toBe("etag_mismatch");
    await control.createVm("b", "none");
    await control.waitFor("b", "settled");
    expect((await dry<Problem>("PATCH", "/v1/vms/a", { name: "b" })).body.code).toBe("name_taken");
    expect((await dry("PATCH", "/v1/vms/a", { name: "c" })).body.name).toBe("c");
    expect((await control.get<Vm>("/v1/vms/a")).body).toMatchObject({ generation: before.generation, status: { state: "running" } });
  });
});

describe("of a worker", () => {
  test("every verb shows the worker as it would be, and refuses as it would", async () => {
    await control.join("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "settled");
    await control.join("two");
    const after: Record<string, unknown> = {};
    for (const verb of ["cordon", "uncordon", "drain", "fence"]) {
      const { status, body, headers } = await dry<Worker>(
        "POST",
        `/v1/workers/one/${verb}`,
        verb === "drain" ? { force: true } : undefined,
      );
      after[verb] = [status, body.name, body.spec.desiredState, body.status.state, body.status.operationId, headers.get("location")];
    }
    expect(after).toEqual({
      cordon: [200, "one", "cordoned", "cordoned", null, null],
      uncordon: [200, "one", "ready", "ready", null, null],
      drain: [200, "one", "drained", "draining", null, null],
      fence: [200, "one", "fenced", "fenced", null, null],
    });
    expect((await dry<Problem>("POST", "/v1/workers/nobody/drain")).body.code).toBe("worker_not_found");
    await control.call("POST", "/v1/workers/two/fence");
    expect((await dry<Problem>("POST", "/v1/workers/two/cordon")).body.code).toBe("invalid_state");
  });
});
