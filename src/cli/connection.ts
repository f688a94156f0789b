/** From the options that every command has to a client of the service. */
import type { Command } from "commander";
import { Understudy } from "../sdk/index.ts";
import type { Format } from "./output.ts";
import type { Shell } from "./shell.ts";

interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

export function addConnectionOptions(program: Command): void {
  program
    .option("--url <url>", "the API's address (UNDERSTUDY_API_URL, default http://127.0.0.1:8080)")
    .option("--token <token>", "the API's token (UNDERSTUDY_TOKEN)")
    .option("--token-file <file>", "a file that holds the token (UNDERSTUDY_TOKEN_FILE, default .understudy/token)");
}

export function connect(command: Command, shell: Shell): Understudy {
  const options = command.optsWithGlobals<GlobalOptions>();
  const url = options.url ?? shell.env.UNDERSTUDY_API_URL;
  const token = options.token ?? (options.tokenFile === undefined ? shell.env.UNDERSTUDY_TOKEN : undefined);
  const tokenFile = options.tokenFile ?? shell.env.UNDERSTUDY_TOKEN_FILE;
  return new Understudy({
    ...(url === undefined || url === "" ? {} : { url }),
    ...(token === undefined || token === "" ? {} : { token }),
    ...(tokenFile === undefined || tokenFile === "" ? {} : { tokenFile }),
  });
}

export function formatOf(command: Command): Format {
  return command.optsWithGlobals<{ output: Format }>().output;
}
