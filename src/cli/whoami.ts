/** `understudy whoami` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import type { Shell } from "./shell.ts";
import { TOKEN_LISTING } from "./token-columns.ts";

export function addWhoami(program: Command, shell: Shell): void {
  program
    .command("whoami")
    .description("show the token that is used, with what it may do")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { token } = await (await connect(command, shell)).whoami({ signal: shell.signal });
      printOne(shell, formatOf(command), token, TOKEN_LISTING);
    });
}
