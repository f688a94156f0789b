/** `understudy token ls` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";
import { TOKEN_LISTING } from "./token-columns.ts";

export function addTokenLs(token: Command, shell: Shell): void {
  token
    .command("ls")
    .description("list tokens that were not revoked, newest first")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      printList(shell, formatOf(command), await (await connect(command, shell)).tokens.list({ signal: shell.signal }).all(), TOKEN_LISTING);
    });
}
