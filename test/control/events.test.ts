/** Events: their order, their pages, and streams that are resumed without a hole or a repeat. */
import { beforeEach, describe, expect, test } from "vitest";
import { readEvents } from "../../src/control/db/queries/read-events.ts";
import type { Event } from "../../src/control/schemas/event.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeEach(async () => {
  control = await ControlUnderTest.ofTest({ settings: { eventBookmarkMs: 100 } });
});

interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: Event;
}

/** A server-sent stream, one message after the other. */
class Stream {
  readonly messages: Message[] = [];
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private rest = "";

  private constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.reader = reader;
  }

  static async open(path: string, headers: Record<string, string> = {}): Promise<Stream> {
    const response = await fetch(control.url + path, {
      headers: { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream", ...headers },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    return new Stream((response.body as ReadableStream<Uint8Array>).getReader());
  }

  async until(look: (messages: readonly Message[]) => boolean): Promise<void> {
    while (!look(this.messages)) {
      const { done, value } = await this.reader.read();
      if (done) throw new Error("the stream ended");
      const blocks = (this.rest + Buffer.from(value).toString()).split("\n\n");
      this.rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const [, id = "", event = "", data = ""] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
        this.messages.push({ id, event, data: JSON.parse(data) });
      }
    }
  }

  get types(): string[] {
    return this.messages.map((message) => message.event).filter((event) => event !== "bookmark");
  }

  close(): Promise<void> {
    return this.reader.cancel();
  }
}

describe("a stream", () => {
  test("begins now, and gives each event as it is committed", async () => {
    await control.createVm("before");
    const stream = await Stream.open("/v1/events");
    await stream.until((messages) => messages.length > 0);
    await control.createVm("after");
    await stream.until((messages) => messages.some((message) => message.event === "vm.created"));
    const [created] = stream.messages.filter((message) => message.event === "vm.created");
    expect(created?.data).toMatchObject({
      seq: created?.id,
      type: "vm.created",
      project: "default",
      data: { name: "after" },
      actor: { type: "user", id: expect.stringMatching(/^tok_/) },
    });
    await stream.close();
  });

  test("is not for types that a pattern of the database would match", async () => {
    await control.createVm("unmatched");
    const { db } = control.parts.database;
    for (const type of ["vm.\\", "vm.%", "vm_created", "\\*"])
      expect(await readEvents(db, { vmId: null, types: [type], labels: [] }, 0n, 10), type).toEqual([]);
  });

  test("is resumed by Last-Event-ID or after, without a hole or a repeat", async () => {
    const stream = await Stream.open("/v1/events?after=0&types=vm.created");
    for (const name of ["a", "b", "c"]) await control.createVm(name);
    await stream.until((messages) => messages.filter((message) => message.event === "vm.created").length === 3);
    const second = stream.messages.filter((message) => message.event === "vm.created")[1] as Message;
    await stream.close();
    await control.createVm("d");
    for (const resumed of [
      await Stream.open("/v1/events?types=vm.created", { "last-event-id": second.id }),
      await Stream.open(`/v1/events?types=vm.created&after=${second.id}`),
    ]) {
      await resumed.until((messages) => messages.filter((message) => message.event === "vm.created").length === 2);
      const names = resumed.messages
        .filter((message) => message.event === "vm.created")
        .map((message) => (message.data.data as { name: string }).name);
      expect(names).toEqual(["c", "d"]);
      await resumed.close();
    }
  });

  test("says bookmark while nothing happens", async () => {
    const stream = await Stream.open("/v1/events");
    await stream.until((messages) => messages.length >= 3);
    expect(new Set(stream.messages.map((message) => message.event))).toEqual(new Set(["bookmark"]));
    await stream.close();
  });

  test("of one VM has no other's events", async () => {
    await control.createVm("a");
    const stream = await Stream.open("/v1/vms/a/events?after=0");
    await control.createVm("b");
    await control.call("DELETE", "/v1/vms/a");
    await stream.until(() => stream.types.includes("vm.deleted"));
    expect(stream.types.filter((type) => type === "vm.created")).toHaveLength(1);
    await stream.close();
  });

  test("of labelled VMs has no other's events", async () => {
    const { status, body } = await control.get<{ code: string }>("/v1/events?labelSelector=%3D");
    expect([status, body.code]).toEqual([422, "validation_failed"]);
    await control.createVm("a");
    await control.createVm("b");
    await control.call("PATCH", "/v1/vms/a", { labels: { tier: "web", env: "prod" } });
    const stream = await Stream.open("/v1/events?after=0&types=vm.*&labelSelector=tier%3Dweb,env!%3Dtest");
    await control.call("PATCH", "/v1/vms/b", { labels: { tier: "web", env: "test" } });
    await control.call("DELETE", "/v1/vms/a");
    await stream.until(() => stream.types.includes("vm.deleted"));
    expect(stream.types.slice(0, 2)).toEqual(["vm.created", "vm.spec.changed"]);
    expect(new Set(stream.messages.filter(({ event }) => event !== "bookmark").map(({ data }) => data.vmId)).size).toBe(1);
    await stream.close();
  });

  test("that lets others' events pass says so in its bookmarks: its cursor does not expire while it is quiet", async () => {
    const stream = await Stream.open("/v1/events?types=vm.deleted");
    await stream.until((messages) => messages.length > 0);
    const begin = BigInt(stream.messages[0]?.id ?? "0");
    await control.createVm("a");
    await stream.until((messages) => BigInt(messages.at(-1)?.id ?? "0") > begin);
    const cursor = stream.messages.at(-1)?.id as string;
    await stream.close();
    await control.parts.database.db.execute(`DELETE FROM events WHERE seq <= ${cursor}`);
    const resumed = await Stream.open("/v1/events?types=vm.deleted", { "last-event-id": cursor });
    await control.call("DELETE", "/v1/vms/a");
    await resumed.until(() => resumed.types.includes("vm.deleted"));
    await resumed.close();
  });

  test("whose cursor has expired is refused as 410; the SDK says resync, and goes on with what is held", async () => {
    for (const name of ["a", "b", "c"]) await control.createVm(name);
    await control.parts.database.db.execute("DELETE FROM events WHERE seq < 4");
    const headers = { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" };
    const refused = await fetch(`${control.url}/v1/events`, { headers: { ...headers, "last-event-id": "1" } });
    const problem = (await refused.json()) as { code: string; oldest: string };
    expect([refused.status, problem.code]).toEqual([410, "event_cursor_expired"]);
    const sdk = new Understudy({ url: control.url, token: TOKEN });
    const seen: string[] = [];
    for await (const event of sdk.events.watch({ after: 1n })) {
      seen.push(event.type, event.seq);
      if (event.type !== "resync") break;
      expect(await sdk.vms.list().all()).toHaveLength(3);
    }
    expect(seen[0]).toBe("resync");
    expect(seen[3]).toBe(problem.oldest);
  });

  test("ends when its token is revoked, or expires, and gives nothing that happens behind that", async () => {
    const make = async (body: object) => (await control.call<{ token: { id: string }; secret: string }>("POST", "/v1/tokens", body)).body;
    const revoked = await make({ name: "revoked", scopes: ["events:read"] });
    const expiring = await make({ name: "expiring", scopes: ["events:read"], ttlSeconds: 1 });
    const streams = await Promise.all(
      [revoked, expiring].map(({ secret }) => Stream.open("/v1/events", { authorization: `Bearer ${secret}` })),
    );
    await control.call("DELETE", `/v1/tokens/${revoked.token.id}`);
    const ended = streams.map((stream) => expect(stream.until(() => false)).rejects.toThrow("the stream ended"));
    await Promise.all(ended);
    expect(streams.flatMap(({ types }) => types).filter((type) => !type.startsWith("token."))).toEqual([]);
  });

  test("ends when the control plane stops", async () => {
    const stream = await Stream.open("/v1/events");
    await control.stopButWorkers();
    await expect(stream.until(() => false)).rejects.toThrow("the stream ended");
  });
});

describe("a page", () => {
  test("follows the one before, and the list of VMs says where to begin", async () => {
    await control.createVm("a");
    const { body: list } = await control.get<{ resourceVersion: string }>("/v1/vms");
    await control.createVm("b");
    const { body: page } = await control.get<{ items: Event[]; nextAfter: string }>(
      `/v1/events?after=${list.resourceVersion}&types=vm.created`,
    );
    expect(page.items.map((event) => (event.data as { name: string }).name)).toEqual(["b"]);
    const { body: rest } = await control.get<{ items: Event[]; nextAfter: string }>(`/v1/events?after=${page.nextAfter}`);
    expect(rest.items).toEqual([]);
    expect(BigInt(rest.nextAfter)).toBeGreaterThanOrEqual(BigInt(page.nextAfter));
  });

  test("is cut at pageSize", async () => {
    for (const name of ["a", "b", "c"]) await control.createVm(name);
    const seen: string[] = [];
    for (let after = "0"; ; ) {
      const { body } = await control.get<{ items: Event[]; nextAfter: string }>(`/v1/events?types=vm.*&pageSize=2&after=${after}`);
      if (body.items.length === 0) break;
      seen.push(...body.items.map((event) => event.seq));
      after = body.nextAfter;
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => Number(a) - Number(b)));
    expect(seen.length).toBeGreaterThanOrEqual(3);
  });

  test("that begins behind the newest event is 410: the database is an older copy, or another", async () => {
    await control.createVm("a");
    const { body: all } = await control.get<{ nextAfter: string }>("/v1/events");
    const newest = BigInt(all.nextAfter);
    const { status: atTheEnd } = await control.get(`/v1/events?after=${newest}`);
    expect(atTheEnd).toBe(200);
    const beyond = `/v1/events?after=${newest + 1000n}`;
    const { status, body } = await control.get<{ code: string; oldest: string }>(beyond);
    expect([status, body.code, body.oldest]).toEqual([410, "event_cursor_expired", "1"]);
    const stream = await fetch(control.url + beyond, { headers: { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" } });
    expect(stream.status).toBe(410);
    const sdk = new Understudy({ url: control.url, token: TOKEN });
    for await (const event of sdk.events.watch({ after: newest + 1000n })) {
      expect(event).toEqual({ type: "resync", seq: "0" });
      break;
    }
  });

  test("that begins before what is kept is 410 and says where it begins", async () => {
    for (const name of ["a", "b", "c"]) await control.createVm(name);
    const { body: all } = await control.get<{ items: Event[] }>("/v1/events");
    const oldest = all.items[2] as Event;
    await control.parts.database.db.execute(`DELETE FROM events WHERE seq < ${oldest.seq}`);
    const { status, body } = await control.get<{ code: string; oldest: string }>("/v1/events?after=0");
    expect([status, body.code, body.oldest]).toEqual([410, "event_cursor_expired", oldest.seq]);
    const { status: fine } = await control.get(`/v1/events?after=${BigInt(oldest.seq) - 1n}`);
    expect(fine).toBe(200);
  });
});

test("every event says why it happened and who brought it about; those of a call's work, by which call", async () => {
  await control.join("one");
  await control.join("two");
  await control.join("three");
  const { body: vm } = await control.call<{ id: string }>(
    "POST",
    "/v1/vms",
    { name: "a", spec: { image: "debian" } },
    { "request-id": "create" },
  );
  await control.waitFor("a", "protected");
  const asked = async (id: string, method: string, path: string, body?: unknown) => {
    const { status } = await control.call(method, path, body, { "request-id": id });
    expect([id, status]).toEqual([id, status < 300 ? status : 202]);
  };
  await asked("failover", "POST", "/v1/vms/a/failover?wait=60", { mode: "planned" });
  await asked("label", "PATCH", "/v1/vms/a", { labels: { tier: "web" } });
  await asked("cordon", "POST", "/v1/workers/three/cordon");
  await asked("stop", "POST", "/v1/vms/a/stop?wait=60", { graceMs: 10 });
  await asked("drain", "POST", "/v1/workers/one/drain?wait=60", {});
  await asked("delete", "DELETE", "/v1/vms/a?wait=60");
  const { body } = await control.get<{ items: Event[] }>("/v1/events?pageSize=1000");
  for (const event of body.items) {
    expect(event.cause, event.type).toMatch(/^[a-z_]+$/);
    if (event.actor.type === "system") expect(Object.keys(event.actor)).toEqual(["type"]);
    else expect(event.actor, event.type).toMatchObject({ id: expect.stringMatching(/^(tok|wrk)_/), name: expect.any(String) });
    if (event.actor.type === "user") expect(event, event.type).toMatchObject({ cause: "user_action", requestId: expect.any(String) });
    if (event.operationId !== null) expect(event.requestId, `${event.type} of an operation`).not.toBeNull();
  }
  const of = (requestId: string) => body.items.filter((event) => event.requestId === requestId);
  expect(of("create").map(({ type, actor }) => `${type} ${actor.type}`)).toEqual([
    "vm.created user",
    "vm.state.changed system",
    "vm.state.changed system",
    "operation.updated system",
  ]);
  expect(of("failover").map(({ type }) => type)).toEqual([
    "operation.updated",
    "vm.failover.started",
    "vm.failover.completed",
    "operation.updated",
  ]);
  expect(new Set(of("delete").map(({ vmId }) => vmId))).toEqual(new Set([vm.id]));
  expect(of("label")).toMatchObject([{ type: "vm.spec.changed", actor: { type: "user", name: "test" } }]);
  expect(of("drain").map(({ type }) => type)).toContain("worker.drain.completed");
});

test("consoles that are attached and left, repairs, aliases that are moved and workers that are forgotten are told of", async () => {
  await control.join("one");
  await control.join("two");
  await control.join("idle", { memoryMiB: 100 });
  const { vm, primary, primaryId, backup, backupId } = await control.protectedVm("demo");
  const told = async (type: Event["type"]) => (await control.eventThat(type, () => true)) as Event;
  expect(await told("vm.repair.started")).toMatchObject({ vmId: vm.id, data: { backup: backupId } });
  const console = await control.attach("demo");
  expect(await told("vm.console.attached")).toMatchObject({ vmId: vm.id, actor: { type: "user", name: "test" } });
  console.terminate();
  expect(await told("vm.console.detached")).toMatchObject({ vmId: vm.id });
  await control.call("PUT", "/v1/image-aliases/stable", { image: "debian" });
  expect(await told("image.alias.moved")).toMatchObject({ cause: "user_action", data: { name: "stable" } });
  // Whoever was let go by the primary asks in vain.
  const { term } = primary.primaryOf(vm.id);
  primary.pairs = false;
  await primary.ask(vm.id, primaryId, { kind: "goSolo", term, lost: backupId, reason: "backup_failed" });
  expect(await backup.ask(vm.id, backupId, { kind: "promote", term, keepsOthers: true })).toMatchObject({ outcome: "refused" });
  expect(await told("vm.failover.refused")).toMatchObject({ vmId: vm.id, cause: "promotion_refused", data: { replicaId: backupId } });
  await control.call("POST", "/v1/workers/idle/fence");
  await control.call("DELETE", "/v1/workers/idle");
  expect(await told("worker.deleted")).toMatchObject({ cause: "user_action", data: { name: "idle" } });
});

test("numbers are in the order of commits: who has seen N has seen all below", async () => {
  const stream = await Stream.open("/v1/events?after=0");
  await Promise.all(Array.from({ length: 30 }, (_, i) => control.createVm(`vm-${i}`)));
  await stream.until(() => stream.types.filter((type) => type === "vm.created").length === 30);
  const seqs = stream.messages.filter((message) => message.event !== "bookmark").map((message) => Number(message.data.seq));
  expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] as number) + index));
  await stream.close();
});
