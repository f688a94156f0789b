/** Control planes that share a database: one reconciles, each knows what the others did, and none is believed that is gone. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import pg from "pg";
import { describe, expect, test, vi } from "vitest";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";
import { makeImageStore } from "./support/image-store.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

/** The first leads: it was there first. */
async function two(): Promise<[ControlUnderTest, ControlUnderTest]> {
  const connection = await databaseOfTest();
  const images = await makeImageStore();
  return [await ControlUnderTest.ofTest({ connection, images }), await ControlUnderTest.ofTest({ connection, images })];
}

async function elected(control: ControlUnderTest): Promise<void> {
  if (!control.parts.presence.isLeader) await once(control.parts.presence, "elected");
}

async function terminate(connection: pg.PoolConfig, applicationName: string): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()",
    [applicationName],
  );
  await client.end();
}

const readiness = async (control: ControlUnderTest) =>
  (await control.get<{ checks: { name: string; message: string }[] }>("/readyz")).body.checks.find(({ name }) => name === "reconciler")
    ?.message;

describe("two control planes on one database", () => {
  test("have one that reconciles, and another one when it stops", async () => {
    const [first, second] = await two();
    expect([first.parts.presence.isLeader, second.parts.presence.isLeader]).toEqual([true, false]);
    expect([await readiness(first), await readiness(second)]).toEqual([
      "This control plane reconciles",
      "Another control plane reconciles",
    ]);
    expect(await first.parts.presence.present()).toEqual(new Set([first.parts.presence.instance, second.parts.presence.instance]));

    await first.stopButWorkers();
    await elected(second);
    await second.join("worker-1");
    await second.join("worker-2");
    await second.createVm("later");
    await second.waitFor("later", "protected");
    expect(await second.parts.presence.present()).toEqual(new Set([second.parts.presence.instance]));
  });

  test("have one again after the sessions by which they know each other broke", async () => {
    const [first, second] = await two();
    const deposed = once(first.parts.presence, "deposed");
    await terminate(first.connection, "understudy-presence");
    await deposed;
    await Promise.race([elected(first), elected(second)]);
    expect([first.parts.presence.isLeader, second.parts.presence.isLeader].filter(Boolean)).toHaveLength(1);
  });

  test("tell what either was asked for to the one that reconciles", async () => {
    const [first, second] = await two();
    const worker = await first.join("worker-1");
    const created = (await second.call<Vm>("POST", "/v1/vms", { name: "asked", spec: { image: "debian", protection: { mode: "none" } } }))
      .body;
    expect(await worker.order("createReplica", ({ vmId }) => vmId === created.id)).toMatchObject({ role: "primary" });
    await first.waitFor("asked", "running");
    const { body } = await second.get<Vm>(`/v1/vms/${created.id}`);
    expect(body.status.state).toBe("running");
  });

  test("wake a wait for the events of its VM alone, whichever of them committed those", async () => {
    const [first, second] = await two();
    const vm = await first.createVm("waited", "none");
    const [other, last] = [await first.createVm("other", "none"), await first.createVm("last", "none")];
    const queries = vi.spyOn(second.parts.database["pool"], "query");
    const reads = () => queries.mock.calls.filter(([query]) => /from "vms"/.test((query as unknown as { text: string }).text)).length;
    const waiting = second.waitFor("waited", "running");
    // By its name, and by its id once it waits.
    while (reads() < 2) await second.parts.feed.next(20);
    const began = performance.now();
    const tellOf = ({ id }: Vm, by: ControlUnderTest) =>
      by.parts.database.transaction(async (tx) => tx.emit({ type: "vm.spec.changed", vmId: id, cause: "told by a test" }));
    for (let told = 0; told < 20; told++) for (const by of [first, second]) await tellOf(other, by);
    const heard = second.parts.feed.nextAbout(last.id, 60_000);
    await tellOf(last, first);
    await heard;
    // It looks by itself every five seconds.
    expect(reads() - 2).toBeLessThanOrEqual((performance.now() - began) / 5000);
    await first.join("worker-1");
    expect((await waiting).id).toBe(vm.id);
    expect(reads()).toBeGreaterThan(2);
  });

  test("know a worker as joined once, whichever of them it came to first", async () => {
    const [first, second] = await two();
    const incarnation = randomUUID();
    await Promise.all([first.join("worker-1", { incarnation }), second.join("worker-1", { incarnation })]);
    const { body } = await second.get<{ items: { data: { name: string } }[] }>("/v1/events?types=worker.joined&after=0");
    expect(body.items.map(({ data }) => data.name)).toEqual(["worker-1"]);
  });

  test("close every channel of a worker that is fenced at one of them, and neither lets it in again", async () => {
    const [first, second] = await two();
    const incarnation = randomUUID();
    const [here, there] = [await first.join("worker-1", { incarnation }), await second.join("worker-1", { incarnation })];
    for (const [at, fencing] of [
      [first, second],
      [second, first],
    ] as const) {
      const closed = Promise.all([here.closed(), there.closed()]);
      expect((await fencing.call("POST", "/v1/workers/worker-1/fence")).status).toBe(202);
      await closed;
      for (const [worker, control] of [
        [here, first],
        [there, second],
      ] as const) {
        await expect(worker.reconnect()).rejects.toThrow(/fenced/);
        expect(control.parts.workers.link(worker.workerId)).toBeNull();
      }
      await at.call("POST", "/v1/workers/worker-1/uncordon");
      for (const worker of [here, there]) await worker.reconnect();
    }
  });

  test("do not believe the late hello of a process that another one has replaced", async () => {
    const [first, second] = await two();
    const [old, fresh] = [randomUUID(), randomUUID()];
    const killed = await first.join("worker-1", { incarnation: old });
    await first.kill(killed);
    const successor = await first.join("worker-1", { incarnation: fresh });
    await expect(second.join("worker-1", { incarnation: old })).rejects.toThrow(/replaced/);
    const { body } = await second.get<{ items: { id: string; status: { state: string } }[] }>("/v1/workers");
    expect(body.items).toMatchObject([{ id: successor.workerId, status: { state: "ready" } }]);
  });
});

describe("the writer of a console", () => {
  test("is forgotten with its control plane", async () => {
    const [first, second] = await two();
    await second.join("worker-1");
    const vm = await second.createVm("written", "none");
    const client = new pg.Client(second.connection);
    await client.connect();
    const write = async (session: string, controlPlane: number) => {
      await client.query("DELETE FROM console_writers");
      await client.query("INSERT INTO console_writers (vm_id, session_id, input_session, control_plane) VALUES ($1, $2, $3, $4)", [
        vm.id,
        session,
        randomUUID(),
        controlPlane,
      ]);
      await second.parts.consoles.start();
    };
    await write("con_there", first.parts.presence.instance);
    expect(second.parts.consoles.writerOf(vm.id)).toBe("con_there");
    const refused = second.attach(vm.id, { mode: "write" });
    await expect(refused).rejects.toThrow(/console_writer_busy/);

    await write("con_gone", 1);
    expect(second.parts.consoles.writerOf(vm.id)).toBe("con_gone");
    const socket = await second.attach(vm.id, { mode: "write" });
    expect((await socket.hello())["mode"]).toBe("write");
    await client.end();
  });
});
