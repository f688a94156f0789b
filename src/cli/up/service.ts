/**
 * One supervised process: started, restarted when it dies, stopped on request.
 *
 *     stopped --start--> running --dies--> waiting --backoff--> running
 *                           |                 |
 *                           '----- stop ------'--> stopping --exited--> stopped
 *
 * It runs in a process group of its own: a Ctrl-C in the terminal reaches the supervisor alone, which stops its services in
 * order.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { open, rename, stat } from "node:fs/promises";
import { assert } from "../../base/assert.ts";

export interface ServiceOptions {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** First and longest wait before a restart. */
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  /** A run this long counts as healthy: the next wait is the first one again. */
  readonly healthyMs: number;
}

export interface ServiceExit {
  readonly pid: number;
  /** "exit code 1" or "SIGKILL". */
  readonly reason: string;
  readonly restartInMs: number;
}

type State = "stopped" | "running" | "waiting" | "stopping";

const LOG_BYTES_MAX = 16 * 1024 * 1024;

export class Service {
  readonly name: string;
  private readonly options: ServiceOptions;
  private state: State = "stopped";
  private child: ChildProcess | null = null;
  private restart: ReturnType<typeof setTimeout> | null = null;
  private failures = 0;
  private startedAtMs = 0;
  private readonly exitListeners = new Set<(exit: ServiceExit) => void>();
  private readonly startListeners = new Set<(pid: number) => void>();

  constructor(options: ServiceOptions) {
    this.name = options.name;
    this.options = options;
  }

  /** Of the process that runs now; null: none does. */
  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  get logFile(): string {
    return this.options.logFile;
  }

  /** An end that nobody asked for. @returns a function that ends the subscription */
  onExit(listener: (exit: ServiceExit) => void): () => void {
    this.exitListeners.add(listener);
    return () => void this.exitListeners.delete(listener);
  }

  /** Every start, the first one too. */
  onStart(listener: (pid: number) => void): void {
    this.startListeners.add(listener);
  }

  async start(): Promise<void> {
    assert(this.state === "stopped" || this.state === "waiting", () => `service ${this.name} is ${this.state} when it is started`);
    this.state = "running";
    await rotate(this.options.logFile);
    const log = await open(this.options.logFile, "a", 0o600);
    try {
      if (this.wasStopped()) return;
      const child = spawn(this.options.command, this.options.arguments, {
        env: this.options.env,
        stdio: ["ignore", log.fd, log.fd],
        detached: true,
      });
      this.child = child;
      this.startedAtMs = performance.now();
      child.once("error", (error) => this.ended(child, error.message));
      child.once("exit", (code, signal) => this.ended(child, signal ?? `exit code ${code}`));
      if (child.pid !== undefined) for (const listener of this.startListeners) listener(child.pid);
    } finally {
      await log.close();
    }
  }

  /** Asks the process to end, makes it after `graceMs`, and resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    if (this.restart !== null) clearTimeout(this.restart);
    this.restart = null;
    this.state = "stopping";
    const child = this.child;
    if (child !== null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await gone;
      clearTimeout(force);
    }
    this.state = "stopped";
  }

  private wasStopped(): boolean {
    return this.state === "stopping" || this.state === "stopped";
  }

  private ended(child: ChildProcess, reason: string): void {
    if (this.child !== child) return;
    this.child = null;
    if (this.state !== "running") return;
    this.state = "waiting";
    if (performance.now() - this.startedAtMs >= this.options.healthyMs) this.failures = 0;
    const { baseMs, capMs } = this.options.backoff;
    const restartInMs = Math.min(capMs, baseMs * 2 ** Math.min(this.failures, 20));
    this.failures++;
    this.restart = setTimeout(() => {
      this.restart = null;
      void this.start().catch((error: unknown) => this.cannotStart(error));
    }, restartInMs);
    for (const listener of [...this.exitListeners]) listener({ pid: child.pid ?? 0, reason, restartInMs });
  }

  /** The log could not be opened: the disk may be full. Try again later. */
  private cannotStart(error: unknown): void {
    this.state = "waiting";
    const restartInMs = this.options.backoff.capMs;
    this.restart = setTimeout(() => {
      this.restart = null;
      void this.start().catch((again: unknown) => this.cannotStart(again));
    }, restartInMs);
    for (const listener of [...this.exitListeners]) listener({ pid: 0, reason: String(error), restartInMs });
  }
}

async function rotate(file: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(file, `${file}.1`);
}
