/**
 * A whole installation for one test: control plane, Postgres and workers as processes, on free ports of the loopback, in a
 * folder of its own. The processes are the bundles that users run; the image store is the tests' shared one.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StoryConsole, within } from "../../src/cli/demo/story-console.ts";
import { STORY_BEGIN, STORY_SCRIPT, type TranscriptVerdict } from "../../src/cli/demo/transcript.ts";
import { Cluster, type ClusterOptions } from "../../src/cli/up/cluster.ts";
import { freePorts } from "../../src/cli/up/ports.ts";
import type { ConsoleStream, Understudy, Vm } from "../../src/sdk/index.ts";
import { guestImageStore } from "./guest-image.ts";
import { prepareData } from "./postgres-data.ts";

export interface InstallationOptions {
  readonly workers?: number;
  /** On top of the test's own environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the tests' shared store. */
  readonly imageStore?: string;
  /** Where the services run, and what must be there before them. */
  readonly place?: Pick<ClusterOptions, "surroundings" | "beforeStart"> & { readonly listenPort?: number };
}

/** What hangs ends here; a host that is ten times slower does not. */
const STEP_MS = 240_000;
/** Of what no event tells. */
const LOOK_AGAIN_MS = 50;

/** Silence and lag are no reason for a failover, unless the story is about them: a loaded machine has its own pauses. */
const PATIENT = { UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: "30000", UNDERSTUDY_MAX_LAG_MS: "60000" };

export class Installation {
  readonly cluster: Cluster;
  /** What the supervisor noted: ends and restarts of processes. */
  readonly notes: string[];
  private readonly abort: AbortController;

  private constructor(cluster: Cluster, notes: string[], abort: AbortController) {
    this.cluster = cluster;
    this.notes = notes;
    this.abort = abort;
  }

  static async start(options: InstallationOptions = {}): Promise<Installation> {
    const imageStore = options.imageStore ?? (await guestImageStore()).dir;
    const dataDirectory = await mkdtemp(join(tmpdir(), "understudy-e2e-"));
    const [freePort = 0, internal = 0] = await freePorts(2);
    const { listenPort = freePort, beforeStart, ...place } = options.place ?? {};
    const env: ClusterOptions["env"] = { ...process.env, ...PATIENT, ...options.env };
    const abort = new AbortController();
    const notes: string[] = [];
    const cluster = await Cluster.start({
      dataDirectory,
      listen: { host: "127.0.0.1", port: listenPort },
      internalListen: { host: "127.0.0.1", port: internal },
      imageStore,
      workers: options.workers ?? 3,
      env,
      signal: abort.signal,
      onNote: (text) => notes.push(text),
      beforeStart: async (directory) => {
        if (env.DATABASE_URL === undefined) await prepareData(join(directory.path, "postgres"));
        await beforeStart?.(directory);
      },
      ...place,
    });
    return new Installation(cluster, notes, abort);
  }

  get client(): Understudy {
    return this.cluster.client;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  async stop(): Promise<void> {
    this.abort.abort(new Error("the test is over"));
    await this.cluster.stop();
    const { path } = this.cluster.directory;
    // For a look at the logs of a run that went wrong.
    if (process.env.UNDERSTUDY_TEST_KEEP) process.stderr.write(`kept: ${path}\n`);
    else await rm(path, { recursive: true, force: true });
  }

  /**
   * A VM of the tests' image, with a console to write to; at its shell's prompt.
   *
   * @param options.begun what is done once it is created, before the prompt is waited for
   */
  async boot(
    options: {
      name?: string;
      memoryMiB?: number;
      protection?: "lockstep" | "none";
      backups?: number;
      desiredState?: "running" | "paused";
      begun?: (vm: Vm) => Promise<void>;
    } = {},
  ): Promise<Guest> {
    const vm = await this.client.vms.create({
      ...(options.name === undefined ? {} : { name: options.name }),
      image: "debian",
      machine: { memoryMiB: options.memoryMiB ?? 128 },
      ...(options.desiredState === undefined ? {} : { desiredState: options.desiredState }),
      protection: { mode: options.protection ?? "lockstep", ...(options.backups === undefined ? {} : { backups: options.backups }) },
    });
    await options.begun?.(vm);
    const stream = await vm.console.attach({ mode: "write", from: "start", signal: this.signal });
    const guest = new Guest(this, vm, stream);
    await guest.console.expect(/understudy: ready[\s\S]*# (\x1b\[6n)?$/, STEP_MS, this.signal, 0);
    return guest;
  }

  /** Resolves when every worker is there: one whose process was killed is started again, later and later if it was killed again and again. */
  async workersReady(): Promise<void> {
    const ready = async () => {
      while (!(await this.client.workers.list().all()).every(({ status }) => status.state === "ready")) await delay(LOOK_AGAIN_MS);
    };
    await within(ready(), STEP_MS, "every worker to be ready", this.signal);
  }

  /** The log of a service: `control-plane` or `worker-N`. */
  async log(service: string): Promise<string> {
    return await readFile(this.cluster.directory.logFile(service), "utf8");
  }
}

/** One VM and who watches its console. */
export class Guest {
  readonly vm: Vm;
  readonly stream: ConsoleStream;
  readonly console: StoryConsole;
  private readonly installation: Installation;

  constructor(installation: Installation, vm: Vm, stream: ConsoleStream) {
    this.installation = installation;
    this.vm = vm;
    this.stream = stream;
    this.console = new StoryConsole(stream, () => {});
  }

  async expect(pattern: RegExp, from?: number): Promise<void> {
    await this.console.expect(pattern, STEP_MS, this.installation.signal, from);
  }

  /** Resolves when the guest of the story has counted so many lines more. */
  async expectGuestLines(count: number): Promise<void> {
    await this.console.expectGuestLines(count, STEP_MS, this.installation.signal);
  }

  /** Runs a command at the guest's shell and returns what it printed. */
  async run(command: string): Promise<string> {
    const from = this.console.transcript.length;
    await this.console.type(`${command}\n`);
    await this.expect(/\r\n[^\r\n]*# (\x1b\[6n)?$/, from);
    return this.console.transcript
      .slice(from)
      .replace(/^.*?\r\n/, "")
      .replace(/\r\n[^\r\n]*$|^[^\r\n]*# $/, "");
  }

  /** Starts the guest's count and the client's typing (see `transcript.ts`). */
  async beginStory(typeEveryMs: number, countEverySeconds = 0.05): Promise<void> {
    await this.console.type(STORY_SCRIPT.replace("0.05", String(countEverySeconds)));
    await this.expect(new RegExp(`${STORY_BEGIN}\r\n`), 0);
    this.console.startTyping(typeEveryMs);
    await this.expect(/heard client 3\r\n/, 0);
  }

  /** Ends the typing and judges the story: see `StoryConsole.endTyping`. */
  async endStory(): Promise<TranscriptVerdict> {
    return await this.console.endTyping(STEP_MS, this.installation.signal);
  }

  async protectedNow(): Promise<void> {
    await this.vm.waitFor("protected", { timeoutMs: STEP_MS });
  }

  /** Resolves when the service knows of a term above this one and the VM is protected in it. */
  async protectedAfter(term: number): Promise<void> {
    const later = async () => {
      await this.decidedAfter(term);
      await this.protectedNow();
    };
    await within(later(), STEP_MS, `the VM to be protected in a term after ${term}`, this.installation.signal);
  }

  /** Resolves when the service knows of a term above this one: the arbiter has decided something. */
  async decidedAfter(term: number): Promise<void> {
    const decided = async () => {
      for (;;) {
        const answer = await this.vm.refresh().catch(() => null);
        if (answer !== null && answer.status.term > term) return;
        await this.nextEvent();
      }
    };
    await within(decided(), STEP_MS, `a term after ${term}`, this.installation.signal);
  }

  /** Any event of this VM, or a second without one. */
  private async nextEvent(): Promise<void> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 1_000);
    try {
      for await (const _event of this.installation.client.events.watch({ vm: this.vm.id, signal: abort.signal })) break;
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The worker process that hosts the primary (or backup) now. */
  async workerOf(role: "primary" | "backup"): Promise<{ name: string; pid: number; replicaId: string }> {
    const replica = (await this.vm.replicas()).find((candidate) => candidate.role === role && candidate.state === "live");
    if (replica === undefined) throw new Error(`the VM has no live ${role}`);
    const worker = (await this.installation.client.workers.list().all()).find(({ id }) => id === replica.worker);
    if (worker === undefined || this.installation.cluster.workerWithPid(worker.status.pid) === null) {
      throw new Error(`the ${role}'s worker ${replica.workerName} is no process of this installation`);
    }
    return { name: worker.name, pid: worker.status.pid, replicaId: replica.id };
  }
}
