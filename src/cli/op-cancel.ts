/** `understudy op cancel <operation>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { OPERATION_LISTING } from "./op-columns.ts";
import { outputOption, printOne } from "./output.ts";
import type { Shell } from "./shell.ts";

export function addOpCancel(op: Command, shell: Shell): void {
  op.command("cancel")
    .description("take an operation back, where that is still possible")
    .argument("<operation>", "id")
    .addOption(outputOption())
    .action(async (id: string, _options: unknown, command: Command) => {
      const cancelled = await (await connect(command, shell)).operations.cancel(id, { signal: shell.signal });
      printOne(shell, formatOf(command), cancelled, OPERATION_LISTING);
    });
}
