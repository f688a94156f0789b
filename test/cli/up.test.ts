/** `understudy up` and `understudy demo` as users run them: the bundle, real processes, the real guest. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { isRunning, type ProcessIdentity } from "../../src/cli/up/instance-lock.ts";
import { freePorts } from "../../src/cli/up/ports.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { guestImageStore } from "../support/guest-image.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/understudy.mjs", import.meta.url));

/** A loaded machine's pauses are no failures: the story has its own. */
const PATIENT = { UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: "30000", UNDERSTUDY_MAX_LAG_MS: "60000" };

/** The program as a process, and what it says. */
class Running {
  readonly process: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<number | string>;
  private watchers: (() => void)[] = [];

  constructor(argv: readonly string[], imageStore: string) {
    this.process = spawn(process.execPath, [PROGRAM, ...argv], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...PATIENT, UNDERSTUDY_IMAGE_STORE: imageStore, UNDERSTUDY_TOKEN: "", UNDERSTUDY_API_URL: "" },
    });
    this.process.stdout?.on("data", (data: Buffer) => this.heard(() => (this.stdout += data.toString())));
    this.process.stderr?.on("data", (data: Buffer) => this.heard(() => (this.stderr += data.toString())));
    this.ended = new Promise((resolve) => this.process.once("close", (code, signal) => resolve(signal ?? code ?? -1)));
    void this.ended.then(() => this.heard(() => {}));
    started.push(this);
  }

  /** Resolves when it has said `text`; rejects if it ends first. */
  says(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (`${this.stdout}${this.stderr}`.includes(text)) resolve();
        else if (this.process.exitCode !== null) reject(new Error(`it ended without saying "${text}": ${this.stdout}${this.stderr}`));
        else return;
        this.watchers = this.watchers.filter((watcher) => watcher !== look);
      };
      this.watchers.push(look);
      look();
    });
  }

  private heard(note: () => void): void {
    note();
    for (const look of [...this.watchers]) look();
  }
}

const started: Running[] = [];

/** Whatever a test leaves running is stopped, in order. */
afterEach(async () => {
  for (const running of started.splice(0)) {
    if (running.process.exitCode === null && running.process.signalCode === null) running.process.kill("SIGTERM");
    await running.ended;
  }
});

let imageStore: string;
let folder: string;
beforeAll(async () => {
  imageStore = (await guestImageStore()).dir;
  folder = await mkdtemp(join(tmpdir(), "understudy-up-"));
  // The database's user must get there, when the tests run as root.
  await chmod(folder, 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function childrenOf(dataDirectory: string): Promise<(ProcessIdentity & { name: string })[]> {
  return (JSON.parse(await readFile(join(dataDirectory, "up.lock"), "utf8")) as { children: (ProcessIdentity & { name: string })[] })
    .children;
}

async function areRunning(processes: readonly ProcessIdentity[]): Promise<boolean[]> {
  return await Promise.all(processes.map(isRunning));
}

describe("understudy up", () => {
  it("runs until Ctrl-C, finds its data again, refuses a second one, and recovers from its own death", async () => {
    const dataDirectory = join(folder, "data");
    const [api = 0, internal = 0, otherApi = 0, otherInternal = 0] = await freePorts(4);
    const argv = ["up", "--data-dir", dataDirectory, "--listen", `127.0.0.1:${api}`, "--internal-listen", `127.0.0.1:${internal}`];
    const client = new Understudy({ url: `http://127.0.0.1:${api}`, tokenFile: join(dataDirectory, "token") });

    // First start.
    const first = new Running(argv, imageStore);
    await first.says("Ctrl-C stops everything.");
    expect(first.stdout).toContain(`http://127.0.0.1:${api}/v1`);
    expect(first.stdout).toContain(join(dataDirectory, "token"));
    const demo = await client.vms.get("demo");
    expect(demo.status).toMatchObject({ state: "running", protection: { state: "protected" } });
    expect(demo.spec.machine.memoryMiB).toBe(256);
    const children = await childrenOf(dataDirectory);
    expect(children.map(({ name }) => name).sort()).toEqual(["control-plane", "worker-1", "worker-2", "worker-3"]);

    // A second one on the same folder, or on the same port, starts nothing.
    const sameFolder = new Running(["up", "--data-dir", dataDirectory, "--listen", `127.0.0.1:${otherApi}`], imageStore);
    expect(await sameFolder.ended).toBe(1);
    expect(sameFolder.stderr).toContain(`process ${first.process.pid} runs there`);
    const samePort = new Running(
      ["up", "--data-dir", join(folder, "other"), "--listen", `127.0.0.1:${api}`, "--internal-listen", `127.0.0.1:${otherInternal}`],
      imageStore,
    );
    expect(await samePort.ended).toBe(1);
    expect(samePort.stderr).toContain(`Cannot start the API on 127.0.0.1:${api}: the port is in use`);
    expect(existsSync(join(folder, "other"))).toBe(false);
    expect(await areRunning(children)).toEqual([true, true, true, true]);

    // Ctrl-C.
    first.process.kill("SIGINT");
    expect(await first.ended).toBe(0);
    expect(await areRunning(children)).toEqual([false, false, false, false]);
    const log = await readFile(join(dataDirectory, "logs", "control-plane.log"), "utf8");
    expect(log).toContain('"msg":"stopped"');

    // Second start: the VM's replicas are gone with their workers, its record is not.
    const second = new Running(argv, imageStore);
    await second.says("Ctrl-C stops everything.");
    expect(second.stderr).toContain('The VM "demo" of the last run is failed');
    const again = await client.vms.get("demo");
    expect(again.id).not.toBe(demo.id);
    const deleted: unknown[] = [];
    for await (const event of client.events.list({ types: ["vm.deleted"] })) deleted.push(event.vmId);
    expect(deleted).toEqual([demo.id]);

    // The supervisor is killed; its processes are ended by the next one.
    const orphans = await childrenOf(dataDirectory);
    second.process.kill("SIGKILL");
    await second.ended;
    expect(await areRunning(orphans)).toEqual([true, true, true, true]);
    const third = new Running([...argv, "--no-demo"], imageStore);
    await third.says("Ctrl-C stops everything.");
    expect((await client.vms.get("demo")).id).toBe(again.id);
    expect(third.stderr).toContain("which an earlier run left behind");
    expect(await areRunning(orphans)).toEqual([false, false, false, false]);
    third.process.kill("SIGTERM");
    expect(await third.ended).toBe(0);
  });
});

describe("understudy demo", () => {
  it("tells the story, in a pipe, and exits 0 as its transcript holds", async () => {
    const demo = new Running(["demo", "--kills", "2"], imageStore);
    const code = await demo.ended;
    expect(
      `${demo.stdout
        .split("\n")
        .filter((line) => !line.includes(" | "))
        .join("\n")}${demo.stderr}`,
    ).toContain("The transcript holds");
    expect(code).toBe(0);
    expect(demo.stdout.match(/kill -9 \d+: worker-\d, the primary's process/g)).toHaveLength(2);
    expect(demo.stdout).toMatch(/\| guest 1\n/);
    expect(demo.stdout).toMatch(/\| heard client 1\n/);
  });
});
