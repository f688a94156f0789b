/** Real control planes for tests: the program as the build made it (`dist/control-plane.mjs`), on free ports, in processes of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const BUNDLE = fileURLToPath(new URL("../../../dist/control-plane.mjs", import.meta.url));

export interface LogLine extends Record<string, unknown> {
  readonly msg: string;
}

export class ControlPlaneProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  stderr = "";
  private readonly watchers = new Set<() => void>();
  private ended = false;

  /** @param cwd where it runs */
  constructor(cwd: string, env: Record<string, string>, args: readonly string[] = []) {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("UNDERSTUDY_") && name !== "DATABASE_URL"),
    );
    this.child = spawn(process.execPath, [BUNDLE, ...args], {
      cwd,
      env: { ...clean, UNDERSTUDY_LISTEN: "127.0.0.1:0", UNDERSTUDY_INTERNAL_LISTEN: "127.0.0.1:0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let rest = "";
    this.child.stdout?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.lines.push(JSON.parse(line));
      for (const watcher of [...this.watchers]) watcher();
    });
    this.child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.child.on("close", () => {
      this.ended = true;
      for (const watcher of [...this.watchers]) watcher();
    });
  }

  /** The first line of its log, so far or to come, that has this in its message. */
  async line(part: string): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find((line) => line.msg.includes(part));
      if (found !== undefined) return found;
      if (this.ended) throw new Error(`the process ended before "${part}": ${this.stderr}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.watchers.delete(wake);
          resolve();
        };
        this.watchers.add(wake);
      });
    }
  }

  async end(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const [code] = await once(this.child, "close");
    return code as number | null;
  }
}
