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
    .option("-l, --selector <labels>", "only those with labels: rack=a,!retired")
    .addOption(outputOption())
    .action(async ({ selector }: { readonly selector?: string }, command: Command) => {
      const wanted = { ...(selector === undefined ? {} : { labelSelector: selector }), signal: shell.signal };
      printList(shell, formatOf(command), await (await connect(command, shell)).workers.list(wanted).all(), WORKER_LISTING);
    });
}
