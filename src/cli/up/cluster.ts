/**
 * A whole installation on this machine: one control plane and its workers, each a process of its own.
 *
 *     (addresses free, lock held) -> control plane ready -> workers ready -> running -> workers stopped -> control plane
 *     stopped -> lock released
 *
 * The control plane stops last: it sees its workers leave, and it ends its embedded Postgres itself.
 */
import { readFile } from "node:fs/promises";
import { UnderstudyError } from "../../base/errors.ts";
import { readTlsMode, speaksTls } from "../../base/tls-mode.ts";
import { Understudy } from "../../sdk/index.ts";
import { DataDirectory } from "./data-directory.ts";
import { InstanceLock, isRunning, startTimeOf } from "./instance-lock.ts";
import { addressText, assertFree, type ListenAddress, urlOf } from "./ports.ts";
import { type Program, programOf } from "./programs.ts";
import { Service, type ServiceExit } from "./service.ts";
import { WORKER_ALLOCATOR } from "./worker-allocator.ts";

/** States of a worker that has joined and is heard of, whatever is wanted of it. */
const JOINED: ReadonlySet<string> = new Set(["ready", "cordoned", "draining", "drained"]);

export interface ClusterOptions {
  readonly dataDirectory: string;
  readonly listen: ListenAddress;
  readonly internalListen: ListenAddress;
  readonly imageStore: string;
  readonly workers: number;
  /** Of this process; the services get it too, with their own settings on top. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
  /** Between the lock and the first service: what must be there before the control plane looks. */
  readonly beforeStart?: (directory: DataDirectory) => Promise<void>;
  /** Where a service runs that is not to run as a plain process of this host. */
  readonly surroundings?: (service: string) => Surroundings;
}

export interface Surroundings {
  /** What starts the program there; the process that comes of it must keep its pid. */
  readonly inside?: (program: Program) => Program;
  /** On top of the service's own settings. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const READY_TIMEOUT_MS = 60_000;
const LOOK_AGAIN_MS = 100;
const WORKER_GRACE_MS = 5_000;
/** Postgres checkpoints when it stops. */
const CONTROL_PLANE_GRACE_MS = 20_000;
/** What ends sooner could not start; what ends later was killed, and is wanted back at once. */
const HEALTHY_MS = 1_500;
/** Ends that are one too many while the installation starts. */
const EARLY_EXITS_MAX = 2;

export class Cluster {
  readonly url: string;
  readonly directory: DataDirectory;
  readonly client: Understudy;
  /** When this run began: what the service knows from before may be out of date. */
  readonly startedAt: Date;
  private readonly lock: InstanceLock;
  private readonly controlPlane: Service;
  private readonly workers: readonly Service[];
  private stopping: Promise<void> | null = null;

  private constructor(options: ClusterOptions, directory: DataDirectory, lock: InstanceLock) {
    this.url = urlOf(options.listen).replace("http:", options.env.UNDERSTUDY_TLS_CERT ? "https:" : "http:");
    this.directory = directory;
    this.lock = lock;
    this.startedAt = new Date();
    this.client = new Understudy({ url: this.url, tokenFile: directory.tokenFile });
    const shared = {
      ...options.env,
      UNDERSTUDY_DATA_DIR: directory.path,
      UNDERSTUDY_IMAGE_STORE: options.imageStore,
      UNDERSTUDY_JOIN_TOKEN_FILE: directory.joinTokenFile,
      UNDERSTUDY_TOKEN_FILE: directory.tokenFile,
      // The files rule here: a token of the caller's shell is for another service.
      UNDERSTUDY_TOKEN: undefined,
      UNDERSTUDY_JOIN_TOKEN: undefined,
    };
    const surroundings = (service: string) => options.surroundings?.(service) ?? {};
    const program = (kind: "control-plane" | "worker", service: string) => {
      const plain = programOf(kind);
      return surroundings(service).inside?.(plain) ?? plain;
    };
    const supervision = { backoff: { baseMs: 250, capMs: 10_000 }, healthyMs: HEALTHY_MS };
    this.controlPlane = new Service({
      ...supervision,
      ...program("control-plane", "control-plane"),
      name: "control-plane",
      logFile: directory.logFile("control-plane"),
      env: {
        ...shared,
        UNDERSTUDY_LISTEN: addressText(options.listen),
        UNDERSTUDY_INTERNAL_LISTEN: addressText(options.internalListen),
        ...surroundings("control-plane").env,
      },
    });
    const secure = speaksTls(readTlsMode(options.env.UNDERSTUDY_TLS), options.internalListen.host);
    const controlUrl = `${urlOf(options.internalListen).replace("http:", secure ? "wss:" : "ws:")}/internal/v1/workers`;
    this.workers = Array.from({ length: options.workers }, (_none, index) => {
      const name = `worker-${index + 1}`;
      return new Service({
        ...supervision,
        ...program("worker", name),
        name,
        logFile: directory.logFile(name),
        env: {
          ...shared,
          ...WORKER_ALLOCATOR,
          UNDERSTUDY_CONTROL_URL: controlUrl,
          UNDERSTUDY_WORKER_NAME: name,
          UNDERSTUDY_LOGGING_LISTEN: "127.0.0.1:0",
          ...surroundings(name).env,
        },
      });
    });
  }

  /**
   * Resolves when every worker is ready. Where anything fails, or `signal` aborts, what was started is stopped first.
   *
   * @throws {UnderstudyError} `data_directory_in_use`, `address_in_use`, `service_failed`, ...
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const directory = new DataDirectory(options.dataDirectory);
    // Nobody runs on a folder that is not there, so nobody's orphans hold the addresses: it is not made for nothing.
    if (!(await directory.exists())) await assertAddressesFree(options);
    await directory.prepare();
    const lock = await InstanceLock.acquire(directory.lockFile);
    let cluster: Cluster | null = null;
    try {
      await endOrphans(lock, options.onNote);
      await assertAddressesFree(options);
      options.signal.throwIfAborted();
      await options.beforeStart?.(directory);
      options.signal.throwIfAborted();
      cluster = new Cluster(options, directory, lock);
      await cluster.startServices(options);
      return cluster;
    } catch (error) {
      if (cluster !== null) await cluster.stop();
      else await lock.release();
      throw error;
    }
  }

  get services(): readonly Service[] {
    return [this.controlPlane, ...this.workers];
  }

  /** The worker process that has this pid now. */
  workerWithPid(pid: number): Service | null {
    return this.workers.find((worker) => worker.pid === pid) ?? null;
  }

  stop(): Promise<void> {
    this.stopping ??= this.stopServices();
    return this.stopping;
  }

  private async stopServices(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop(WORKER_GRACE_MS)));
    await this.controlPlane.stop(CONTROL_PLANE_GRACE_MS);
    await this.lock.release();
  }

  private async startServices(options: ClusterOptions): Promise<void> {
    for (const service of this.services) {
      service.onStart(() => void this.recordChildren());
      service.onExit(({ reason, restartInMs }) => {
        options.onNote(`${service.name} ended (${reason}), starting it again in ${restartInMs} ms; its log: ${service.logFile}`);
      });
    }
    const failed = new EarlyFailure(this.services);
    try {
      await this.controlPlane.start();
      await Promise.race([failed.promise, this.until("the control plane", () => this.isControlPlaneReady(), options.signal)]);
      for (const worker of this.workers) await worker.start();
      await Promise.race([failed.promise, this.until("all workers", () => this.areWorkersReady(), options.signal)]);
    } finally {
      failed.end();
    }
  }

  private async recordChildren(): Promise<void> {
    const children: { name: string; pid: number; startTime: string | null }[] = [];
    for (const { name, pid } of this.services) if (pid !== null) children.push({ name, pid, startTime: await startTimeOf(pid) });
    await this.lock.recordChildren(children);
  }

  private async until(what: string, condition: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!(await condition())) {
      signal.throwIfAborted();
      if (performance.now() >= deadline) {
        throw new UnderstudyError(
          "service_failed",
          `Cannot start: ${what} not ready within ${READY_TIMEOUT_MS / 1000} s; see the logs in ${this.directory.path}/logs`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  private async isControlPlaneReady(): Promise<boolean> {
    return await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
  }

  /** Ready, and the very processes of this run: the service may still list those of the last one. */
  private async areWorkersReady(): Promise<boolean> {
    const known = await this.client.workers.list().all();
    return this.workers.every((worker) =>
      known.some(({ name, status }) => name === worker.name && JOINED.has(status.state) && status.pid === worker.pid),
    );
  }
}

/** Rejects when a service keeps ending while the installation starts: waiting longer would not help. */
class EarlyFailure {
  readonly promise: Promise<never>;
  private readonly subscriptions: (() => void)[] = [];

  constructor(services: readonly Service[]) {
    this.promise = new Promise((_resolve, reject) => {
      const exits = new Map<string, number>();
      const onExit = async (service: Service, exit: ServiceExit) => {
        const count = (exits.get(service.name) ?? 0) + 1;
        exits.set(service.name, count);
        if (count < EARLY_EXITS_MAX) return;
        const tail = await lastLines(service.logFile, 8);
        reject(
          new UnderstudyError(
            "service_failed",
            `Cannot start ${service.name}: it ended ${count} times (${exit.reason}); the end of ${service.logFile}:\n${tail}`,
          ),
        );
      };
      for (const service of services) this.subscriptions.push(service.onExit((exit) => void onExit(service, exit)));
    });
    this.promise.catch(() => {});
  }

  end(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }
}

async function assertAddressesFree({ listen, internalListen }: ClusterOptions): Promise<void> {
  await assertFree(listen, "the API", "--listen");
  await assertFree(internalListen, "the workers' entrance", "--internal-listen");
}

async function lastLines(file: string, count: number): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text
    .trimEnd()
    .split("\n")
    .slice(-count)
    .map((line) => `  ${line.slice(0, 400)}`)
    .join("\n");
}

/** What a supervisor that was killed left running would hold the ports and the database. */
async function endOrphans(lock: InstanceLock, onNote: (text: string) => void): Promise<void> {
  // Workers first, as in an orderly stop.
  const orphans = [...lock.orphans].sort((a, b) => Number(a.name === "control-plane") - Number(b.name === "control-plane"));
  for (const orphan of orphans) {
    if (orphan.startTime === null) {
      throw new UnderstudyError(
        "data_directory_in_use",
        `Cannot start: process ${orphan.pid} (${orphan.name}) of an earlier run may still be running; stop it, then start again`,
      );
    }
    onNote(`Ending ${orphan.name} (process ${orphan.pid}), which an earlier run left behind`);
    const graceEnds = performance.now() + (orphan.name === "control-plane" ? CONTROL_PLANE_GRACE_MS : WORKER_GRACE_MS);
    process.kill(orphan.pid, "SIGTERM");
    while (await isRunning(orphan)) {
      if (performance.now() > graceEnds) process.kill(orphan.pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS / 2));
    }
  }
}
