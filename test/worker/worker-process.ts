/** Real worker processes for tests: the worker as the build made it (`dist/worker.mjs`), in processes of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { JOIN_TOKEN, type ScriptedControlPlane } from "./scripted-control-plane.ts";

const WORKER = fileURLToPath(new URL("../../dist/worker.mjs", import.meta.url));

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly code?: string;
  readonly replicaId?: string;
  readonly [name: string]: unknown;
}

export class WorkerProcess {
  readonly log: LogLine[] = [];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  private waiters: { readonly test: (line: LogLine) => boolean; readonly resolve: (line: LogLine) => void }[] = [];

  private constructor(
    readonly name: string,
    readonly child: ChildProcess,
    folder: string,
  ) {
    this.exited = once(child, "exit").then(([code, signal]) => {
      rmSync(folder, { recursive: true, force: true });
      return { code, signal };
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (line) => this.logged(line));
    }
  }

  static start(name: string, plane: Pick<ScriptedControlPlane, "url">, env: NodeJS.ProcessEnv = {}, entry = WORKER): WorkerProcess {
    const folder = mkdtempSync(join(tmpdir(), "understudy-worker-"));
    const child = spawn(process.execPath, [entry], {
      env: {
        PATH: process.env.PATH,
        UNDERSTUDY_WORKER_NAME: name,
        UNDERSTUDY_CONTROL_URL: plane.url,
        UNDERSTUDY_JOIN_TOKEN: JOIN_TOKEN,
        UNDERSTUDY_DATA_DIR: folder,
        UNDERSTUDY_LOG_LEVEL: "debug",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new WorkerProcess(name, child, folder);
  }

  private logged(line: string): void {
    const parsed: LogLine = line.startsWith("{") ? JSON.parse(line) : { level: 60, msg: line };
    this.log.push(parsed);
    for (const waiter of [...this.waiters]) {
      if (!waiter.test(parsed)) continue;
      this.waiters.splice(this.waiters.indexOf(waiter), 1);
      waiter.resolve(parsed);
    }
  }

  /** The first line of its log, so far or to come, that fits. */
  async says(what: RegExp): Promise<LogLine> {
    const test = (line: LogLine) => what.test(line.msg);
    return this.log.find(test) ?? (await new Promise<LogLine>((resolve) => this.waiters.push({ test, resolve })));
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
