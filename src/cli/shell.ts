/** What a command sees of the process it runs in, so that tests can run commands without one. */
import type { Readable, Writable } from "node:stream";

export interface Shell {
  /** Results only. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  /** Notes, progress and errors. */
  readonly stderr: Writable;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user asks to stop. */
  readonly signal: AbortSignal;
}

export function print(shell: Shell, text: string): void {
  shell.stdout.write(`${text}\n`);
}

export function note(shell: Shell, text: string): void {
  shell.stderr.write(`${text}\n`);
}
