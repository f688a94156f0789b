/** Progress on stderr: one line that is overwritten in a terminal, a line for each step elsewhere. */
import type { Shell } from "./shell.ts";

export interface ProgressReport {
  readonly step: string;
  readonly message: string;
  /** 0 to 1; null where it cannot be told. */
  readonly fraction: number | null;
}

export interface ProgressPrinter {
  readonly show: (report: ProgressReport) => void;
  readonly end: () => void;
}

const BAR = 24;

export function progressPrinter(shell: Shell): ProgressPrinter {
  const terminal = (shell.stderr as { isTTY?: boolean }).isTTY === true;
  let last = "";
  let open = false;
  return {
    show(report) {
      if (terminal) {
        const line = `  ${bar(report.fraction)}  ${report.message}`;
        if (line !== last) shell.stderr.write(`\r\x1b[2K${line}`);
        last = line;
        open = true;
        return;
      }
      // Without a terminal: where a step says something new, not at every percent.
      const line = `  ${report.step}: ${report.message}`;
      if (line !== last) shell.stderr.write(`${line}\n`);
      last = line;
    },
    end() {
      if (open) shell.stderr.write("\n");
      open = false;
    },
  };
}

function bar(fraction: number | null): string {
  if (fraction === null) return `[${" ".repeat(BAR)}]`;
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * BAR);
  return `[${"#".repeat(full)}${" ".repeat(BAR - full)}]`;
}
