/** `understudy version` */
import type { Command } from "commander";
import { ClientError, ConfigurationError } from "../sdk/index.ts";
import { CLI_VERSION } from "./cli-version.ts";
import { connect } from "./connection.ts";
import { note, print, type Shell } from "./shell.ts";

export function addVersion(program: Command, shell: Shell): void {
  program
    .command("version")
    .description("show the version of this program, and of the service if it answers")
    .action(async (_options: unknown, command: Command) => {
      print(shell, `understudy ${CLI_VERSION}`);
      const client = await connect(command, shell);
      try {
        print(shell, `service    ${(await client.version()).version} at ${client.url}`);
      } catch (error) {
        if (!(error instanceof ClientError) || error instanceof ConfigurationError) throw error;
        note(shell, `No service: ${error.message}`);
      }
    });
}
