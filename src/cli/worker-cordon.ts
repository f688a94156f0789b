/** `understudy worker cordon <worker>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";
import { WORKER_LISTING } from "./worker-columns.ts";

export function addWorkerCordon(worker: Command, shell: Shell): void {
  worker
    .command("cordon")
    .description("place nothing new on a worker; what it holds stays")
    .argument("<worker>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const { workers } = await connect(command, shell);
      await workers.cordon(name, { signal: shell.signal });
      note(shell, `Cordoned ${name}`);
      printOne(shell, formatOf(command), await workers.get(name, { signal: shell.signal }), WORKER_LISTING);
    });
}
