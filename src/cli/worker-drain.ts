/** `understudy worker drain <worker>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import { progressPrinter } from "./progress.ts";
import { note, type Shell } from "./shell.ts";
import { WORKER_LISTING } from "./worker-columns.ts";

interface Options {
  readonly force?: boolean;
  readonly wait: boolean;
  readonly timeout: number;
}

export function addWorkerDrain(worker: Command, shell: Shell): void {
  worker
    .command("drain")
    .description("move everything off a worker, and keep every VM protected")
    .argument("<worker>", "id or name")
    .option("--force", "do not wait until every VM can stay protected")
    .option("--no-wait", "return at once; the drain goes on")
    .option("--timeout <seconds>", "how long to wait for the end; the drain goes on after it", parseInteger(1, 86_400), 600)
    .addOption(outputOption())
    .action(async (name: string, options: Options, command: Command) => {
      const { workers } = await connect(command, shell);
      const operation = await workers.drain(name, { force: options.force ?? false, signal: shell.signal });
      if (options.wait) {
        note(shell, `Draining ${name}, operation ${operation.id}`);
        const replicas = async () => (await workers.get(name, { signal: shell.signal })).status.replicas;
        await endShown(shell, replicas, operation.result({ timeoutMs: options.timeout * 1000, signal: shell.signal }));
        note(shell, `Drained ${name}`);
      } else {
        note(shell, `Operation ${operation.id} goes on`);
      }
      printOne(shell, formatOf(command), await workers.get(name, { signal: shell.signal }), WORKER_LISTING);
    });
}

const LOOK_EVERY_MS = 1000;

/**
 * Waits for the end of a drain, and shows on stderr how many replicas are left.
 *
 * @param replicas on the worker now; that it cannot be told is no failure of the drain
 */
async function endShown(shell: Shell, replicas: () => Promise<number>, end: Promise<void>): Promise<void> {
  const progress = progressPrinter(shell);
  const ended = end.then(
    () => true,
    () => true,
  );
  const aWhile = () => new Promise<false>((resolve) => setTimeout(resolve, LOOK_EVERY_MS, false).unref());
  let most = 0;
  try {
    do {
      const left = await replicas().catch(() => 0);
      most = Math.max(most, left);
      if (left > 0) progress.show({ step: "drain", message: `${left} replicas left`, fraction: (most - left) / most });
    } while (!(await Promise.race([ended, aWhile()])));
    await end;
  } finally {
    progress.end();
  }
}
