/** The parts of a local installation: lock, folder, addresses, supervised processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { DataDirectory } from "../../src/cli/up/data-directory.ts";
import { InstanceLock, isRunning, startTimeOf } from "../../src/cli/up/instance-lock.ts";
import { addressText, assertFree, freePorts, parseListenAddress, urlOf } from "../../src/cli/up/ports.ts";
import { Service, type ServiceExit } from "../../src/cli/up/service.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-parts-"));
const children: ChildProcess[] = [];
const services: Service[] = [];

afterEach(async () => {
  for (const service of services.splice(0)) await service.stop(1_000);
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
function path(name: string): string {
  return join(folder, `${++count}-${name}`);
}

/** A process that lives until it is ended. */
async function sleeper(): Promise<{ pid: number; startTime: string | null; gone: Promise<unknown>; child: ChildProcess }> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  children.push(child);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const pid = child.pid ?? 0;
  return { pid, startTime: await startTimeOf(pid), gone, child };
}

describe("the lock of a data directory", () => {
  it("is held by one process at a time, and free again after release", async () => {
    const file = path("lock");
    const lock = await InstanceLock.acquire(file);
    await expect(InstanceLock.acquire(file)).rejects.toMatchObject({
      code: "data_directory_in_use",
      message: expect.stringContaining(String(process.pid)) as string,
    });
    await lock.release();
    await (await InstanceLock.acquire(file)).release();
    await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("is taken over from a process that is gone, and names what that one left running", async () => {
    const holder = await sleeper();
    const orphan = await sleeper();
    const ended = await sleeper();
    holder.child.kill("SIGKILL");
    ended.child.kill("SIGKILL");
    await Promise.all([holder.gone, ended.gone]);
    const file = path("lock");
    const named = (name: string, { pid, startTime }: { pid: number; startTime: string | null }) => ({ name, pid, startTime });
    await writeFile(
      file,
      JSON.stringify({ pid: holder.pid, startTime: holder.startTime, children: [named("worker-1", orphan), named("worker-2", ended)] }),
    );
    const lock = await InstanceLock.acquire(file);
    expect(lock.orphans).toEqual([named("worker-1", orphan)]);
    await lock.release();
  });

  it("is taken over where another process has got the holder's number", async () => {
    const other = await sleeper();
    const file = path("lock");
    await writeFile(
      file,
      JSON.stringify({ pid: other.pid, startTime: "1", children: [{ name: "worker-1", pid: other.pid, startTime: "1" }] }),
    );
    const lock = await InstanceLock.acquire(file);
    expect(lock.orphans).toEqual([]);
    expect(await isRunning(other)).toBe(true);
    await lock.release();
  });

  it.each(["", "garbage", "{}"])("is taken over where the file holds %j", async (text) => {
    const file = path("lock");
    await writeFile(file, text);
    await (await InstanceLock.acquire(file)).release();
  });

  it("lets one of many take a stale one over", async () => {
    const file = path("lock");
    await writeFile(file, "stale");
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => InstanceLock.acquire(file)));
    const locks = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(locks).toHaveLength(1);
    await locks[0]?.value.release();
  });

  it("keeps what was started in the file", async () => {
    const file = path("lock");
    const lock = await InstanceLock.acquire(file);
    await lock.recordChildren([{ name: "worker-1", pid: 7, startTime: "8" }]);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({
      pid: process.pid,
      children: [{ name: "worker-1", pid: 7, startTime: "8" }],
    });
    await lock.release();
  });
});

describe("the data directory", () => {
  it("makes tokens that nobody else may read, once", async () => {
    const directory = new DataDirectory(path("data"));
    await directory.prepare();
    const token = await readFile(directory.tokenFile, "utf8");
    expect(token).toMatch(/^[\w-]{43}\n$/);
    expect(await readFile(directory.joinTokenFile, "utf8")).not.toBe(token);
    for (const file of [directory.tokenFile, directory.joinTokenFile]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory.path, "logs"))).mode & 0o777).toBe(0o700);
    await directory.prepare();
    expect(await readFile(directory.tokenFile, "utf8")).toBe(token);
  });

  it("says what to do where it cannot be made", async () => {
    const file = path("file");
    await writeFile(file, "");
    await expect(new DataDirectory(join(file, "below")).prepare()).rejects.toMatchObject({
      code: "data_directory_unusable",
      message: expect.stringContaining("choose another with --data-dir") as string,
    });
  });
});

describe("addresses", () => {
  it.each([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }, "127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["9000", { host: "127.0.0.1", port: 9000 }, "127.0.0.1:9000", "http://127.0.0.1:9000"],
    [":9000", { host: "127.0.0.1", port: 9000 }, "127.0.0.1:9000", "http://127.0.0.1:9000"],
    ["0.0.0.0:80", { host: "0.0.0.0", port: 80 }, "0.0.0.0:80", "http://127.0.0.1:80"],
    ["[::1]:80", { host: "::1", port: 80 }, "[::1]:80", "http://[::1]:80"],
  ])("%s", (text, address, written, url) => {
    expect(parseListenAddress(text)).toEqual(address);
    expect(addressText(address)).toBe(written);
    expect(urlOf(address)).toBe(url);
  });

  it.each(["", "host", "host:", "host:65536", "a:b:1", "1.2.3.4:-1"])("%j is refused", (text) => {
    expect(() => parseListenAddress(text)).toThrow("write it as HOST:PORT");
  });

  it("in use are named, with the option that moves them, and free again afterwards", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await expect(assertFree({ host: "127.0.0.1", port }, "the API", "--listen")).rejects.toMatchObject({
      code: "address_in_use",
      message: `Cannot start the API on 127.0.0.1:${port}: the port is in use; stop what uses it, or choose another with --listen`,
    });
    await new Promise((resolve) => server.close(resolve));
    await assertFree({ host: "127.0.0.1", port }, "the API", "--listen");
  });

  it("that are free are all different", async () => {
    const ports = await freePorts(5);
    expect(new Set(ports).size).toBe(5);
  });
});

function service(script: string): Service {
  const made = new Service({
    name: "worker-1",
    command: process.execPath,
    arguments: ["-e", script],
    env: process.env,
    logFile: path("log"),
    backoff: { baseMs: 5, capMs: 20 },
    healthyMs: 60_000,
  });
  services.push(made);
  return made;
}

function exits(of: Service, howMany: number): Promise<ServiceExit[]> {
  const seen: ServiceExit[] = [];
  return new Promise((resolve) => of.onExit((exit) => seen.push(exit) === howMany && resolve(seen)));
}

describe("a supervised process", () => {
  it("is started again when it is killed, with another pid", async () => {
    const made = service("setInterval(() => {}, 1000)");
    const pids: number[] = [];
    const secondStart = new Promise<void>((resolve) => made.onStart((pid) => pids.push(pid) === 2 && resolve()));
    const exit = exits(made, 1);
    await made.start();
    process.kill(made.pid ?? 0, "SIGKILL");
    expect(await exit).toEqual([{ pid: pids[0], reason: "SIGKILL", restartInMs: 5 }]);
    await secondStart;
    expect(made.pid).toBe(pids[1]);
    expect(pids[0]).not.toBe(pids[1]);
  });

  it("is started again later and later when it keeps ending", async () => {
    const made = service("process.exit(3)");
    const seen = exits(made, 4);
    await made.start();
    expect((await seen).map(({ reason, restartInMs }) => [reason, restartInMs])).toEqual([
      ["exit code 3", 5],
      ["exit code 3", 10],
      ["exit code 3", 20],
      ["exit code 3", 20],
    ]);
  });

  it("says so where the program cannot be started", async () => {
    const made = new Service({
      ...{ name: "x", command: "/nonexistent/program", arguments: [], env: {}, logFile: path("log") },
      backoff: { baseMs: 60_000, capMs: 60_000 },
      healthyMs: 1,
    });
    services.push(made);
    const seen = exits(made, 1);
    await made.start();
    expect((await seen)[0]?.reason).toContain("ENOENT");
  });

  it("writes its output to its log", async () => {
    const made = service("console.log('to out'); console.error('to err'); process.exit(0)");
    const seen = exits(made, 1);
    await made.start();
    await seen;
    expect(await readFile(made.logFile, "utf8")).toBe("to out\nto err\n");
  });

  it("is asked to end, and is not started again", async () => {
    const made = service("process.on('SIGTERM', () => process.exit(0)); console.log('ready'); setInterval(() => {}, 1000)");
    let ended = 0;
    made.onExit(() => ended++);
    await made.start();
    const { pid } = made;
    await made.stop(10_000);
    expect(made.pid).toBeNull();
    expect(ended).toBe(0);
    expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
  });

  it("is made to end where it does not listen", async () => {
    const made = service("process.on('SIGTERM', () => {}); require('fs').writeSync(1, 'deaf'); setInterval(() => {}, 1000)");
    await made.start();
    while ((await readFile(made.logFile, "utf8")) !== "deaf") await new Promise((resolve) => setImmediate(resolve));
    await made.stop(10);
    expect(made.pid).toBeNull();
  });
});
