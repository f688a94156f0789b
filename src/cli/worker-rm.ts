/** `understudy worker rm <worker>` */
import type { Command } from "commander";
import { connect } from "./connection.ts";
import { note, print, type Shell } from "./shell.ts";

export function addWorkerRm(worker: Command, shell: Shell): void {
  worker
    .command("rm")
    .description("forget a worker that holds nothing and whose process is gone")
    .argument("<worker>", "id or name")
    .action(async (name: string, _options: unknown, command: Command) => {
      const forgotten = await (await connect(command, shell)).workers.delete(name, { signal: shell.signal });
      print(shell, forgotten.id);
      note(shell, `Forgot ${name}`);
    });
}
