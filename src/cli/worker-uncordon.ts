/** `understudy worker uncordon <worker>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";
import { WORKER_LISTING } from "./worker-columns.ts";

export function addWorkerUncordon(worker: Command, shell: Shell): void {
  worker
    .command("uncordon")
    .description("take a worker back into use, also after a drain or a fence")
    .argument("<worker>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const { workers } = await connect(command, shell);
      await workers.uncordon(name, { signal: shell.signal });
      note(shell, `Uncordoned ${name}`);
      printOne(shell, formatOf(command), await workers.get(name, { signal: shell.signal }), WORKER_LISTING);
    });
}
