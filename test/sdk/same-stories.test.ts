/**
 * The fake service of `understudy/sdk/testing` and a real control plane, with a real Postgres of two major versions, told the same stories by the SDK: what
 * users' tests see is what they meet.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  BadPageTokenError,
  DeletionProtectedError,
  EtagMismatchError,
  EventCursorExpiredError,
  IdempotencyKeyReusedError,
  ImageNotFoundError,
  InvalidStateError,
  NameTakenError,
  NotProtectedError,
  OperationNotFoundError,
  type OperationResource,
  ScopeMissingError,
  TermMismatchError,
  TokenNotFoundError,
  UnauthenticatedError,
  Understudy,
  ValidationFailedError,
  VmDeletedError,
  VmNotFoundError,
  WaitTargetUnreachableError,
  WorkerNotFoundError,
} from "../../src/sdk/index.ts";
import { FakeUnderstudy } from "../../src/sdk/testing/index.ts";
import { ControlUnderTest, TOKEN } from "../control/support/control-under-test.ts";
import { POSTGRES_VERSIONS, type PostgresVersion, TestPostgres } from "../control/support/database.ts";
import type { ScriptedWorker } from "../control/support/scripted-worker.ts";

/** A service, and what its guests do. */
interface Stage {
  readonly url: string;
  readonly token: string;
  guestWrites(vmId: string, text: string): void;
  guestRead(vmId: string): string;
  /** The size of its terminal that the guest was told last. */
  terminalOf(vmId: string): { readonly cols: number; readonly rows: number } | null;
  /** The backup knows the VM's term: its primary has told it. */
  paired(vmId: string, term: number): void;
  close(): Promise<void>;
}

const servers = new Map<PostgresVersion, TestPostgres>();
beforeAll(async () => {
  for (const version of POSTGRES_VERSIONS) servers.set(version, await TestPostgres.start(version));
});
afterAll(async () => {
  for (const server of servers.values()) await server.stop();
});

async function realStage(version: PostgresVersion): Promise<Stage> {
  const postgres = servers.get(version) as TestPostgres;
  const control = await ControlUnderTest.start({ connection: await postgres.newDatabase() });
  await control.join("worker-1");
  await control.join("worker-2");
  /** The worker of the VM's primary: of the newest, after a failover. */
  const holder = (vmId: string) => {
    const termOn = (worker: ScriptedWorker) =>
      Math.max(
        0,
        ...[...worker.reports.values()].filter((each) => each.vmId === vmId && each.role === "primary").map(({ term }) => Number(term)),
      );
    return control.workers.toSorted((a, b) => termOn(b) - termOn(a))[0];
  };
  return {
    url: control.url,
    token: TOKEN,
    guestWrites: (vmId, text) => holder(vmId)?.write(vmId, text),
    guestRead: (vmId) => (control.guests.get(vmId)?.input ?? "").replace(/<\d+x\d+>/g, ""),
    terminalOf: (vmId) => {
      const [cols, rows] =
        /.*<(\d+)x(\d+)>/s
          .exec(control.guests.get(vmId)?.input ?? "")
          ?.slice(1)
          .map(Number) ?? [];
      return cols === undefined || rows === undefined ? null : { cols, rows };
    },
    paired: (vmId, term) => {
      for (const worker of control.workers)
        for (const { replicaId, vmId: of, role } of worker.reports.values())
          if (of === vmId && role === "backup") worker.report(replicaId, { state: "live", term: String(term) });
    },
    close: () => control.close(),
  };
}

async function fakeStage(): Promise<Stage> {
  const fake = await FakeUnderstudy.start();
  return {
    url: fake.url,
    token: fake.token,
    guestWrites: (vmId, text) => fake.vm(vmId).write(text),
    guestRead: (vmId) => fake.vm(vmId).input,
    terminalOf: (vmId) => fake.vm(vmId).terminal,
    paired: () => undefined,
    close: () => fake.close(),
  };
}

describe.each([
  ...POSTGRES_VERSIONS.map((version) => [`a control plane on ${version.name}`, () => realStage(version)] as const),
  ["the fake service", fakeStage] as const,
])("%s", (_name, open) => {
  let stage: Stage;
  let client: Understudy;
  beforeEach(async () => {
    stage = await open();
    client = new Understudy({ url: stage.url, token: stage.token });
  });
  afterEach(() => stage.close());

  it("creates a VM that comes to be protected, lists it, and deletes it for good", async () => {
    const vm = await client.vms.create({ name: "web", image: "debian", labels: { tier: "front" } });
    expect([vm.status.state, vm.resource.generation, vm.resource.labels]).toEqual(["provisioning", 1, { tier: "front" }]);
    await vm.waitFor("protected");
    expect([vm.status.state, vm.status.replicas.map(({ role, state }) => [role, state])]).toEqual([
      "running",
      [
        ["primary", "live"],
        ["backup", "live"],
      ],
    ]);
    expect((await client.vms.get("web")).id).toBe(vm.id);
    expect((await client.vms.list({ labelSelector: "tier=front" }).all()).map(({ name }) => name)).toEqual(["web"]);
    expect(await client.vms.list({ labelSelector: "tier!=front" }).all()).toEqual([]);
    await (await vm.delete()).result();
    await expect(client.vms.get(vm.id)).rejects.toBeInstanceOf(VmDeletedError);
    await expect(client.vms.get("web")).rejects.toBeInstanceOf(VmNotFoundError);
  });

  it("pages through a list", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) await client.vms.create({ name, image: "debian", protection: { mode: "none" } });
    const list = client.vms.list({ pageSize: 2 });
    expect((await list.all()).map(({ name }) => name)).toEqual(["a", "b", "c", "d", "e"]);
    const first = await list.page();
    expect(first.items.map(({ name }) => name)).toEqual(["a", "b"]);
    expect((await list.page(first.nextPageToken)).items.map(({ name }) => name)).toEqual(["c", "d"]);
    await expect(list.page("elsewhere")).rejects.toBeInstanceOf(BadPageTokenError);
    const backwards = client.vms.list({ pageSize: 2, orderBy: "name desc" });
    expect((await backwards.all()).map(({ name }) => name)).toEqual(["e", "d", "c", "b", "a"]);
    expect((await client.workers.list({ pageSize: 1 }).all()).map(({ name }) => name)).toEqual(["worker-1", "worker-2"]);
  });

  it("makes a VM stopped, and starts it later", async () => {
    const vm = await client.vms.create({ name: "later", image: "debian", protection: { mode: "none" }, desiredState: "stopped" });
    expect([vm.resource.status.state, vm.resource.status.operationId]).toEqual(["stopped", null]);
    await vm.start().result();
    expect((await vm.refresh()).status.state).toBe("running");
  });

  it("pauses, resumes and stops a VM by its desired state, and says which operation that is", async () => {
    const vm = await client.vms.create({ name: "wanted", image: "debian", protection: { mode: "none" } });
    await vm.waitFor("running");
    for (const [desiredState, kind, state] of [
      ["paused", "vm.pause", "paused"],
      ["running", "vm.resume", "running"],
      ["stopped", "vm.stop", "stopped"],
      ["running", "vm.start", "running"],
    ] as const) {
      const { generation } = (await vm.refresh()).resource;
      const updated = await vm.update({ spec: { desiredState } });
      expect([updated.spec.desiredState, updated.generation]).toEqual([desiredState, generation + 1]);
      const operation = await client.operations.get(updated.status.operationId ?? "");
      expect(operation.resource.kind).toBe(kind);
      await operation.result();
      expect((await vm.refresh()).status.state).toBe(state);
    }
    const same = await vm.update({ spec: { desiredState: "running" } });
    expect(same.status.operationId).toBeNull();
  });

  it("deletes what is not there, where that is allowed", async () => {
    await expect(client.vms.delete("nobody").result()).rejects.toBeInstanceOf(VmNotFoundError);
    const done = await client.vms.delete("nobody", { allowMissing: true });
    expect([done.resource.state, done.resource.vmId]).toEqual(["succeeded", null]);
    await done.result();
  });

  it("does a call with one idempotency key once", async () => {
    const options = { name: "once", image: "debian" };
    const [first, second] = [
      await client.vms.create(options, { idempotencyKey: "k" }),
      await client.vms.create(options, { idempotencyKey: "k" }),
    ];
    expect(second.id).toBe(first.id);
    await expect(client.vms.create({ ...options, name: "twice" }, { idempotencyKey: "k" })).rejects.toBeInstanceOf(
      IdempotencyKeyReusedError,
    );
    expect(await client.vms.list().all()).toHaveLength(1);
  });

  it("fails over when it is told to, tells of progress, and goes on with the console", async () => {
    const vm = await client.vms.create({ name: "web", image: "debian" });
    await vm.waitFor("protected");
    const console = await vm.console.attach({ mode: "write", from: "start" });
    stage.guestWrites(vm.id, "login: ");
    const text = async (wanted: string) => {
      let read = "";
      while (!read.includes(wanted)) read += new TextDecoder().decode((await console.next()).value?.data);
      return read;
    };
    expect(await text("login: ")).toBe("login: ");
    expect(await console.write("root\n")).toEqual({ durability: "replicated", inputNext: 5n });
    expect(stage.guestRead(vm.id)).toBe("root\n");
    expect(await console.resize(100, 30)).toEqual({ durability: "replicated", inputNext: 6n });
    expect(stage.terminalOf(vm.id)).toEqual({ cols: 100, rows: 30 });
    const { term } = vm.status;
    stage.paired(vm.id, term);
    const seen: OperationResource["state"][] = [];
    const operation = await vm.failover({ mode: "planned", expectedTerm: term });
    const off = operation.on("progress", ({ state }) => void seen.push(state));
    const failover = await operation.result();
    off();
    expect(failover).toMatchObject({ state: "completed", mode: "planned", vmId: vm.id, operationId: operation.id });
    expect(failover.term).toBeGreaterThan(term);
    expect(failover.stateHashMatch).toBe(failover.stateHash?.match ?? null);
    expect(failover.gapMs?.clientVisible).toBe(failover.gapMs?.client);
    // They are names of our own: what is given on as JSON is the resource.
    expect(Object.keys(JSON.parse(JSON.stringify(failover)) as object)).not.toContain("stateHashMatch");
    expect((await vm.failovers().page()).items[0]?.stateHashMatch).toBe(failover.stateHashMatch);
    expect(seen.at(-1)).toBe("succeeded");
    expect((await vm.failovers().all()).map(({ id }) => id)).toEqual([failover.id]);
    stage.guestWrites(vm.id, "still there");
    expect(await text("still there")).toBe("still there");
    await console.write("exit\n");
    expect(stage.guestRead(vm.id)).toBe("root\nexit\n");
    console.close();
    await expect(vm.failover({ mode: "planned", expectedTerm: 999 })).rejects.toBeInstanceOf(TermMismatchError);
  });

  it("pauses, resumes, stops and starts", async () => {
    const vm = await client.vms.create({ name: "web", image: "debian", protection: { mode: "none" } });
    await vm.waitFor("running");
    await (await vm.pause()).result();
    expect((await vm.refresh()).status.state).toBe("paused");
    await (await vm.resume()).result();
    await (await vm.kill()).result();
    expect([(await vm.refresh()).status.state, vm.status.stateReason]).toEqual(["stopped", "killed"]);
    await expect(vm.resume()).rejects.toBeInstanceOf(InvalidStateError);
    await (await vm.start()).result();
    expect((await vm.refresh()).status.state).toBe("running");
    const kinds = (await client.operations.list({ vm: vm.id }).all()).map(({ kind }) => kind);
    expect(kinds.slice(0, 2)).toEqual(["vm.start", "vm.kill"]);
    await expect(client.operations.get("op_nothing")).rejects.toBeInstanceOf(OperationNotFoundError);
  });

  it("keeps a VM that is protected from deletion until it no longer is", async () => {
    const vm = await client.vms.create({ name: "kept", image: "debian", protection: { mode: "none" }, deletionProtection: true });
    await vm.waitFor("running");
    await expect(vm.delete().result()).rejects.toBeInstanceOf(DeletionProtectedError);
    expect((await client.vms.get("kept")).resource.spec.deletionProtection).toBe(true);
    const after = await vm.update({ spec: { deletionProtection: false } });
    expect([after.spec.deletionProtection, after.generation]).toEqual([false, 2]);
    expect((await vm.update({ spec: { deletionProtection: false } })).generation).toBe(2);
    await vm.delete().result();
    await expect(client.vms.get(vm.id)).rejects.toBeInstanceOf(VmDeletedError);
  });

  it("deletes a VM whose time to live is over, and tells why", async () => {
    const vm = await client.vms.create({ name: "ci", image: "debian", protection: { mode: "none" }, ttlSeconds: 3600 });
    const expiry = (seconds: number) => new Date(Date.parse(vm.resource.createdAt) + seconds * 1000).toISOString();
    expect(vm.status.expiresAt).toBe(expiry(3600));
    expect((await vm.update({ spec: { deletionProtection: true } })).status.expiresAt).toBeNull();
    expect((await vm.update({ spec: { deletionProtection: false, ttlSeconds: null } })).spec.ttlSeconds).toBeNull();
    expect((await vm.update({ spec: { ttlSeconds: 1 } })).status.expiresAt).toBe(expiry(1));
    await vm.waitFor("deleted");
    const [operation] = await client.operations.list({ vm: vm.id }).all();
    expect(operation).toMatchObject({ kind: "vm.delete", state: "succeeded" });
    const told = [];
    for await (const { cause, actor, operationId } of client.events.list({ types: ["vm.deleted"] }))
      told.push({ cause, actor, operationId });
    expect(told).toEqual([{ cause: "ttl_expired", actor: { type: "system" }, operationId: operation?.id }]);
  });

  it("makes tokens that may do what their scopes say, and takes them back", async () => {
    const { token, secret } = await client.tokens.create({ name: "ci", scopes: ["vms:read", "console:read"], ttlSeconds: 3600 });
    const ci = new Understudy({ url: stage.url, token: secret });
    expect((await ci.whoami()).token).toMatchObject({ id: token.id, name: "ci", scopes: ["vms:read", "console:read"] });
    expect(await ci.vms.list().all()).toEqual([]);
    await expect(ci.vms.create({ image: "debian" })).rejects.toBeInstanceOf(ScopeMissingError);
    await expect(ci.tokens.create({ name: "more", scopes: ["vms:write"] })).rejects.toBeInstanceOf(ScopeMissingError);
    expect((await client.tokens.list({ pageSize: 1 }).all()).map(({ name }) => name)).toContain("ci");
    expect((await client.tokens.revoke(token.id)).id).toBe(token.id);
    await expect(ci.whoami()).rejects.toBeInstanceOf(UnauthenticatedError);
    expect((await client.tokens.revoke(token.id)).id).toBe(token.id);
    await expect(client.tokens.revoke("tok_nobodys")).rejects.toBeInstanceOf(TokenNotFoundError);
  });

  it("does with workers what an operator wants", async () => {
    const { workers } = client;
    const state = async () => (await workers.get("worker-1")).status.state;
    expect((await workers.update("worker-1", { labels: { rack: "a" } })).labels).toEqual({ rack: "a" });
    expect((await workers.list({ labelSelector: "rack=a" }).all()).map(({ name }) => name)).toEqual(["worker-1"]);
    await workers.cordon("worker-1").result();
    expect(await state()).toBe("cordoned");
    await workers.uncordon("worker-1").result();
    expect(await state()).toBe("ready");
    await workers.drain("worker-1").result();
    expect(await state()).toBe("drained");
    await workers.fence("worker-1").result();
    expect(await state()).toBe("fenced");
    await expect(workers.cordon("worker-1")).rejects.toBeInstanceOf(InvalidStateError);
    await expect(workers.cordon("nobody")).rejects.toBeInstanceOf(WorkerNotFoundError);
    expect((await client.operations.list().all()).map(({ kind, state }) => `${kind} ${state}`)).toEqual(
      ["fence", "drain", "uncordon", "cordon"].map((verb) => `worker.${verb} succeeded`),
    );
  });

  it("drains a worker that holds something once that is gone", async () => {
    const vm = await client.vms.create({ name: "web", image: "debian", protection: { mode: "none" } });
    await vm.waitFor("running");
    const [{ workerName } = { workerName: "" }] = (await vm.refresh()).status.replicas;
    const operation = await client.workers.drain(workerName);
    expect((await client.workers.get(workerName)).status.state).toBe("draining");
    await vm.delete().result();
    await operation.result();
    expect((await client.workers.get(workerName)).status).toMatchObject({ state: "drained", replicas: 0 });
  });

  it("writes down who asked for what", async () => {
    await client.vms.create({ name: "web", image: "debian", protection: { mode: "none" } });
    await expect(client.vms.get("nobody")).rejects.toBeInstanceOf(VmNotFoundError);
    const entries = await client.audit.list({ pageSize: 2 }).all();
    const told = entries.map(({ operation, route, outcome, status, code }) => ({ operation, route, outcome, status, code }));
    expect(told).toEqual([
      { operation: "createVm", route: "/v1/vms", outcome: "succeeded", status: 201, code: null },
      { operation: "getVm", route: "/v1/vms/{vm}", outcome: "refused", status: 404, code: "vm_not_found" },
      // The pages that are read are calls, too.
      ...told.slice(2),
    ]);
    expect(new Set(entries.map(({ actor }) => actor?.tokenId))).toEqual(new Set([(await client.whoami()).token.id]));
    expect(await client.audit.list({ endTime: new Date(0) }).all()).toEqual([]);
  });

  it("tells what happened, to who asks and to who watches", async () => {
    const watching = new AbortController();
    const seen: string[] = [];
    const watched = (async () => {
      for await (const event of client.events.watch({ types: ["vm.*"], after: 0n, signal: watching.signal })) {
        seen.push(event.type);
        if (event.type === "vm.deleted") return;
      }
    })();
    const vm = await client.vms.create({ name: "web", image: "debian", protection: { mode: "none" } });
    await vm.waitFor("running");
    await (await vm.delete()).result();
    await watched;
    expect(seen[0]).toBe("vm.created");
    expect(seen).toContain("vm.state.changed");
    const held: string[] = [];
    for await (const { type, vmId } of client.events.list({ types: ["vm.created", "vm.deleted"] })) if (vmId === vm.id) held.push(type);
    expect(held).toEqual(["vm.created", "vm.deleted"]);
  });

  it("refuses what is wrong with the same errors", async () => {
    const vm = await client.vms.create({ name: "web", image: "debian", protection: { mode: "none" } });
    await vm.waitFor("running");
    const wrong: readonly [() => Promise<unknown>, new (...of: never[]) => Error][] = [
      [() => client.vms.create({ name: "web", image: "debian" }), NameTakenError],
      [() => client.vms.create({ image: "plan9" }), ImageNotFoundError],
      [() => client.vms.create({ name: "Not A Label", image: "debian" }), ValidationFailedError],
      [() => client.vms.create({ image: "debian", machine: { memoryMiB: 8 } }), ValidationFailedError],
      [() => client.vms.get("nobody"), VmNotFoundError],
      [() => client.vms.list({ state: "runing" as "running" }).all(), ValidationFailedError],
      [() => client.vms.list({ protection: "safe" as "protected" }).all(), ValidationFailedError],
      [() => client.events.list({ after: 10n ** 12n }).next(), EventCursorExpiredError],
      [() => vm.waitFor("protected"), WaitTargetUnreachableError],
      [() => vm.failover({ mode: "test" }), NotProtectedError],
      [() => vm.update({ labels: { a: "b" } }, { ifGeneration: 9 }), EtagMismatchError],
      [() => new Understudy({ url: stage.url, token: "another" }).vms.list().all(), UnauthenticatedError],
      [() => client.vms.get("nobody").then((found) => found.console.attach()), VmNotFoundError],
    ];
    for (const [call, type] of wrong) await expect(call()).rejects.toBeInstanceOf(type);
    expect(await vm.update({ labels: { a: "b" } }, { ifGeneration: 1 })).toMatchObject({ labels: { a: "b" }, generation: 1 });
  });
});

describe("the fake service alone", () => {
  it("refuses when a test wants it to, and the client tries again", async () => {
    const fake = await FakeUnderstudy.start();
    const client = new Understudy({ url: fake.url, token: fake.token, backoff: { baseMs: 1, capMs: 2 } });
    fake.refuse({ status: 503, code: "arbiter_unavailable", retryable: true }, 2);
    const vm = await client.vms.create({ name: "web", image: "debian" });
    expect(vm.name).toBe("web");
    const posts = fake.requests.filter(({ method }) => method === "POST");
    expect(posts).toHaveLength(3);
    expect(new Set(posts.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    await fake.close();
  });

  it("loses a worker under a console, cuts the connection, and forgets events, where a test says so", async () => {
    const fake = await FakeUnderstudy.start();
    const client = new Understudy({ url: fake.url, token: fake.token, backoff: { baseMs: 1, capMs: 2 } });
    const vm = await client.vms.create({ name: "web", image: "debian" });
    await vm.waitFor("protected");
    const console = await vm.console.attach({ mode: "write" });
    const terms: (string | null)[] = [];
    console.on("term", ({ cause }) => void terms.push(cause));
    fake.vm("web").write("before ");
    fake.vm("web").failOver();
    fake.vm("web").cutConsoles();
    fake.vm("web").write("after");
    let read = "";
    while (!read.endsWith("after")) read += new TextDecoder().decode((await console.next()).value?.data);
    expect(read).toBe("before after");
    await console.write("typed");
    expect(fake.vm("web").input).toBe("typed");
    expect(terms).toEqual(["worker_lost"]);
    console.close();
    fake.forgetEvents();
    const { value } = await client.events.watch({ after: 0n })[Symbol.asyncIterator]().next();
    expect(value?.type).toBe("resync");
    await fake.close();
  });
});
