/** `understudy worker ls` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";
import { WORKER_LISTING } from "./worker-columns.ts";

export function addWorkerLs(worker: Command, shell: Shell): void {
  worker
    .command("ls")
    .description("list the workers")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      printList(shell, formatOf(command), await connect(command, shell).workers.list({ signal: shell.signal }), WORKER_LISTING);
    });
}
