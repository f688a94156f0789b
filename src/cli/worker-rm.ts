/** `understudy worker rm <worker>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";
import { WORKER_LISTING } from "./worker-columns.ts";

export function addWorkerRm(worker: Command, shell: Shell): void {
  worker
    .command("rm")
    .description("forget a worker that holds nothing and whose process is gone")
    .argument("<worker>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const forgotten = await (await connect(command, shell)).workers.delete(name, { signal: shell.signal });
      note(shell, `Forgot ${name}`);
      printOne(shell, formatOf(command), forgotten, WORKER_LISTING);
    });
}
