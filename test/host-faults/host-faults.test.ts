/**
 * A host that fails under real processes: each fault ends in a failover, or in an error that says what it is, and the guest's
 * console shows no seam. One VM lives through all of them.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ImageStoreError } from "../../src/sdk/index.ts";
import { FailingHost, hasFailingHosts } from "../support/failing-host.ts";
import { guestImageStore } from "../support/guest-image.ts";
import { Inspector } from "../support/inspector.ts";
import { type Guest, Installation } from "../support/installation.ts";

const TYPE_EVERY_MS = 100;
const COUNT_EVERY_SECONDS = 0.1;
/** Below what a worker has open anyway: nothing more can be. */
const STARVED_FILES = 16;
const HOUR_SECONDS = 3600;

describe.runIf(hasFailingHosts("faults of the host"))("on a host that fails", () => {
  const services = ["control-plane", "worker-1", "worker-2", "worker-3"];
  const hosts = new Map<string, FailingHost>();
  let folder: string;
  let at: Installation;
  let guest: Guest;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "understudy-hosts-"));
    const { dir } = await guestImageStore();
    for (const service of services) hosts.set(service, new FailingHost(join(folder, service), dir));
    at = await Installation.start({
      env: { UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: "2000", UNDERSTUDY_ENGINE_STALL_MS: "3000" },
      place: {
        surroundings: (service) => ({
          env: { ...host(service).surroundings.env, NODE_OPTIONS: "--inspect-port=127.0.0.1:0" },
        }),
      },
    });
    guest = await at.boot({ name: "survivor" });
    await guest.protectedNow();
    await guest.beginStory(TYPE_EVERY_MS, COUNT_EVERY_SECONDS);
  });
  afterAll(async () => {
    await at?.stop();
    for (const each of hosts.values()) each.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  function host(service: string): FailingHost {
    return hosts.get(service) as FailingHost;
  }

  /** Everything so far has no gap and no repeat, and what was acknowledged was heard; then it goes on. */
  async function judge(): Promise<void> {
    expect((await guest.endStory()).problems).toEqual([]);
    guest.console.startTyping(TYPE_EVERY_MS);
  }

  async function inspect(worker: { readonly name: string; readonly pid: number }): Promise<Inspector> {
    return await Inspector.attach(worker.pid, () => at.log(worker.name));
  }

  test("an engine thread that runs out of memory is a failover, and its worker lives on", async () => {
    await guest.protectedNow();
    const { term } = guest.vm.status;
    const primary = await guest.workerOf("primary");
    const inspector = await inspect(primary);
    inspector.evaluateInThreads("engine-thread.mjs", "const kept = []; for (;;) kept.push(new Array(4e6).fill(1.5));");
    await guest.decidedAfter(term);
    inspector.close();
    await guest.expectGuestLines(10);
    await guest.protectedAfter(term);
    expect(await at.log(primary.name)).toMatch(new RegExp(`"replicaId":"${primary.replicaId}"[^\\n]*"code":"engine_out_of_memory"`));
    expect(at.cluster.workerWithPid(primary.pid)?.name).toBe(primary.name);
    await judge();
  });

  test("an engine thread that never yields is given up, and the backup goes on", async () => {
    await guest.protectedNow();
    const { term } = guest.vm.status;
    const primary = await guest.workerOf("primary");
    const inspector = await inspect(primary);
    inspector.evaluateInThreads("engine-thread.mjs", "for (;;);");
    await guest.decidedAfter(term);
    inspector.close();
    await guest.expectGuestLines(10);
    await guest.protectedAfter(term);
    expect(await at.log(primary.name)).toMatch(new RegExp(`"replicaId":"${primary.replicaId}"[^\\n]*"code":"engine_stalled"`));
    expect(at.cluster.workerWithPid(primary.pid)?.name).toBe(primary.name);
    await judge();
  });

  test("a worker whose main thread never yields is silent, and the backup goes on", async () => {
    await guest.protectedNow();
    const { term } = guest.vm.status;
    const primary = await guest.workerOf("primary");
    const inspector = await inspect(primary);
    inspector.evaluate("for (;;);");
    await guest.decidedAfter(term);
    await guest.expectGuestLines(10);
    await guest.protectedAfter(term);
    inspector.close();
    // Nothing else ends such a process.
    process.kill(primary.pid, "SIGKILL");
    await judge();
  });

  test("a disk that is full costs the log of all processes on it, and nothing else; a failover meanwhile is a failover", async () => {
    await guest.protectedNow();
    const { term } = guest.vm.status;
    const primary = await guest.workerOf("primary");
    const backup = await guest.workerOf("backup");
    const logged = (await at.log(backup.name)).length;
    for (const each of hosts.values()) each.fail({ writeFails: true });
    try {
      process.kill(primary.pid, "SIGKILL");
      await guest.decidedAfter(term);
      await guest.expectGuestLines(10);
      await guest.protectedAfter(term);
      expect(at.cluster.workerWithPid(backup.pid)?.name).toBe(backup.name);
      expect((await at.log(backup.name)).length).toBe(logged);
    } finally {
      for (const each of hosts.values()) each.fail({});
    }
    // With room again the log goes on where it stopped.
    const again = guest.vm.status.term;
    process.kill((await guest.workerOf("backup")).pid, "SIGKILL");
    await guest.protectedAfter(again);
    expect(await at.log(backup.name)).toContain(`"replicaId":"${backup.replicaId}","request":{"kind":"promote"`);
    await judge();
  });

  test("an image store that cannot be read fails a new VM with image_unavailable and EIO, and disturbs no running one", async () => {
    await guest.protectedNow();
    const ask = async () => await at.client.vms.create({ image: "debian", machine: { memoryMiB: 96 }, protection: { mode: "none" } });
    for (const each of hosts.values()) each.fail({ readFails: true });
    try {
      await expect(ask()).rejects.toBeInstanceOf(ImageStoreError);
      host("control-plane").fail({});
      const vm = await ask();
      await expect.poll(async () => (await vm.refresh()).status.state, { timeout: 240_000 }).toBe("failed");
      expect(vm.status.stateReason).toBe("image_unavailable");
      expect(JSON.stringify(vm.status.conditions)).toMatch(/EIO/);
      await (await vm.delete()).result();
      await guest.expectGuestLines(10);
      // A backup needs no image: the state comes from the primary.
      const { term } = guest.vm.status;
      process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
      await guest.protectedAfter(term);
    } finally {
      for (const each of hosts.values()) each.fail({});
    }
    await judge();
  });

  test("a worker that is out of file descriptors takes no replica and keeps the ones it has, and the VM is protected by another", async () => {
    await guest.protectedNow();
    const primary = await guest.workerOf("primary");
    const backup = await guest.workerOf("backup");
    const workers = await at.client.workers.list().all();
    const spare = workers.find(({ name }) => name !== primary.name && name !== backup.name);
    const starved = [primary.pid, spare?.status.pid ?? 0];
    for (const pid of starved) limitFiles(pid, STARVED_FILES);
    const { term } = guest.vm.status;
    process.kill(backup.pid, "SIGKILL");
    await guest.decidedAfter(term);
    await guest.expectGuestLines(20);
    expect((await guest.workerOf("primary")).replicaId).toBe(primary.replicaId);
    for (const pid of starved) if (at.cluster.workerWithPid(pid) !== null) limitFiles(pid, 4096);
    await guest.protectedAfter(term);
    expect(await at.log(spare?.name ?? "")).toMatch(/"code":"engine_not_started"[^\n]*EMFILE/);
    expect(at.cluster.workerWithPid(primary.pid)?.name).toBe(primary.name);
    await judge();
  });

  test("a clock that is set by hours, forwards and back, fails nobody over and starts what is starting; a failover keeps the guest's time in order", async () => {
    await guest.protectedNow();
    for (const hours of [5, -9]) {
      const { term } = guest.vm.status;
      const before = (await guest.vm.failovers().all()).length;
      for (const each of hosts.values()) each.fail({ clockStepSeconds: hours * HOUR_SECONDS });
      // It begins under one clock and is running under the other.
      const vm = await at.client.vms.create({ image: "debian", machine: { memoryMiB: 96 }, protection: { mode: "none" } });
      for (const each of hosts.values()) each.fail({ clockStepSeconds: -hours * HOUR_SECONDS });
      await vm.waitFor("running");
      await (await vm.delete()).result();
      await guest.expectGuestLines(20);
      expect(guest.vm.status.term).toBe(term);
      expect((await guest.vm.failovers().all()).length).toBe(before);
      await judge();
      process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
      await guest.protectedAfter(term);
      await judge();
    }
    for (const each of hosts.values()) each.fail({});
  });
});

/** Sets how many files the process may have open, as root of the host may at any time. */
function limitFiles(pid: number, most: number): void {
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${most}:`]);
}
