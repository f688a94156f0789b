/**
 * Worker processes, real ones: real sockets, real engine threads, a guest of a few instructions; the control plane is
 * scripted. Time-outs are long where a loaded machine must not cause a suspicion that the story does not tell of.
 */

import { once } from "node:events";
import { appendFileSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { ReplicaSpec } from "../../src/wire/control-messages.ts";
import { dialLoggingChannel, LoggingChannelListener, type LoggingChannelSocket } from "../../src/worker/logging-channel-socket.ts";
import { compressState, plainState, STATE_PART_BYTES } from "../../src/worker/state-compression.ts";
import { type GuestOptions, guestImage, readTranscript } from "./guest-program.ts";
import { ConsoleClient, type JoinedWorker, ScriptedControlPlane, sha256 } from "./scripted-control-plane.ts";
import { WorkerProcess } from "./worker-process.ts";

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const PATIENT = { heartbeatTimeoutMs: 30_000, maxLagMs: 60_000 };
/** Long enough for a loaded machine, short enough to wait for. */
const ATTENTIVE = { heartbeatTimeoutMs: 3000, maxLagMs: 60_000 };
/** A line each millisecond of guest time. */
const IDLE: GuestOptions = { periodTicks: 10_000, busy: false };
const BUSY: GuestOptions = { periodTicks: 10_000, busy: true };

async function controlPlane(): Promise<ScriptedControlPlane> {
  const plane = new ScriptedControlPlane();
  await plane.listen();
  cleanups.push(() => plane.close());
  return plane;
}

function startWorker(plane: ScriptedControlPlane, name: string, env: NodeJS.ProcessEnv = {}, entry?: string): WorkerProcess {
  const worker = WorkerProcess.start(name, plane, env, entry);
  cleanups.push(async () => {
    worker.signal("SIGCONT");
    worker.signal("SIGKILL");
    await worker.exited;
  });
  return worker;
}

interface Site {
  readonly plane: ScriptedControlPlane;
  readonly processes: readonly WorkerProcess[];
  readonly workers: readonly JoinedWorker[];
  readonly process: (index: number) => WorkerProcess;
  readonly worker: (index: number) => JoinedWorker;
}

async function site(count: number): Promise<Site> {
  const plane = await controlPlane();
  const processes = Array.from({ length: count }, (_, i) => startWorker(plane, `worker-${i}`));
  const workers = await Promise.all(processes.map(({ name }) => plane.joined(name)));
  return { plane, processes, workers, process: (i) => processes[i] as WorkerProcess, worker: (i) => workers[i] as JoinedWorker };
}

function guest(
  plane: ScriptedControlPlane,
  options: GuestOptions,
  timing: Pick<ReplicaSpec, "heartbeatTimeoutMs" | "maxLagMs"> = PATIENT,
): ReplicaSpec {
  return {
    memoryMiB: 16,
    cmdline: "",
    kernelDigest: plane.putBlob(guestImage(options)),
    initramfsDigest: plane.putBlob(new Uint8Array(64)),
    consoleBase: "0",
    ...timing,
  };
}

/** A VM that runs on worker 0 and has no backup, and a client at its console. */
async function livePrimary(at: Site, options: GuestOptions, timing = PATIENT): Promise<{ client: ConsoleClient; spec: ReplicaSpec }> {
  const spec = guest(at.plane, options, timing);
  at.plane.createPrimary(at.worker(0), "vm_1", "rep_a", spec);
  await at.plane.reported("rep_a", "is live", ({ state }) => state === "live");
  const client = new ConsoleClient(at.plane);
  client.attach(at.worker(0), "rep_a");
  return { client, spec };
}

/** The same, protected by worker 1. */
async function protectedVm(at: Site, options: GuestOptions, timing = PATIENT): Promise<{ client: ConsoleClient; spec: ReplicaSpec }> {
  const { client, spec } = await livePrimary(at, options, timing);
  await at.plane.protect(at.worker(0), at.worker(1), "vm_1", "rep_b", spec);
  return { client, spec };
}

/** A primary without a backup, whose busy guest has written 1,500 pages. */
async function primaryOfManyPages(at: Site): Promise<{ client: ConsoleClient; spec: ReplicaSpec }> {
  const { client, spec } = await livePrimary(at, BUSY);
  client.type("!".repeat(1500)); // a page each
  await acknowledged(at.plane, client);
  return { client, spec };
}

/** Waits for `lines` more numbers than the client has now. */
async function moreNumbers(plane: ScriptedControlPlane, client: ConsoleClient, lines: number): Promise<void> {
  const wanted = readTranscript(client.output).numbers + lines;
  await plane.until(
    `number ${wanted} is printed`,
    () => client.output.length >= wanted * 9 && readTranscript(client.output).numbers >= wanted,
  );
}

async function acknowledged(plane: ScriptedControlPlane, client: ConsoleClient): Promise<void> {
  await plane.until("all input is acknowledged", () => client.inputNext === BigInt(client.typed));
}

describe("a protected VM", () => {
  for (const [name, options] of [
    ["waits", IDLE],
    ["computes", BUSY],
  ] as const) {
    test(`that ${name} outlives its primary's process, and the next one, with one transcript`, async () => {
      const at = await site(3);
      const { plane } = at;
      const { client, spec } = await protectedVm(at, options);
      client.type("first");
      await acknowledged(plane, client);
      expect(client.durability).toBe("replicated");
      await moreNumbers(plane, client, 20);

      client.type("second"); // perhaps on its way when the process dies: said again to the next primary
      at.process(0).signal("SIGKILL");
      const promoted = await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
      expect(plane.vm("vm_1")).toMatchObject({ primary: "rep_b", synced: [] });
      expect(promoted.promotion).not.toBe(null);
      client.attach(at.worker(1), "rep_b");
      await acknowledged(plane, client);
      client.type("alone");
      await acknowledged(plane, client);
      expect(client.durability).toBe("solo");
      await moreNumbers(plane, client, 20);

      await plane.protect(at.worker(1), at.worker(2), "vm_1", "rep_c", spec);
      client.type("third");
      await acknowledged(plane, client);
      expect(client.durability).toBe("replicated");
      at.process(1).signal("SIGKILL");
      await plane.reported("rep_c", "is primary", ({ role }) => role === "primary");
      client.attach(at.worker(2), "rep_c");
      await moreNumbers(plane, client, 20);
      await plane.until("the echo is complete", () => readTranscript(client.output).echoed.length >= client.typed);
      expect(readTranscript(client.output).echoed).toBe("firstsecondalonethird");
    });
  }

  test("whose primary is stopped goes on elsewhere; continued, that one finds itself fenced and releases nothing", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client } = await protectedVm(at, IDLE, ATTENTIVE);
    const spy = new ConsoleClient(plane);
    spy.attach(at.worker(0), "rep_a");
    await moreNumbers(plane, client, 20);

    at.process(0).signal("SIGSTOP");
    const { promotion } = await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    client.attach(at.worker(1), "rep_b");
    await moreNumbers(plane, client, 50);

    at.process(0).signal("SIGCONT");
    const line = await at.process(0).says(/^replica rep_a fenced/);
    expect(line).toMatchObject({ code: "fenced", replicaId: "rep_a", vmId: "vm_1" });
    expect(line.msg).toMatch(
      /^replica rep_a fenced: term \d+ belongs to another replica; released nothing since .*T.*Z, output stands at \d+$/,
    );
    const fenced = await plane.reported("rep_a", "is fenced", ({ state }) => state === "fenced");
    expect(fenced.haltReason).toBe("fenced");
    await plane.until("its subscription ends", () => spy.closedWith !== null);
    expect(spy.closedWith).toBe("not_primary");
    // What was acknowledged before the stop may have been in a socket; it is part of what the new primary took over,
    // and no byte is beyond that: the old one ran on for a moment, and kept what it wrote there for itself.
    const takenOver = BigInt(promotion?.consoleEnd as string);
    expect(client.output.startsWith(spy.output)).toBe(true);
    expect(spy.next).toBeLessThanOrEqual(takenOver);
    expect(BigInt(fenced.consoleEnd)).toBeLessThanOrEqual(takenOver);
    await moreNumbers(plane, client, 20);
  });

  test("is handed over to its backup, made to fail, and taken from a primary that answers nothing, with one transcript", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client, spec } = await protectedVm(at, BUSY);
    const spy = new ConsoleClient(plane);
    client.type("planned ");
    await acknowledged(plane, client);
    // Nobody fails who is no primary with a backup.
    at.worker(1).send({ type: "failPrimary", replicaId: "rep_b" });
    at.worker(1).send({ type: "promote", replicaId: "rep_b", handOver: true });
    const planned = await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    expect(planned.promotion).toMatchObject({ detectMs: 0, arbitrateMs: 0 });
    const former = await plane.reported("rep_a", "has handed over", ({ state }) => state === "stopped");
    // It went as far as the new one, which has run nothing twice.
    expect([former.haltReason, former.instant]).toEqual(["handed_over", planned.promotion?.instant]);
    client.attach(at.worker(1), "rep_b");
    await moreNumbers(plane, client, 20);
    at.worker(1).send({ type: "failPrimary", replicaId: "rep_b" });

    await plane.protect(at.worker(1), at.worker(0), "vm_1", "rep_c", spec);
    client.type("test ");
    await acknowledged(plane, client);
    at.worker(1).send({ type: "failPrimary", replicaId: "rep_b" });
    await plane.reported("rep_c", "is primary", ({ role }) => role === "primary");
    const failed = await plane.reported("rep_b", "has failed", ({ state }) => state === "stopped");
    expect(failed.haltReason).toBe("test_failover");
    client.attach(at.worker(0), "rep_c");
    await moreNumbers(plane, client, 20);

    await plane.protect(at.worker(0), at.worker(1), "vm_1", "rep_d", spec);
    client.type("forced");
    await acknowledged(plane, client);
    spy.attach(at.worker(0), "rep_c");
    await moreNumbers(plane, client, 20);
    at.process(0).signal("SIGSTOP");
    at.worker(1).send({ type: "promote", replicaId: "rep_d", handOver: false });
    const { promotion } = await plane.reported("rep_d", "is primary", ({ role }) => role === "primary");
    client.attach(at.worker(1), "rep_d");
    await moreNumbers(plane, client, 20);
    at.process(0).signal("SIGCONT");
    await plane.reported("rep_c", "is fenced", ({ state }) => state === "fenced");
    await plane.until("its subscription ends", () => spy.closedWith !== null);
    expect(client.output.startsWith(spy.output)).toBe(true);
    expect(spy.next).toBeLessThanOrEqual(BigInt(promotion?.consoleEnd as string));
    expect(readTranscript(client.output).echoed).toBe("planned test forced");
  });

  test("stands still while it is paused, over a failover and for whoever joins, and goes on where it was", async () => {
    const at = await site(3);
    const { plane } = at;
    const { client, spec } = await protectedVm(at, BUSY);
    await moreNumbers(plane, client, 20);
    at.worker(0).send({ type: "setPaused", replicaId: "rep_a", paused: true });
    await plane.reported("rep_a", "is paused", ({ paused }) => paused);
    client.type("kept");

    at.process(0).signal("SIGKILL");
    const promoted = await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    expect(promoted.paused).toBe(true);
    client.attach(at.worker(1), "rep_b");
    await plane.protect(at.worker(1), at.worker(2), "vm_1", "rep_c", spec);
    const still = plane.report("rep_b");
    expect(still).toMatchObject({ paused: true, instant: promoted.instant, synced: ["rep_c"] });

    at.process(1).signal("SIGKILL");
    const heir = await plane.reported("rep_c", "is primary", ({ role }) => role === "primary");
    expect(heir).toMatchObject({ paused: true, instant: promoted.instant });
    client.attach(at.worker(2), "rep_c");
    at.worker(2).send({ type: "setPaused", replicaId: "rep_c", paused: false });
    await plane.reported("rep_c", "runs", ({ paused }) => !paused);
    await moreNumbers(plane, client, 20);
    await plane.until("what was typed meanwhile is echoed", () => readTranscript(client.output).echoed === "kept");
  });

  test("numbers its console from where another guest of the VM has ended, on both replicas", async () => {
    const at = await site(2);
    const { plane } = at;
    const spec = { ...guest(plane, IDLE), consoleBase: "100000" };
    plane.createPrimary(at.worker(0), "vm_1", "rep_a", spec);
    await plane.reported("rep_a", "is live", ({ state }) => state === "live");
    const client = new ConsoleClient(plane, 100_000n);
    client.attach(at.worker(0), "rep_a");
    await plane.protect(at.worker(0), at.worker(1), "vm_1", "rep_b", spec);
    await moreNumbers(plane, client, 20);
    expect(plane.report("rep_a")?.consoleOldest).toBe("100000");
    at.process(0).signal("SIGKILL");
    await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    client.attach(at.worker(1), "rep_b");
    await moreNumbers(plane, client, 20);
    expect(client.next).toBe(100_000n + BigInt(client.output.length));
    expect(plane.report("rep_b")?.consoleOldest).toBe("100000");
  });

  test("keeps the first and the newest bytes of its console over a failover to a backup that joined late, and is told of another retention", async () => {
    const at = await site(2);
    const { plane } = at;
    const spec = { ...guest(plane, { periodTicks: 100, busy: false }), console: { headBytes: 5000, tailBytes: 320 * 1024 } };
    plane.createPrimary(at.worker(0), "vm_1", "rep_a", spec);
    await plane.reported("rep_a", "is live", ({ state }) => state === "live");
    const client = new ConsoleClient(plane);
    client.attach(at.worker(0), "rep_a");
    await moreNumbers(plane, client, 80_000);
    await plane.protect(at.worker(0), at.worker(1), "vm_1", "rep_b", spec);
    // Its machine holds 256 KiB; the head comes last of what its primary sends it beyond that.
    await plane.reported("rep_b", "has the head", ({ consoleOldest }) => consoleOldest === "0");
    at.process(0).signal("SIGKILL");
    await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    client.attach(at.worker(1), "rep_b");
    await moreNumbers(plane, client, 100);
    const late = new ConsoleClient(plane);
    late.gaps = [];
    late.attach(at.worker(1), "rep_b");
    await plane.until("it has seen what the other one has", () => late.next >= client.next);
    const [gap] = late.gaps;
    expect(late.gaps).toHaveLength(1);
    expect(gap?.[0]).toBe(5000n);
    const resumed = Number(gap?.[1]);
    expect(late.output.length - 5000).toBeGreaterThanOrEqual(320 * 1024);
    expect(late.output.slice(0, 5000)).toBe(client.output.slice(0, 5000));
    const both = Math.min(Number(client.next), Number(late.next));
    expect(late.output.slice(5000, 5000 + both - resumed)).toBe(client.output.slice(resumed, both));

    at.worker(1).send({ type: "setConsoleRetention", replicaId: "rep_b", headBytes: 10, tailBytes: 4096 });
    await plane.reported("rep_b", "keeps less", (report) => report.console?.headBytes === 10 && report.console.tailBytes === 4096);
    const later = new ConsoleClient(plane);
    later.gaps = [];
    later.attach(at.worker(1), "rep_b");
    await plane.until("there is output again", () => (later.gaps?.length ?? 0) > 0);
    expect([later.gaps[0]?.[0], later.output.slice(0, 10)]).toEqual([10n, client.output.slice(0, 10)]);
  });

  test("goes on alone when its backup's process dies, and says solo from then on", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client } = await protectedVm(at, BUSY);
    at.process(1).signal("SIGKILL");
    await plane.reported("rep_a", "is unprotected", ({ synced }) => synced.length === 0);
    client.type("alone");
    await acknowledged(plane, client);
    expect(client.durability).toBe("solo");
    await moreNumbers(plane, client, 20);
  });

  test("powers off: everything it wrote is read before the console closes, and the backup halts too", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client } = await protectedVm(at, IDLE);
    client.type("bye");
    await plane.until("the echo is complete", () => readTranscript(client.output).echoed === "bye");
    client.type("q");
    const [primary, backup] = await Promise.all(
      ["rep_a", "rep_b"].map((id) => plane.reported(id, "is stopped", ({ state }) => state === "stopped")),
    );
    expect(primary).toMatchObject({ guestHalt: "poweroff", haltReason: "guest_halted" });
    expect(backup).toMatchObject({ haltReason: "guest_halted" });
    await plane.until("the console closes", () => client.closedWith !== null);
    expect(client.closedWith).toBe("guest_halted");
    expect(client.next).toBe(BigInt(primary?.consoleEnd as string));

    const late = new ConsoleClient(plane);
    late.attach(at.worker(0), "rep_a");
    await plane.until("the late reader has it all", () => late.closedWith !== null);
    expect(late.output).toBe(client.output);
  });

  test("goes on while a backup takes its state and does not answer, and while that goes away in the middle of it", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client, spec } = await primaryOfManyPages(at);
    let takes: (channel: LoggingChannelSocket) => void = () => {};
    const taken = new Promise<LoggingChannelSocket>((resolve) => (takes = resolve));
    const listener = new LoggingChannelListener(
      () => takes,
      () => {},
    );
    cleanups.push(() => listener.close());
    const address = await listener.listen({ host: "127.0.0.1", port: 0 });
    at.worker(0).send({ type: "pair", replicaId: "rep_a", backup: { replicaId: "rep_mute", address, channelSecret: "any" } });
    const channel = await taken;
    let received = 0;
    channel.open({ onMessage: ({ kind }) => (received += Number(kind === "statePages")), onClosed: () => {} });
    await plane.reported(
      "rep_a",
      "sends state",
      ({ transfer }) => transfer?.backup === "rep_mute" && transfer.stateBytes > 2 * 1024 * 1024,
    );
    await moreNumbers(plane, client, 200);
    expect(plane.report("rep_a")).toMatchObject({ joining: "rep_mute", synced: [] });
    expect(received).toBeGreaterThan(0);
    channel.close();
    await plane.reported("rep_a", "has let it go", ({ joining, transfer }) => joining === null && transfer === null);
    await moreNumbers(plane, client, 20);
    await plane.protect(at.worker(0), at.worker(1), "vm_1", "rep_b", spec);
  });

  test("is paired while it changes its memory, and both replicas agree on every hash", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client, spec } = await primaryOfManyPages(at);
    const report = await plane.protect(at.worker(0), at.worker(1), "vm_1", "rep_b", spec);
    expect(Number(report.lastPairing?.bytes)).toBeGreaterThan(1500 * 4096);
    // As it is: both are on this host.
    expect(Number(report.lastPairing?.sentBytes)).toBeGreaterThan(Number(report.lastPairing?.bytes));
    client.type("!".repeat(500));
    await acknowledged(plane, client);
    await plane.reported("rep_b", "has run on", ({ instant }) => BigInt(instant) > BigInt(report.instant));
    await moreNumbers(plane, client, 2000); // two seconds of guest time: hashes were compared
    expect(plane.report("rep_a")).toMatchObject({ synced: ["rep_b"], divergence: null });
  });
});

describe("without a control plane", () => {
  test("running pairs go on, and a failover waits until somebody can be asked", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client } = await protectedVm(at, IDLE);
    await moreNumbers(plane, client, 10);
    const before = await plane.reported("rep_a", "is reported", () => true);
    await plane.close();
    await at.process(0).says(/control channel lost/);
    await at.process(1).says(/control channel lost/);
    await plane.listen();
    const [a, b] = await Promise.all([plane.joined("worker-0"), plane.joined("worker-1")]);
    expect([a.hello.incarnation, b.hello.incarnation]).toEqual(at.workers.map(({ hello }) => hello.incarnation));
    const after = plane.report("rep_a");
    expect(after).toMatchObject({ role: "primary", state: "live", term: before.term, synced: ["rep_b"] });
    expect(BigInt(after?.consoleEnd as string)).toBeGreaterThanOrEqual(BigInt(before.consoleEnd));
    client.attach(a, "rep_a");
    await moreNumbers(plane, client, 10);

    await plane.close();
    at.process(0).signal("SIGKILL");
    await at.process(1).says(/asking the arbiter/);
    await plane.listen();
    const again = await plane.joined("worker-1");
    await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    client.attach(again, "rep_b");
    await moreNumbers(plane, client, 20);
  });

  test("an arbiter that cannot decide is asked again, and the report says that it is missing", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client } = await protectedVm(at, IDLE);
    plane.arbiterMode = "unavailable";
    at.process(0).signal("SIGKILL");
    const waiting = await plane.reported("rep_b", "misses the arbiter", ({ arbiterUnavailable }) => arbiterUnavailable);
    expect(waiting).toMatchObject({ role: "backup", state: "promoting" });
    const asked = plane.arbiterRequests.length;
    await plane.until("it asks again", () => plane.arbiterRequests.length > asked + 1);
    const ids = new Set(plane.arbiterRequests.filter(({ request }) => request.kind === "promote").map(({ requestId }) => requestId));
    expect(ids.size).toBe(1);
    plane.arbiterMode = "decides";
    await plane.reported("rep_b", "is primary", ({ role, arbiterUnavailable }) => role === "primary" && !arbiterUnavailable);
    client.attach(at.worker(1), "rep_b");
    await moreNumbers(plane, client, 20);
  });

  test("a request that is lost with its connection is sent again under its id", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client } = await protectedVm(at, IDLE);
    plane.arbiterMode = "silent";
    const known = plane.arbiterRequests.length;
    at.process(0).signal("SIGKILL");
    await plane.until("promotion is asked for", () => plane.arbiterRequests.length > known);
    await plane.close();
    plane.arbiterMode = "decides";
    await plane.listen();
    await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    expect(new Set(plane.arbiterRequests.slice(known).map(({ requestId }) => requestId)).size).toBe(1);
    client.attach(await plane.joined("worker-1"), "rep_b");
    await moreNumbers(plane, client, 20);
  });
});

describe("one worker with several replicas", () => {
  test("hosts primaries and backups side by side; what is dropped is gone and disturbs nobody", async () => {
    const at = await site(2);
    const { plane } = at;
    const spec = guest(plane, IDLE);
    const pairs = [0, 1, 2, 3].map((i) => ({
      vm: `vm_${i}`,
      primary: `rep_p${i}`,
      backup: `rep_b${i}`,
      home: at.worker(i % 2),
      away: at.worker(1 - (i % 2)),
    }));
    const clients = await Promise.all(
      pairs.map(async ({ vm, primary, backup, home, away }) => {
        plane.createPrimary(home, vm, primary, spec);
        await plane.reported(primary, "is live", ({ state }) => state === "live");
        const client = new ConsoleClient(plane);
        client.attach(home, primary);
        await plane.protect(home, away, vm, backup, spec);
        return client;
      }),
    );
    at.worker(0).send({ type: "dropReplica", replicaId: "rep_p0", reason: "test" });
    await plane.until("rep_p0 is gone", () => !at.worker(0).reports.has("rep_p0") && clients[0]?.closedWith !== null);
    expect(clients[0]?.closedWith).toBe("replica_gone");
    for (const client of clients.slice(1)) {
      client.type("x");
      await acknowledged(plane, client);
      expect(client.durability).toBe("replicated");
      await moreNumbers(plane, client, 10);
    }
    at.worker(0).send({ type: "dropReplica", replicaId: "rep_never", reason: "test" });
    await plane.until("rep_never is not there", () =>
      at.worker(0).messages.some((m) => m.type === "replicaGone" && m.replicaId === "rep_never"),
    );
  });

  test("orders are idempotent", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client, spec } = await protectedVm(at, IDLE);
    const { term } = plane.vm("vm_1");
    at.worker(0).send({
      type: "createReplica",
      vmId: "vm_1",
      replicaId: "rep_a",
      role: "primary",
      term: "1",
      spec,
      channelSecret: "secret-of-the-vm",
    });
    plane.createBackup(at.worker(1), "vm_1", "rep_b", spec);
    plane.pair(at.worker(0), "rep_a", at.worker(1), "rep_b");
    at.worker(0).send({ type: "promote", replicaId: "rep_a", handOver: true });
    client.type("still the same");
    await acknowledged(plane, client);
    await moreNumbers(plane, client, 10);
    expect(client.durability).toBe("replicated");
    expect(plane.vm("vm_1").term).toBe(term);
  });

  test("a guest that cannot be started fails alone, with a code that says why", async () => {
    const at = await site(1);
    const { plane } = at;
    const good = guest(plane, IDLE);
    plane.createPrimary(at.worker(0), "vm_good", "rep_good", good);
    const damaged = plane.putBlob(new Uint8Array(100), sha256(new Uint8Array(101)));
    const cases = [
      { id: "rep_missing", spec: { ...good, kernelDigest: sha256(new Uint8Array(1)) }, code: "image_unavailable", says: /HTTP 404/ },
      { id: "rep_damaged", spec: { ...good, initramfsDigest: damaged }, code: "image_unavailable", says: /digest/ },
      {
        id: "rep_strange",
        spec: { ...good, kernelDigest: plane.putBlob(new Uint8Array(200)) },
        code: "unsupported_kernel",
        says: /not a flat RISC-V Image/,
      },
      {
        id: "rep_tight",
        spec: { ...good, initramfsDigest: plane.putBlob(new Uint8Array(15 << 20)) },
        code: "guest_too_large",
        says: /the VM has 16777216 bytes/,
      },
    ];
    for (const { id, spec } of cases) plane.createPrimary(at.worker(0), `vm_${id}`, id, spec);
    for (const { id, code, says } of cases) {
      const report = await plane.reported(id, "has failed", ({ state }) => state === "failed");
      expect(report.haltReason).toBe(code);
      expect(report.message).toMatch(says);
    }
    const client = new ConsoleClient(plane);
    client.attach(at.worker(0), "rep_good");
    await moreNumbers(plane, client, 20);
  });
});

describe("a peer that breaks the protocol", () => {
  async function backupAndImpostor(): Promise<{ at: Site; channel: LoggingChannelSocket; bystander: ConsoleClient }> {
    const at = await site(1);
    const { plane } = at;
    const spec = guest(plane, IDLE);
    plane.createPrimary(at.worker(0), "vm_other", "rep_other", spec);
    await plane.reported("rep_other", "is live", ({ state }) => state === "live");
    const bystander = new ConsoleClient(plane);
    bystander.attach(at.worker(0), "rep_other");
    const { loggingAddress, buildDigest } = at.worker(0).hello;
    at.worker(0).send({ type: "createReplica", vmId: "vm_1", replicaId: "rep_b", role: "backup", term: "1", spec, channelSecret: "known" });
    await plane.reported("rep_b", "waits", ({ state }) => state === "syncing");
    const hello = { vmId: "vm_1", from: "rep_impostor", to: "rep_b", channelSecret: "known", buildDigest };
    return { at, channel: await dialLoggingChannel(loggingAddress, hello, new AbortController().signal, null), bystander };
  }

  test("fails the replica it talks to, by its broken invariant, and no other", async () => {
    const { at, channel, bystander } = await backupAndImpostor();
    const closed = new Promise((resolve) => channel.open({ onMessage: () => {}, onClosed: resolve }));
    const record = { epoch: 0n, clock: { time: 0n, rate: 1 }, inputs: [], endInstant: 10n, stateHash: null };
    channel.send({ kind: "epoch", term: 1n, record });
    const failed = await at.plane.reported("rep_b", "has failed", ({ state }) => state === "failed");
    expect(failed).toMatchObject({ haltReason: "invariant_violation", message: expect.stringMatching(/the log arrives after the state/) });
    await closed;
    await moreNumbers(at.plane, bystander, 20);
  });

  const noPages = Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 0);
  test.each([
    ["pages that no machine has", () => compressState(noPages)],
    ["the same in plain", () => plainState(noPages)],
    ["bytes that are not compressed", () => Uint8Array.of(1, ...noPages)],
    ["bytes that travel in no known way", () => noPages],
    ["nothing", () => new Uint8Array(0)],
    ["more than a part of the state may be", () => compressState(new Uint8Array(2 * STATE_PART_BYTES))],
    ["more than that in plain", () => plainState(new Uint8Array(STATE_PART_BYTES + 9 * 4096))],
  ])("with %s for state fails it with malformed_state", async (_what, state) => {
    const { at, channel, bystander } = await backupAndImpostor();
    channel.open({ onMessage: () => {}, onClosed: () => {} });
    channel.send({ kind: "statePages", pages: await state() });
    const failed = await at.plane.reported("rep_b", "has failed", ({ state }) => state === "failed");
    expect(failed.haltReason).toBe("malformed_state");
    await moreNumbers(at.plane, bystander, 20);
  });

  test("that leaves before it has sent the state leaves a backup that halts", async () => {
    const { at, channel } = await backupAndImpostor();
    channel.open({ onMessage: () => {}, onClosed: () => {} });
    channel.send({ kind: "statePages", pages: await compressState(new Uint8Array(0)) });
    channel.close();
    const halted = await at.plane.reported("rep_b", "is stopped", ({ state }) => state === "stopped");
    expect(halted.haltReason).toBe("join_aborted");
  });

  test("that leaves while the backup's worker is back and not welcomed yet leaves one whose halt is told all the same", async () => {
    const { at, channel } = await backupAndImpostor();
    channel.open({ onMessage: () => {}, onClosed: () => {} });
    const { plane } = at;
    let welcome = () => {};
    plane.welcomes = new Promise((resolve) => {
      welcome = resolve;
    });
    const [before] = at.workers;
    before?.socket.terminate();
    await plane.until("it says hello again", () => plane.workers.get("worker-0") !== before);
    expect(plane.report("rep_b")?.state).toBe("syncing");
    channel.abort();
    await at.process(0).says(/halted/);
    welcome();
    const halted = await plane.reported("rep_b", "is stopped", ({ state }) => state === "stopped");
    expect(halted.haltReason).toBe("join_aborted");
  });
});

test("a bit that flips in a backup's ram, register or device is found, told where it is, and the next backup takes its place", async () => {
  const faults = [
    { bit: `${0x80e00}.17.5`, page: "ram 0x80e00000" },
    { bit: "1.216.0", page: "hart" }, // x27, which the guest never touches
    { bit: "2.416.2", page: "devices" }, // the priority of interrupt source 40
  ];
  const plane = await controlPlane();
  startWorker(plane, "worker-0");
  startWorker(plane, "worker-1", { UNDERSTUDY_TEST_FLIP_BITS: faults.map(({ bit }) => bit).join() });
  const [a, b] = await Promise.all([plane.joined("worker-0"), plane.joined("worker-1")]);
  const spec = guest(plane, IDLE);
  plane.createPrimary(a, "vm_1", "rep_a", spec);
  await plane.reported("rep_a", "is live", ({ state }) => state === "live");
  for (const [index, { page }] of faults.entries()) {
    const backup = `rep_b${index}`;
    await plane.protect(a, b, "vm_1", backup, spec);
    const { divergence } = await plane.reported("rep_a", `is told of ${page}`, (report) => report.divergence?.replicaId === backup);
    expect(divergence).toMatchObject({ pageCount: 1, pages: [{ page }] });
    expect(divergence?.lastEqualInstant).not.toBe(null);
    expect(divergence?.expected).not.toBe(divergence?.actual);
    const halted = await plane.reported(backup, "halts", ({ haltReason }) => haltReason === "divergence");
    expect(halted.divergence).toEqual({ ...divergence, pages: [], pageCount: 0 });
    await plane.reported("rep_a", "is alone", ({ synced }) => synced.length === 0);
  }
  await plane.protect(a, b, "vm_1", "rep_c", spec);
});

describe("pairing is refused", () => {
  test("to a peer that does not know the secret, and the primary goes on unprotected", async () => {
    const at = await site(2);
    const { plane } = at;
    const spec = guest(plane, IDLE);
    plane.createPrimary(at.worker(0), "vm_1", "rep_a", spec);
    await plane.reported("rep_a", "is live", ({ state }) => state === "live");
    plane.createBackup(at.worker(1), "vm_1", "rep_b", spec);
    await plane.reported("rep_b", "waits", ({ state }) => state === "syncing");
    plane.pair(at.worker(0), "rep_a", at.worker(1), "rep_b", "a guess");
    const line = await at.process(0).says(/pairing given up/);
    expect(line).toMatchObject({ replicaId: "rep_a", peer: "rep_b", err: { code: "bad_secret" } });
    await at.process(1).says(/logging channel rejected/);
    expect(plane.report("rep_a")).toMatchObject({ synced: [], state: "live" });
    plane.pair(at.worker(0), "rep_a", at.worker(1), "rep_b");
    await plane.reported("rep_a", "is protected", ({ synced }) => synced.includes("rep_b"));
  });

  test("between different builds of the machine", async () => {
    const plane = await controlPlane();
    const folder = mkdtempSync(join(fileURLToPath(new URL("../../dist", import.meta.url)), "other-build-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    for (const file of ["worker.mjs", "engine-thread.mjs", "machine.wasm"]) {
      copyFileSync(fileURLToPath(new URL(`../../dist/${file}`, import.meta.url)), join(folder, file));
    }
    // A custom section of one byte, its empty name: the same machine, another digest.
    appendFileSync(join(folder, "machine.wasm"), Uint8Array.of(0, 1, 0));
    startWorker(plane, "worker-0");
    const other = startWorker(plane, "worker-1", {}, join(folder, "worker.mjs"));
    const [a, b] = await Promise.all([plane.joined("worker-0"), plane.joined("worker-1")]);
    expect(a.hello.buildDigest).not.toBe(b.hello.buildDigest);
    const spec = guest(plane, IDLE);
    plane.createPrimary(a, "vm_1", "rep_a", spec);
    await plane.reported("rep_a", "is live", ({ state }) => state === "live");
    plane.createBackup(b, "vm_1", "rep_b", spec);
    plane.pair(a, "rep_a", b, "rep_b");
    expect(await other.says(/logging channel rejected/)).toMatchObject({ err: { code: "engine_mismatch" } });
    expect(plane.report("rep_a")).toMatchObject({ synced: [] });
  });
});

describe("a worker that is to be cut off", () => {
  const holder = "wrk_of_another";

  test("is not heard by the primary that has its backup, which goes on alone, and is not dialled by it again", async () => {
    const at = await site(3);
    const { plane } = at;
    const { spec } = await livePrimary(at, IDLE);
    const backup = (index: number, replicaId: string) => ({
      replicaId,
      address: at.worker(index).hello.loggingAddress,
      channelSecret: "secret-of-the-vm",
      workerId: index === 1 ? holder : "wrk_of_a_third",
    });
    const paired = ({ synced }: { readonly synced: readonly string[] }) => synced.length === 1;
    plane.createBackup(at.worker(1), "vm_1", "rep_b", spec);
    at.worker(0).send({ type: "pair", replicaId: "rep_a", backup: backup(1, "rep_b") });
    await plane.reported("rep_a", "is protected", paired);
    // It hears of the end of its channel first, at times, and asks for promotion.
    plane.fenced.add("rep_b");
    at.worker(0).send({ type: "cutOff", workerId: "wrk_that_nobody_knows" });
    at.worker(0).send({ type: "cutOff", workerId: holder });
    await at.process(0).says(/logging channel closed: the peer's worker is fenced/);
    await plane.reported("rep_a", "is alone", ({ synced }) => synced.length === 0);
    await at.process(1).says(/logging channel closed by the peer/);
    // A control plane that has not heard of it yet wants the pair; the one with another worker is dialled.
    plane.createBackup(at.worker(2), "vm_1", "rep_c", spec);
    at.worker(0).send({ type: "pair", replicaId: "rep_a", backup: backup(1, "rep_b") });
    at.worker(0).send({ type: "pair", replicaId: "rep_a", backup: backup(2, "rep_c") });
    const after = await plane.reported("rep_a", "is protected again", paired);
    expect(after.synced).toEqual(["rep_c"]);
    expect(at.process(0).log.filter(({ msg, peer }) => /logging channel open/.test(msg) && peer === "rep_b")).toHaveLength(1);
  });

  test("is not dialled on, where it has not answered yet", async () => {
    const at = await site(1);
    await livePrimary(at, IDLE);
    const server = createServer().listen(0, "127.0.0.1");
    cleanups.push(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const address = { host: "127.0.0.1", port };
    const dialled = once(server, "connection");
    const backup = { replicaId: "rep_b", address, channelSecret: "s", workerId: holder };
    at.worker(0).send({ type: "pair", replicaId: "rep_a", backup });
    const [socket] = await dialled;
    socket.on("error", () => {});
    const closed = once(socket.resume(), "close");
    at.worker(0).send({ type: "cutOff", workerId: holder });
    await closed;
    let again = 0;
    server.on("connection", () => again++);
    // What it is told after that it does after that, too.
    at.worker(0).send({ type: "dropReplica", replicaId: "rep_a", reason: "the test is over" });
    await at.plane.until("rep_a is dropped", () => at.plane.report("rep_a") === undefined);
    expect(again).toBe(0);
  });

  test("is not heard by its primary's backup, which takes over, and is refused when it dials again, without TLS too", async () => {
    const at = await site(2);
    const { plane } = at;
    const { spec } = await livePrimary(at, IDLE);
    plane.createBackup(at.worker(1), "vm_1", "rep_b", spec);
    at.worker(1).send({ type: "expectPrimary", replicaId: "rep_b", primary: { replicaId: "rep_a", workerId: holder } });
    plane.pair(at.worker(0), "rep_a", at.worker(1), "rep_b");
    await plane.reported("rep_a", "is protected", ({ synced }) => synced.length === 1);
    // It hears nothing more, and is not asked: what is decided is decided for its backup.
    at.process(0).signal("SIGSTOP");
    at.worker(1).send({ type: "cutOff", workerId: holder });
    await plane.reported("rep_b", "is primary", ({ role, state }) => role === "primary" && state === "live");
    const { loggingAddress, buildDigest } = at.worker(1).hello;
    const hello = { vmId: "vm_1", from: "rep_a", to: "rep_b", channelSecret: "secret-of-the-vm", buildDigest };
    const dialled = dialLoggingChannel(loggingAddress, hello, new AbortController().signal, null);
    await expect(dialled).rejects.toMatchObject({ refusal: "worker_fenced" });
  });
});

describe("the console", () => {
  test("is the primary's alone", async () => {
    const at = await site(2);
    const { plane } = at;
    await protectedVm(at, IDLE);
    const cases = [
      { worker: at.worker(1), replicaId: "rep_b", code: "not_primary" },
      { worker: at.worker(0), replicaId: "rep_none", code: "replica_gone" },
    ];
    for (const { worker, replicaId, code } of cases) {
      const reader = new ConsoleClient(plane);
      reader.attach(worker, replicaId);
      await plane.until("the subscription ends", () => reader.closedWith !== null);
      expect(reader.closedWith).toBe(code);
    }
  });

  test("serves many readers from any offset, and input is refused where a client leaves a hole", async () => {
    const at = await site(1);
    const { plane } = at;
    const spec = guest(plane, IDLE);
    plane.createPrimary(at.worker(0), "vm_1", "rep_a", spec);
    await plane.reported("rep_a", "is live", ({ state }) => state === "live");
    const first = new ConsoleClient(plane);
    first.attach(at.worker(0), "rep_a");
    await moreNumbers(plane, first, 50);
    const whole = new ConsoleClient(plane);
    const tail = new ConsoleClient(plane);
    tail.next = 90n;
    const early = new ConsoleClient(plane);
    early.next = first.next + 900n;
    for (const reader of [whole, tail, early]) reader.attach(at.worker(0), "rep_a");
    await moreNumbers(plane, first, 200);
    const end = first.output.length;
    await plane.until("all have come so far", () => [whole, tail, early].every((reader) => reader.next >= BigInt(end)));
    expect(whole.output.slice(0, end)).toBe(first.output.slice(0, end));
    expect(tail.output.slice(0, end - 90)).toBe(first.output.slice(90, end));
    expect(first.output.includes(early.output.slice(0, 500))).toBe(true);

    first.type("ab");
    await acknowledged(plane, first);
    first.inputNext = 0n;
    first.skipInput(3);
    first.type("c");
    await plane.until("the hole is refused", () => first.refusals.length > 0);
    expect(first.refusals).toEqual(["input_offset_gap"]);
  });
});

describe("a worker process", () => {
  test("with a wrong join token ends with exit code 1 and says join_refused", async () => {
    const plane = await controlPlane();
    const worker = startWorker(plane, "worker-0", { UNDERSTUDY_JOIN_TOKEN: "wrong" });
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.log.at(-1)).toMatchObject({ level: 60, code: "join_refused" });
    expect(worker.log.at(-1)?.msg).toMatch(/HTTP 401, the join token is wrong/);
  });

  test("whose logging port is in use ends with exit code 1 and names it", async () => {
    const plane = await controlPlane();
    const occupant = createServer().listen(0, "127.0.0.1");
    cleanups.push(() => void occupant.close());
    await once(occupant, "listening");
    const { port } = occupant.address() as { port: number };
    const worker = startWorker(plane, "worker-0", { UNDERSTUDY_LOGGING_LISTEN: `127.0.0.1:${port}` });
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.log.at(-1)).toMatchObject({ level: 60, code: "port_in_use" });
    expect(worker.log.at(-1)?.msg).toContain(`127.0.0.1:${port}`);
  });

  test("without its settings ends with exit code 1 and names what is missing", async () => {
    const plane = await controlPlane();
    const worker = startWorker(plane, "worker-0", { UNDERSTUDY_CONTROL_URL: "" });
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.log.at(-1)).toMatchObject({ level: 60, code: "bad_setting" });
  });

  test("stops on SIGTERM with exit code 0, and the backup takes over without waiting for silence", async () => {
    const at = await site(2);
    const { plane } = at;
    const { client } = await protectedVm(at, IDLE, { heartbeatTimeoutMs: 60_000, maxLagMs: 60_000 });
    at.process(0).signal("SIGTERM");
    expect(await at.process(0).exited).toEqual({ code: 0, signal: null });
    await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
    client.attach(at.worker(1), "rep_b");
    await moreNumbers(plane, client, 20);
  });
});
