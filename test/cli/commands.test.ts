/** Every command against a scripted API: what is asked, what goes to stdout, and how it exits. */
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { freePorts } from "../../src/cli/up/ports.ts";
import { type Outcome, runCli } from "./captured-shell.ts";
import { type Routes, ScriptedApi, sendProblem, vmResource } from "./scripted-api.ts";

const apis: ScriptedApi[] = [];

afterEach(async () => {
  for (const api of apis.splice(0)) await api.close();
});

async function against(routes: Routes, ...argv: string[]): Promise<Outcome & { api: ScriptedApi }> {
  const api = new ScriptedApi(routes);
  apis.push(api);
  const url = await api.listen();
  return { ...(await runCli(argv, { UNDERSTUDY_API_URL: url, UNDERSTUDY_TOKEN: "secret" })), api };
}

const vm = vmResource();

describe("vm ls", () => {
  it("prints a table for people", async () => {
    const { code, stdout, stderr } = await against(
      { "GET /v1/vms": { items: [vm], nextPageToken: null, resourceVersion: "1" } },
      "vm",
      "ls",
    );
    expect(code).toBe(0);
    expect(stderr).toBe("");
    const [head, row, ...rest] = stdout.split("\n");
    expect(head).toMatch(/^NAME +ID +STATE +PROTECTION +PRIMARY +BACKUP +TERM +MEMORY +AGE$/);
    expect(row).toMatch(/^demo +vm_1 +running +protected +worker-1 +worker-2 +3 +256 MiB +\d+s$/);
    expect(rest).toEqual([""]);
  });

  it("prints JSON and nothing else on stdout with -o json", async () => {
    const { stdout } = await against(
      { "GET /v1/vms": { items: [vm], nextPageToken: null, resourceVersion: "1" } },
      "vm",
      "ls",
      "-o",
      "json",
    );
    expect(JSON.parse(stdout)).toEqual([vm]);
  });

  it("prints names, and an empty list as nothing, with -o name", async () => {
    expect((await against({ "GET /v1/vms": { items: [vm], nextPageToken: null } }, "vm", "ls", "-o", "name")).stdout).toBe("demo\n");
    expect((await against({ "GET /v1/vms": { items: [], nextPageToken: null } }, "vm", "ls", "-o", "name")).stdout).toBe("");
  });
});

describe("vm ls of a state", () => {
  it("asks for those alone", async () => {
    const { code, api } = await against(
      { "GET /v1/vms": { items: [vm], nextPageToken: null } },
      ...["vm", "ls", "--state", "running", "--protection", "failing_over"],
    );
    expect([code, api.asked[0]?.route]).toEqual([0, "GET /v1/vms?state=running&protection=failing_over"]);
  });
});

describe("audit ls", () => {
  it("asks for a range, and says who did what, and what came of it", async () => {
    const entry = {
      id: "aud_1",
      requestId: "req_1",
      actor: { tokenId: "tok_1", tokenName: "ci" },
      method: "DELETE",
      route: "/v1/vms/{vm}",
      operation: "deleteVm",
      resource: "/v1/vms/web",
      sourceAddress: "10.0.0.7",
      startedAt: "2026-01-31T08:00:00.000Z",
      completedAt: "2026-01-31T08:00:00.010Z",
      outcome: "refused",
      status: 403,
      code: "scope_missing",
      durationMs: 10,
    };
    const { code, stdout, api } = await against(
      { "GET /v1/audit-log": { items: [entry, { ...entry, id: "aud_2", actor: null, status: null, code: null }], nextPageToken: null } },
      ...["audit", "ls", "--since", "2026-01-31T08:00Z", "--until", "2026-02-01", "--limit", "10"],
    );
    expect(code).toBe(0);
    expect(api.asked[0]?.route).toBe(
      "GET /v1/audit-log?startTime=2026-01-31T08%3A00%3A00.000Z&endTime=2026-02-01T00%3A00%3A00.000Z&pageSize=10",
    );
    const [, first, second] = stdout.split("\n");
    expect(first).toMatch(/^2026-01-31T08:00:00.010Z +ci +10.0.0.7 +deleteVm +\/v1\/vms\/web +403 +scope_missing +req_1$/);
    expect(second).toMatch(/ - +10.0.0.7 +deleteVm +\/v1\/vms\/web +- +req_1$/);
  });

  it("does not ask for a time that is none", async () => {
    const { code, stderr, api } = await against({}, "audit", "ls", "--since", "yesterday");
    expect([code, api.asked]).toEqual([2, []]);
    expect(stderr).toContain("2026-01-31T08:00:00Z");
  });
});

describe("vm create", () => {
  it("with --dry-run makes nothing, and says what would lack", async () => {
    const { status } = vm as { readonly status: object };
    const protection = { state: "inactive", reason: "no_capacity", syncedBackups: 0, wantedBackups: 1, lagMs: 0 };
    const preview = { ...vm, status: { ...status, protection } };
    const { code, stdout, stderr, api } = await against(
      { "POST /v1/vms?dryRun=true": preview },
      "vm",
      "create",
      "demo",
      "--dry-run",
      "-o",
      "name",
    );
    expect([code, stdout, api.asked[0]?.route]).toEqual([0, "demo\n", "POST /v1/vms?dryRun=true"]);
    expect(stderr).toContain("nothing was made. A backup has no place: no_capacity");
  });

  it("sends what the options say, and says what to do next on stderr", async () => {
    const { code, stdout, stderr, api } = await against(
      { "POST /v1/vms": vm },
      ...[
        "vm",
        "create",
        "demo",
        "--memory",
        "256",
        "--label",
        "a=1",
        "--label",
        "b=x=y",
        "--protection",
        "none",
        "--cmdline",
        "quiet",
        "-o",
        "json",
      ],
    );
    expect(code).toBe(0);
    expect(api.asked[0]?.body).toEqual({
      name: "demo",
      labels: { a: "1", b: "x=y" },
      spec: { image: "debian", machine: { memoryMiB: 256 }, cmdline: "quiet", protection: { mode: "none" } },
    });
    expect(api.asked[0]?.headers).toMatchObject({
      authorization: "Bearer secret",
      "idempotency-key": expect.stringMatching(/./) as string,
    });
    expect(JSON.parse(stdout)).toEqual(vm);
    expect(stderr).toContain("understudy vm wait demo --for protected");
  });

  it("takes the name as an option too", async () => {
    const { api } = await against({ "POST /v1/vms": vm }, "vm", "create", "--name", "web");
    expect(api.asked[0]?.body).toMatchObject({ name: "web" });
  });

  it("waits where it is told to", async () => {
    const { code, api } = await against(
      { "POST /v1/vms": vm, "GET /v1/vms/vm_1/wait": { reached: true, vm } },
      "vm",
      "create",
      "--wait",
      "protected",
    );
    expect(code).toBe(0);
    expect(api.asked.map(({ route }) => route)).toEqual(["POST /v1/vms", "GET /v1/vms/vm_1/wait?for=protected&timeout=1"]);
  });

  it.each([
    ["lockstep", ["--wait"], ["GET /v1/vms/vm_1/wait?for=protected&timeout=1"]],
    ["none", ["--wait"], ["GET /v1/vms/vm_1/wait?for=running&timeout=1"]],
    ["lockstep", ["--no-wait"], []],
  ])("of a VM with protection %s, %s without a target asks for what the VM can be", async (mode, options, waits) => {
    const made = vmResource({ spec: { ...(vm["spec"] as object), protection: { mode, backups: 1 } } });
    const { code, api } = await against(
      { "POST /v1/vms": made, "GET /v1/vms/vm_1/wait": { reached: true, vm: made } },
      ...["vm", "create", "web", ...options],
    );
    expect(code).toBe(0);
    expect(api.asked.map(({ route }) => route)).toEqual(["POST /v1/vms", ...waits]);
  });
});

describe("vm wait", () => {
  it("shows on stderr how far the state transfer has come, and the VM on stdout", async () => {
    const transfer = { round: 2, stateBytes: 9_000_000, sentBytes: 3_000_000, remainingPages: 350, guestShare: 90 };
    const syncing = (change: object) => {
      const resource = structuredClone(vm) as { status: { protection: object; replicas: object[] } };
      resource.status.protection = { ...resource.status.protection, state: "syncing", reason: null };
      resource.status.replicas[1] = {
        ...resource.status.replicas[1],
        state: "syncing",
        joinProgress: 0.437,
        transfer: { ...transfer, ...change },
      };
      return { reached: false, vm: resource };
    };
    const answers = [syncing({}), syncing({ round: 5, remainingPages: 4000, guestShare: 50 }), { reached: true, vm }];
    const { code, stdout, stderr } = await against(
      { "GET /v1/vms/demo": vm, "GET /v1/vms/vm_1/wait": () => answers.shift() },
      "vm",
      "wait",
      "demo",
      "-o",
      "name",
    );
    expect(code).toBe(0);
    expect(stdout).toBe("demo\n");
    expect(stderr).toContain("syncing: state to worker-2, 43 %, round 2: 350 pages left\n");
    expect(stderr).toContain("43 %, round 5: 4000 pages left, the guest slowed to 50 %\n");
  });
});

describe("other commands", () => {
  it("vm get shows one VM", async () => {
    const { code, stdout } = await against({ "GET /v1/vms/demo": vm }, "vm", "get", "demo", "-o", "json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(vm);
  });

  it("vm stop waits for the operation, and shows the VM as it is then", async () => {
    const operation = { id: "op_1", kind: "vm.stop", state: "running", vmId: "vm_1", result: null, error: null };
    const { code, stdout, stderr, api } = await against(
      {
        "GET /v1/vms/demo": vm,
        "GET /v1/vms/vm_1": vmResource({}, { state: "stopped" }),
        "POST /v1/vms/vm_1/stop": operation,
        "GET /v1/operations/op_1": { ...operation, state: "succeeded" },
      },
      ...["vm", "stop", "demo", "--grace", "5", "-o", "json"],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "Stopped demo\n" });
    expect(JSON.parse(stdout).status.state).toBe("stopped");
    expect(api.asked[1]?.body).toEqual({ graceMs: 5000 });
    expect(api.asked[1]?.headers["idempotency-key"]).toBeDefined();
  });

  it.each(["start", "kill", "pause", "resume", "reset"])(
    "vm %s orders it, and with --no-wait says which operation goes on",
    async (verb) => {
      const operation = { id: "op_1", kind: `vm.${verb}`, state: "running", vmId: "vm_1", result: null, error: null };
      const { code, stdout, stderr } = await against(
        { "GET /v1/vms/demo": vm, "GET /v1/vms/vm_1": vm, [`POST /v1/vms/vm_1/${verb}`]: operation },
        ...["vm", verb, "demo", "--no-wait", "-o", "name"],
      );
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "demo\n", stderr: "Operation op_1 goes on\n" });
    },
  );

  it("token create prints the secret alone, and sends the scopes", async () => {
    const token = { id: "tok_1", name: "ci", scopes: ["vms:read"], createdAt: "2026-01-01T00:00:00Z", expiresAt: null, createdBy: "tok_0" };
    const { code, stdout, stderr, api } = await against(
      { "POST /v1/tokens": { token, secret: "ust_secret" } },
      ...["token", "create", "ci", "--scope", "vms:read,vms:write", "--scope", "events:read", "--ttl", "60"],
    );
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "ust_secret\n",
      stderr: "Made tok_1. Keep its secret: it is not shown again\n",
    });
    expect(api.asked[0]?.body).toEqual({ name: "ci", scopes: ["vms:read", "vms:write", "events:read"], ttlSeconds: 60 });
  });

  it("whoami and token ls show tokens, and token revoke says which", async () => {
    const token = { id: "tok_1", name: "ci", scopes: ["admin"], createdAt: "2026-01-01T00:00:00Z", expiresAt: null, createdBy: null };
    const routes = {
      "GET /v1/whoami": { token, project: "default" },
      "GET /v1/tokens": { items: [token], nextPageToken: null },
      "DELETE /v1/tokens/tok_1": token,
    };
    expect((await against(routes, "whoami", "-o", "name")).stdout).toBe("tok_1\n");
    expect(JSON.parse((await against(routes, "token", "ls", "-o", "json")).stdout)).toEqual([token]);
    const { stdout, stderr } = await against(routes, "token", "revoke", "tok_1");
    expect(stdout).toMatch(/^ID +NAME +SCOPES +EXPIRES +AGE\ntok_1 +ci +admin +never/);
    expect(stderr).toBe("Revoked ci\n");
  });

  it("vm rm deletes, and prints the operation that did it", async () => {
    const operation = {
      id: "op_1",
      kind: "vm.delete",
      state: "succeeded",
      vmId: "vm_1",
      result: null,
      error: null,
      createdAt: new Date().toISOString(),
    };
    const { code, stdout, stderr, api } = await against({ "GET /v1/vms/demo": vm, "DELETE /v1/vms/vm_1": operation }, "vm", "rm", "demo");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "Deleted demo\n" });
    expect(stdout).toMatch(/^ID +KIND +STATE +OF .*\nop_1 +vm\.delete +succeeded +vm_1 .*\n$/);
    expect(api.asked).toHaveLength(2);
    const begun = { ...operation, state: "running" };
    const notWaited = await against(
      { "GET /v1/vms/demo": vm, "DELETE /v1/vms/vm_1": begun },
      "vm",
      "rm",
      "demo",
      "--no-wait",
      "-o",
      "json",
    );
    expect(notWaited).toMatchObject({ code: 0, stderr: "Operation op_1 goes on\n" });
    expect(JSON.parse(notWaited.stdout)).toEqual(begun);
    expect(notWaited.api.asked).toHaveLength(2);
    expect((await against({ "GET /v1/vms/demo": vm, "DELETE /v1/vms/vm_1": operation }, "vm", "rm", "demo", "-o", "name")).stdout).toBe(
      "demo\n",
    );
    const nothing = { ...operation, vmId: null };
    const missing = (...argv: string[]) =>
      against({ "DELETE /v1/vms/demo?allowMissing=true": nothing }, "vm", "rm", "demo", "--allow-missing", ...argv);
    for (const format of ["table", "wide", "name"])
      expect(await missing("-o", format)).toMatchObject({ code: 0, stdout: "", stderr: "There is no demo\n" });
    expect(JSON.parse((await missing("-o", "json")).stdout)).toEqual(nothing);
  });

  it("vm update sends a merge patch of what the options say, guarded by the generation", async () => {
    const { code, stdout, stderr, api } = await against(
      { "GET /v1/vms/demo": vm, "PATCH /v1/vms/vm_1": { ...vm, generation: 2 } },
      ...["vm", "update", "demo", "--no-name", "--label", "a=1", "--remove-label", "b"],
      ...["--backups", "2", "--max-lag", "500", "--if-generation", "1", "-o", "name"],
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "demo\n", stderr: "Updated demo, generation 2\n" });
    expect(api.asked[1]?.body).toEqual({ name: null, labels: { a: "1", b: null }, spec: { protection: { backups: 2, maxLagMs: 500 } } });
    expect(api.asked[1]?.headers["if-match"]).toBe('"g1"');
  });

  it("vm create, update, get and rm know of deletion protection", async () => {
    const kept = { ...vm, spec: { ...(vm["spec"] as object), deletionProtection: true } };
    const routes: Routes = {
      "POST /v1/vms": kept,
      "GET /v1/vms/demo": kept,
      "PATCH /v1/vms/vm_1": { ...vm, generation: 2 },
      "DELETE /v1/vms/vm_1": (_asked: unknown, response: ServerResponse) =>
        sendProblem(response, 409, "deletion_protected", "Cannot delete the VM"),
    };
    const created = await against(routes, "vm", "create", "demo", "--deletion-protection");
    expect(created.api.asked[0]?.body).toMatchObject({ spec: { deletionProtection: true } });
    expect((await against(routes, "vm", "get", "demo", "-o", "wide")).stdout).toMatch(/ DELETION .*\n.* protected /);
    // In a line of its own it is shown where it is set.
    expect((await against(routes, "vm", "get", "demo")).stdout).toMatch(/ DELETION *\n.* protected *\n/);
    expect((await against({ "GET /v1/vms/demo": vm }, "vm", "get", "demo")).stdout).not.toMatch(/DELETION|EXPIRES/);
    const refused = await against(routes, "vm", "rm", "demo");
    expect([refused.code === 0, refused.stdout]).toEqual([false, ""]);
    expect(refused.stderr).toContain("understudy vm update NAME --deletion-protection off");
    const updated = await against(routes, "vm", "update", "demo", "--deletion-protection", "off");
    expect(updated.api.asked[1]?.body).toEqual({ spec: { deletionProtection: false } });
    expect((await against(routes, "vm", "update", "demo", "--deletion-protection", "maybe")).code).toBe(2);
  });

  it("vm create, update and get know of a time to live", async () => {
    const short = vmResource({}, { expiresAt: "2026-01-31T08:00:00.000Z" });
    const routes: Routes = { "POST /v1/vms": short, "GET /v1/vms/demo": short, "PATCH /v1/vms/vm_1": { ...vm, generation: 2 } };
    const bodyOf = async (at: number, ...argv: string[]) => (await against(routes, "vm", ...argv)).api.asked[at]?.body;
    expect(await bodyOf(0, "create", "demo", "--ttl", "60")).toMatchObject({ spec: { ttlSeconds: 60 } });
    expect(await bodyOf(1, "update", "demo", "--ttl", "90")).toEqual({ spec: { ttlSeconds: 90 } });
    expect(await bodyOf(1, "update", "demo", "--no-ttl")).toEqual({ spec: { ttlSeconds: null } });
    expect(await bodyOf(0, "create", "demo", "--console-head", "5000")).toMatchObject({ spec: { console: { headBytes: 5000 } } });
    expect(await bodyOf(1, "update", "demo", "--console-tail", "4096")).toEqual({ spec: { console: { tailBytes: 4096 } } });
    const where = ["--worker-selector", "disk=ssd", "--zone", "north", "--zone", "south", "--apart", "zone"];
    expect(await bodyOf(0, "create", "demo", ...where)).toMatchObject({
      spec: {
        placement: { workerSelector: "disk=ssd", zones: ["north", "south"], antiAffinity: { domain: "zone", policy: "required" } },
      },
    });
    expect(await bodyOf(1, "update", "demo", "--worker-selector", "", "--zone", "")).toEqual({
      spec: { placement: { workerSelector: null, zones: [] } },
    });
    expect((await against(routes, "vm", "get", "demo", "-o", "wide")).stdout).toMatch(/ EXPIRES .*\n.* 2026-01-31T08:00:00.000Z /);
    expect((await against(routes, "vm", "get", "demo")).stdout).toMatch(/ EXPIRES *\n.* 2026-01-31T08:00:00.000Z *\n/);
  });

  it("vm failover waits for the operation and shows the measured gap", async () => {
    const failover = {
      id: "fo_1",
      state: "completed",
      cause: "user_action",
      term: 4,
      instant: "99",
      gapMs: { detect: 0, arbitrate: 3, promote: 4.5, total: 7.5 },
    };
    const operation = { id: "op_1", kind: "vm.failover", state: "running", vmId: "vm_1", result: null, error: null };
    const { code, stdout, api } = await against(
      {
        "GET /v1/vms/demo": vm,
        "POST /v1/vms/vm_1/failover": operation,
        "GET /v1/operations/op_1": { ...operation, state: "succeeded", result: failover },
      },
      ...["vm", "failover", "demo", "--mode", "planned"],
    );
    expect(code).toBe(0);
    expect(api.asked[1]?.body).toEqual({ mode: "planned" });
    expect(stdout).toMatch(/fo_1 +completed +user_action +4 +99 +7\.5 ms/);
  });

  it("vm failover --no-wait gives the operation out, and says which term it is meant for", async () => {
    const operation = { id: "op_1", kind: "vm.failover", state: "running", vmId: "vm_1", result: null, error: null };
    const { code, stdout, stderr, api } = await against(
      { "GET /v1/vms/demo": vm, "POST /v1/vms/vm_1/failover": operation },
      ...["vm", "failover", "demo", "--mode", "forced", "--expected-term", "3", "--no-wait", "-o", "name"],
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "op_1\n", stderr: "Operation op_1 goes on\n" });
    expect(api.asked[1]?.body).toEqual({ mode: "forced", expectedTerm: 3 });
    expect(api.asked).toHaveLength(2);
  });

  it("worker ls lists workers with their pids", async () => {
    const status = {
      state: "ready",
      host: "h",
      pid: 4711,
      replicas: 2,
      memoryPromisedMiB: 256,
      memoryMiB: 2048,
      lastHeartbeatAt: new Date().toISOString(),
    };
    const { stdout } = await against({ "GET /v1/workers": { items: [{ id: "wrk_1", name: "worker-1", status }] } }, "worker", "ls");
    expect(stdout).toMatch(/worker-1 +wrk_1 +ready +h +4711 +2 +256\/2048 MiB +0s/);
  });

  it("worker drain waits for its operation, and --no-wait does not", async () => {
    const status = { state: "drained", host: "h", pid: 1, replicas: 0, memoryPromisedMiB: 0, memoryMiB: 2048, lastHeartbeatAt: null };
    const operation = { id: "op_1", kind: "worker.drain", state: "running", vmId: null, result: null, error: null };
    const routes = {
      "POST /v1/workers/worker-1/drain": operation,
      "GET /v1/operations/op_1": { ...operation, state: "succeeded" },
      "GET /v1/workers/worker-1": { id: "wrk_1", name: "worker-1", status },
    };
    const waited = await against(routes, "worker", "drain", "worker-1", "--force", "-o", "name");
    expect(waited).toMatchObject({ code: 0, stdout: "worker-1\n", stderr: "Draining worker-1, operation op_1\nDrained worker-1\n" });
    expect(waited.api.asked[0]?.body).toEqual({ force: true });
    const started = await against(routes, "worker", "drain", "worker-1", "--no-wait");
    expect(started.api.asked.map(({ route }) => route)).toEqual(["POST /v1/workers/worker-1/drain", "GET /v1/workers/worker-1"]);
    expect(started.stderr).toBe("Operation op_1 goes on\n");
  });

  it("worker drain shows how many replicas are left", async () => {
    const operation = { id: "op_1", kind: "worker.drain", state: "running", vmId: null, result: null, error: null };
    const replicas = [3, 1];
    let over: (body: unknown) => void = () => {};
    const end = new Promise((resolve) => (over = resolve));
    const { code, stderr } = await against(
      {
        "POST /v1/workers/w/drain": operation,
        "GET /v1/operations/op_1": async (_asked: unknown, response: ServerResponse) => {
          await end;
          response.writeHead(200, { "content-type": "application/json" });
          response.end(JSON.stringify({ ...operation, state: "succeeded" }));
        },
        "GET /v1/workers/w": () => {
          const left = replicas.shift() ?? 0;
          if (replicas.length === 0) over(null);
          return { id: "wrk_1", name: "w", status: { state: "draining", replicas: left } };
        },
      },
      ...["worker", "drain", "w", "-o", "name"],
    );
    expect(code).toBe(0);
    expect(stderr).toBe("Draining w, operation op_1\n  drain: 3 replicas left\n  drain: 1 replicas left\nDrained w\n");
  });

  it.each([
    ["cordon", "Cordoned"],
    ["uncordon", "Uncordoned"],
    ["fence", "Fenced"],
  ])("worker %s says what was done", async (verb, past) => {
    const worker = { id: "wrk_1", name: "w", status: { state: "ready" } };
    const outcome = await against(
      { [`POST /v1/workers/w/${verb}`]: { id: "op_1", kind: `worker.${verb}`, state: "succeeded" }, "GET /v1/workers/w": worker },
      ...["worker", verb, "w", "-o", "json"],
    );
    expect(outcome).toMatchObject({ code: 0, stderr: `${past} w\n` });
    expect(JSON.parse(outcome.stdout)).toEqual(worker);
  });

  it("worker rm forgets a worker, and prints it as it was", async () => {
    const worker = {
      id: "wrk_1",
      name: "w",
      status: { state: "fenced", host: "h", pid: 1, replicas: 0, memoryPromisedMiB: 0, memoryMiB: 2048, lastHeartbeatAt: null },
    };
    const forget = (format: string) => against({ "DELETE /v1/workers/wrk_1": worker }, "worker", "rm", "wrk_1", "-o", format);
    const outcome = await forget("name");
    expect(outcome).toMatchObject({ code: 0, stdout: "w\n", stderr: "Forgot wrk_1\n" });
    expect(JSON.parse((await forget("json")).stdout)).toEqual(worker);
    expect((await forget("table")).stdout).toMatch(/^NAME +ID +STATE .*\nw +wrk_1 +fenced /);
  });

  const image = {
    id: "img_1",
    name: "debian",
    digest: `sha256:${"a".repeat(64)}`,
    kernel: { sizeBytes: 1 << 20 },
    initramfs: { sizeBytes: 1 << 19 },
    minMemoryMiB: 96,
    aliases: ["stable"],
    createdAt: new Date().toISOString(),
  };

  it("image ls lists images", async () => {
    const { stdout } = await against({ "GET /v1/images": { items: [image] } }, "image", "ls");
    expect(stdout).toMatch(/debian +img_1 +stable +sha256:aaaaaaaaaaaa +1\.0 MiB +0\.5 MiB +96 MiB +\d+s\n/);
  });

  it("image rm deletes an image or an alias, and prints it as it was", async () => {
    const alias = { name: "stable", imageId: "img_1", updatedAt: image.createdAt };
    const remove = (...argv: string[]) =>
      against({ "DELETE /v1/images/img_1": image, "DELETE /v1/image-aliases/stable": alias }, "image", "rm", ...argv);
    expect(await remove("img_1", "-o", "name")).toMatchObject({ code: 0, stdout: "debian\n", stderr: "Deleted debian, img_1\n" });
    expect(JSON.parse((await remove("img_1", "-o", "json")).stdout)).toEqual(image);
    expect((await remove("img_1")).stdout).toMatch(/^NAME +ID +ALIASES .*\ndebian +img_1 +stable /);
    const untagged = await remove("stable", "--alias");
    expect(untagged).toMatchObject({ code: 0, stdout: "ALIAS   IMAGE\nstable  img_1\n", stderr: "Took the alias stable away\n" });
    expect(JSON.parse((await remove("stable", "--alias", "-o", "json")).stdout)).toEqual(alias);
    expect((await remove("stable", "--alias", "-o", "name")).stdout).toBe("stable\n");
  });

  it("events prints what is held, a line each", async () => {
    const item = {
      seq: "5",
      id: "evt_5",
      type: "vm.failover.completed",
      time: "2026-01-01T00:00:00Z",
      vmId: "vm_1",
      term: 4,
      cause: "worker_lost",
      data: { gapMs: 12 },
    };
    const routes = { "GET /v1/events": { items: [item], nextAfter: "5" }, "GET /v1/events?after=5": { items: [], nextAfter: "5" } };
    expect((await against(routes, "events")).stdout).toBe(
      "2026-01-01T00:00:00Z      5  vm.failover.completed  vm_1  term=4  cause=worker_lost  gapMs=12\n",
    );
    expect(JSON.parse((await against(routes, "events", "-o", "json")).stdout)).toEqual(item);
  });

  it("version says what answers, and is no error where nothing does", async () => {
    expect(
      (await against({ "GET /v1/version": { service: "understudy", version: "9.8.7", api: "v1", capabilities: [] } }, "version")).stdout,
    ).toMatch(/service +9\.8\.7 at http/);
    const alone = await runCli(["--url", "http://127.0.0.1:1", "version"]);
    expect(alone).toMatchObject({ code: 0, stdout: "understudy 0.1.0\n" });
    expect(alone.stderr).toContain("No service");
  });
});

describe("vm replica and vm protection", () => {
  const operation = (kind: string) => ({ id: "op_1", kind, state: "succeeded", vmId: "vm_1", workerId: null, result: null, error: null });
  it("order what is asked for, and wait for its end", async () => {
    const migrated = await against(
      { "GET /v1/vms/demo": vm, "POST /v1/vms/vm_1/replicas/rep_2/migrate": operation("replica.migrate") },
      ...["vm", "replica", "migrate", "demo", "rep_2", "--to", "worker-3"],
    );
    expect([migrated.code, migrated.stdout, migrated.stderr]).toEqual([0, "", "Done: migrate rep_2\n"]);
    expect(migrated.api.asked.find(({ route }) => route.startsWith("POST"))?.body).toEqual({ targetWorker: "worker-3" });
    const suspended = await against(
      { "GET /v1/vms/demo": vm, "GET /v1/vms/vm_1": vm, "POST /v1/vms/vm_1/protection/suspend": operation("vm.protection.suspend") },
      ...["vm", "protection", "suspend", "demo", "-o", "name"],
    );
    expect([suspended.code, suspended.stdout, suspended.stderr]).toEqual([0, "demo\n", "Suspended the protection of demo\n"]);
  });
});

describe("exit codes", () => {
  it.each([
    [1, 500, "internal_error", "vm get demo"],
    [1, 422, "validation_failed", "vm get demo"],
    [3, 404, "vm_not_found", "vm get demo"],
    [3, 410, "vm_deleted", "vm get demo"],
    [4, 409, "invalid_state", "vm get demo"],
    [4, 412, "etag_mismatch", "vm get demo"],
    [6, 401, "unauthenticated", "vm get demo"],
    [6, 403, "forbidden", "vm get demo"],
  ])("%i for %i %s", async (code, status, problem, argv) => {
    const outcome = await against(
      {
        "GET /v1/vms/demo": (_asked: unknown, response: Parameters<typeof sendProblem>[0]) =>
          sendProblem(response, status, problem, "It is so"),
      },
      ...argv.split(" "),
    );
    expect(outcome).toMatchObject({ code, stdout: "" });
    expect(outcome.stderr).toContain("understudy: It is so");
    expect(outcome.stderr).toContain("request req_9");
  });

  it("6 where no token is found, with where it was looked for", async () => {
    const { code, stderr } = await against(
      {
        "GET /v1/vms": (_asked: unknown, response: ServerResponse) =>
          sendProblem(response, 401, "unauthenticated", "Cannot serve without a token"),
      },
      ...["vm", "ls"],
    );
    expect([code, stderr]).toEqual([6, expect.stringContaining("it is looked for in .understudy/token of this folder")]);
  });

  it("5 where a wait takes too long, 4 where it is in vain", async () => {
    const late = await against(
      { "GET /v1/vms/demo": vm, "GET /v1/vms/vm_1/wait": { reached: false, vm } },
      "vm",
      "wait",
      "demo",
      "--timeout",
      "0",
    );
    expect(late).toMatchObject({ code: 5, stdout: "" });
    expect(late.stderr).toContain("Wait longer with --timeout SECONDS");
    const vain = await against(
      {
        "GET /v1/vms/demo": vm,
        "GET /v1/vms/vm_1/wait": (_asked: unknown, response: Parameters<typeof sendProblem>[0]) =>
          sendProblem(response, 409, "wait_target_unreachable", "The VM is failed"),
      },
      ...["vm", "wait", "demo"],
    );
    expect(vain.code).toBe(4);
  });

  it.each([
    [["frob"], "unknown command 'frob'"],
    [["vm", "frob"], "unknown command 'frob'"],
    [["vm"], "Usage: understudy vm"],
    [["vm", "get"], "missing required argument 'vm'"],
    [["vm", "ls", "-o", "yaml"], "Allowed choices are table, wide, json, name"],
    [["vm", "ls", "--state", "runing"], "Allowed choices are provisioning, starting, running, "],
    [["vm", "ls", "--protection", "synced"], "Allowed choices are off, suspended, "],
    [["vm", "update", "demo"], "no option says what to change"],
    [["vm", "create", "--memory", "lots"], "an integer from 1"],
    [["vm", "create", "--label", "novalue"], "It is key=value"],
    [["vm", "console", "demo", "--from", "-5"], "It is start, end, tail:BYTES or an offset"],
    [["token", "create", "ci"], "give --scope, of vms:read, vms:write, "],
    [["token", "create", "ci", "--scope", "vms:read,vms:raed"], "Scopes are vms:read, vms:write, "],
    [["image", "push", "/nonexistent"], "Cannot push /nonexistent: there is no such file or folder\n"],
    [["image", "push", "./debian.tar"], "Cannot push ./debian.tar: there is no such file or folder\n"],
    [
      ["image", "push", "nothing", "--store", "/nonexistent"],
      "no such file or folder, and no image of that name in the store /nonexistent, which has none",
    ],
    [["image", "pull", "--kernel", "only"], "--kernel and --initrd are given together"],
    [["image", "pull", "--mirror", "m", "--package", "p"], "give one of --mirror, --package"],
  ])("2 for %j, before anything is asked", async (argv, message) => {
    const outcome = await runCli(argv, { UNDERSTUDY_API_URL: "http://127.0.0.1:1" });
    expect(outcome).toMatchObject({ code: 2, stdout: "" });
    expect(outcome.stderr).toContain(message);
  });

  it.each([
    [["--url", "127.0.0.1:18080", "vm", "ls"], {}, 'Cannot use the URL "127.0.0.1:18080" of --url'],
    [["--url", "localhost:18080", "version"], {}, "it has to begin with http:// or https://, such as http://127.0.0.1:8080"],
    [["vm", "ls"], { UNDERSTUDY_API_URL: "notaurl" }, 'Cannot use the URL "notaurl" of UNDERSTUDY_API_URL'],
    [["vm", "ls"], { UNDERSTUDY_TOKEN: "hid\nden" }, "Cannot use the token of UNDERSTUDY_TOKEN"],
    [["vm", "ls"], { UNDERSTUDY_TOKEN: "“hidden”" }, "Cannot use the token of UNDERSTUDY_TOKEN"],
    [["--token", "hid den", "vm", "ls"], { UNDERSTUDY_TOKEN: "good" }, "Cannot use the token of --token"],
    [["api", "GET", "/v1/vms", "-H", "Authorization: Bearer “hidden”"], {}, "Cannot send the header Authorization"],
    [["--token-file", "/nope", "vm", "ls"], {}, "Cannot read the token from the file /nope"],
    [["vm", "ls"], { UNDERSTUDY_TOKEN_FILE: "/nope" }, "Cannot read the token from the file /nope"],
  ])("2 for a URL or a token that cannot be used, in one line and without the token: %j %j", async (argv, env, message) => {
    const { code, stderr } = await runCli(argv, env);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).toMatch(/^understudy: .*\n$/);
    expect(stderr).not.toMatch(/hid|den/);
  });

  it("1 where nobody answers, with what to do about it", async () => {
    const [port] = await freePorts(1);
    const outcome = await runCli(["vm", "ls"], { UNDERSTUDY_API_URL: `http://127.0.0.1:${port}`, UNDERSTUDY_TOKEN: "x" });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`Cannot reach http://127.0.0.1:${port}: connection refused`);
    expect(outcome.stderr).toContain("npm start");
  });

  it("0 for help, on stdout", async () => {
    const { code, stdout } = await runCli(["vm", "create", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Usage: understudy vm create [options] [name]");
  });

  it("shows which fields are wrong", async () => {
    const errors = [{ pointer: "/spec/machine/memoryMiB", code: "too_small", message: "at least 96" }];
    const { stderr } = await against(
      {
        "POST /v1/vms": (_asked: unknown, response: Parameters<typeof sendProblem>[0]) =>
          sendProblem(response, 422, "validation_failed", "Cannot create", { errors }),
      },
      ...["vm", "create", "--memory", "8"],
    );
    expect(stderr).toContain("  /spec/machine/memoryMiB: at least 96");
  });
});
