/** `understudy token revoke <id>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";
import { TOKEN_LISTING } from "./token-columns.ts";

export function addTokenRevoke(token: Command, shell: Shell): void {
  token
    .command("revoke")
    .description("revoke a token, at once and for good")
    .argument("<id>", "id of the token")
    .addOption(outputOption())
    .action(async (id: string, _options: unknown, command: Command) => {
      const revoked = await (await connect(command, shell)).tokens.revoke(id, { signal: shell.signal });
      note(shell, `Revoked ${revoked.name}`);
      printOne(shell, formatOf(command), revoked, TOKEN_LISTING);
    });
}
