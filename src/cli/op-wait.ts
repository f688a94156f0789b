/** `understudy op wait <operation>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { OPERATION_LISTING } from "./op-columns.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import type { Shell } from "./shell.ts";

export function addOpWait(op: Command, shell: Shell): void {
  op.command("wait")
    .description("wait for the end of an operation; exits 5 where it takes too long, and as its error where it failed")
    .argument("<operation>", "id")
    .option("--timeout <seconds>", "how long to wait", parseInteger(0, 86_400), 60)
    .addOption(outputOption())
    .action(async (id: string, options: { readonly timeout: number }, command: Command) => {
      const operation = await (await connect(command, shell)).operations.get(id, { signal: shell.signal });
      await operation.result({ timeoutMs: options.timeout * 1000, signal: shell.signal });
      printOne(shell, formatOf(command), operation.resource, OPERATION_LISTING);
    });
}
