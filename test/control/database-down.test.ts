/** Postgres goes away and comes back: what is refused meanwhile, what goes on, and what is made up for. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";
import { TestPostgres } from "./support/database.ts";

let postgres: TestPostgres;
let control: ControlUnderTest;

beforeEach(async () => {
  postgres = await TestPostgres.start();
  control = await ControlUnderTest.start({
    connection: await postgres.newDatabase(),
    queryTimeoutMs: 1500,
    workers: ["one", "two"],
  });
});
afterEach(async () => {
  await control.close();
  await postgres.stop();
});

test("calls say arbiter_unavailable, open consoles go on, and a failover happens when Postgres is back", async () => {
  const { vm, primary, backup, backupId, primaryId } = await control.protectedVm("demo");
  const console = await control.attach("demo", { mode: "write", from: "start" });
  await postgres.server.stop("immediate");

  const { status, body, headers } = await control.get<Problem>("/v1/vms/demo");
  expect([status, body.code, body.retryable]).toEqual([503, "arbiter_unavailable", true]);
  expect(headers.get("retry-after")).toBe("1");
  const ready = await control.get<{ checks: { name: string; status: string; message: string }[] }>("/readyz");
  expect(ready.status).toBe(503);
  expect(ready.body.checks.find((check) => check.status === "failing")).toMatchObject({
    name: "database",
    message: expect.stringContaining("arbiter_unavailable"),
  });
  expect((await control.get("/livez")).status).toBe(200);
  const create = await control.call<Problem>("POST", "/v1/vms", { spec: { image: "debian" } });
  expect([create.status, create.body.code]).toEqual([503, "arbiter_unavailable"]);

  primary.write(vm.id, "still here\n");
  await console.output("still here\n");
  console.type("typed\n");
  await console.message("ack", (ack) => ack["inputNext"] === "6");

  await control.kill(primary);
  expect((await backup.promote(backupId)).outcome).toBe("unavailable");
  expect(backup.reports.get(backupId)?.role).toBe("backup");
  expect(
    control.log.some((line) => line["code"] === "arbiter_unavailable" && String(line["msg"]).includes("the replica will ask again")),
  ).toBe(true);

  await postgres.server.startAgain();
  await expect.poll(async () => (await backup.promote(backupId)).outcome, { timeout: 240_000 }).toBe("granted");
  backup.write(vm.id, "and on\n");
  await console.output("still here\nand on\n");
  const after = await control.vmThat("demo", ({ status: now }) => now.lastFailover?.state === "completed");
  expect(after.status).toMatchObject({ state: "running", term: vm.status.term + 1 });
  expect(after.status.replicas.find((replica) => replica.role === "primary")?.id).toBe(backupId);
  expect(after.status.lastFailover?.from).toBe(primaryId);
});

test("a worker whose channel breaks meanwhile is taken back, and its pair is not disturbed", async () => {
  const { vm, primary } = await control.protectedVm("demo");
  await postgres.server.stop("immediate");
  await control.kill(primary);
  await primary.reconnect();
  await postgres.server.startAgain();
  const after = await control.vmThat("demo", ({ status }) => status.protection.state === "protected");
  expect(after.status.term).toBe(vm.status.term);
  expect(primary.orders.some((order) => order.type === "dropReplica")).toBe(false);
});

test("a worker that nobody knows is asked to come again, not refused", async () => {
  await postgres.server.stop("immediate");
  await expect(control.join("three")).rejects.toThrow("closed");
  expect(control.log.some((line) => String(line["msg"]).includes("the worker shall come again"))).toBe(true);
  await postgres.server.startAgain();
  await expect.poll(async () => (await control.get("/readyz")).status, { timeout: 240_000 }).toBe(200);
  await control.join("three");
});

test("a database that is stopped by a signal, and answers nothing, is given up on quickly", async () => {
  await control.createVm("demo");
  const pid = postgres.server.processId as number;
  // The postmaster first: then no new session can begin.
  process.kill(pid, "SIGSTOP");
  const sessions = await backends(pid);
  for (const each of sessions) process.kill(each, "SIGSTOP");
  try {
    // It is answered while the database still is stopped: nobody waits for that to end.
    const { status, body } = await control.get<Problem>("/v1/vms/demo");
    expect([status, body.code]).toEqual([503, "arbiter_unavailable"]);
  } finally {
    for (const each of [...sessions, pid]) process.kill(each, "SIGCONT");
  }
  await expect.poll(async () => (await control.get<Vm>("/v1/vms/demo")).status, { timeout: 240_000 }).toBe(200);
});

/** Processes that the postmaster has started: sessions, and its own helpers. */
async function backends(postmaster: number): Promise<number[]> {
  const { readdir, readFile } = await import("node:fs/promises");
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] === String(postmaster)) found.push(Number(name));
  }
  return found;
}
