/** `understudy worker get <worker>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import type { Shell } from "./shell.ts";
import { WORKER_LISTING } from "./worker-columns.ts";

export function addWorkerGet(worker: Command, shell: Shell): void {
  worker
    .command("get")
    .description("show one worker; -o json shows all of it")
    .argument("<worker>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const found = await (await connect(command, shell)).workers.get(name, { signal: shell.signal });
      printOne(shell, formatOf(command), found, WORKER_LISTING);
    });
}
