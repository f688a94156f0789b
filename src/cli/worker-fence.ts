/** `understudy worker fence <worker>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";
import { WORKER_LISTING } from "./worker-columns.ts";

export function addWorkerFence(worker: Command, shell: Shell): void {
  worker
    .command("fence")
    .description("cut a worker off: everything on it counts as lost at once")
    .argument("<worker>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const { workers } = await connect(command, shell);
      await workers.fence(name, { signal: shell.signal });
      note(shell, `Fenced ${name}`);
      printOne(shell, formatOf(command), await workers.get(name, { signal: shell.signal }), WORKER_LISTING);
    });
}
