/** `understudy op get <operation>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { OPERATION_LISTING } from "./op-columns.ts";
import { outputOption, printOne } from "./output.ts";
import type { Shell } from "./shell.ts";

export function addOpGet(op: Command, shell: Shell): void {
  op.command("get")
    .description("show an operation")
    .argument("<operation>", "id")
    .addOption(outputOption())
    .action(async (id: string, _options: unknown, command: Command) => {
      const { resource } = await (await connect(command, shell)).operations.get(id, { signal: shell.signal });
      printOne(shell, formatOf(command), resource, OPERATION_LISTING);
    });
}
