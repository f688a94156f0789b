/** A shell whose output is kept, to run commands in this process. */
import { PassThrough, Writable } from "node:stream";
import { run } from "../../src/cli/program.ts";
import type { Shell } from "../../src/cli/shell.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class CapturedShell implements Shell {
  readonly stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly abort = new AbortController();
  private readonly out: Buffer[] = [];
  private readonly err: Buffer[] = [];
  private watchers: (() => void)[] = [];
  readonly stdout = this.sink(this.out);
  readonly stderr = this.sink(this.err);

  constructor(env: Readonly<Record<string, string | undefined>> = {}) {
    this.env = env;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get stdoutText(): string {
    return Buffer.concat(this.out).toString("utf8");
  }

  get stderrText(): string {
    return Buffer.concat(this.err).toString("utf8");
  }

  async run(...argv: string[]): Promise<Outcome> {
    const code = await run(argv, this);
    return { code, stdout: this.stdoutText, stderr: this.stderrText };
  }

  /** Resolves when stdout or stderr contains `text`. */
  shows(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!this.stdoutText.includes(text) && !this.stderrText.includes(text)) return;
        this.watchers = this.watchers.filter((watcher) => watcher !== look);
        resolve();
      };
      this.watchers.push(look);
      look();
    });
  }

  private sink(chunks: Buffer[]): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(Buffer.from(chunk));
        done();
        for (const look of [...this.watchers]) look();
      },
    });
  }
}

export function runCli(argv: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<Outcome> {
  return new CapturedShell(env).run(...argv);
}
