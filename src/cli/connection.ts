/** From the options that every command has to a client of the service. */
import type { Command } from "commander";
import { Understudy } from "../sdk/index.ts";
import { contextNamed } from "./contexts.ts";
import { UsageError } from "./exit-code.ts";
import type { Format } from "./output.ts";
import type { Shell } from "./shell.ts";

/** Everything that there is belongs to it. */
const THE_PROJECT = "default";

export interface GlobalOptions {
  readonly context?: string;
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

export function addConnectionOptions(program: Command): void {
  program
    .option("--context <name>", 'a service that "understudy context" knows (UNDERSTUDY_CONTEXT, default the current one)')
    .option("--url <url>", "the API's address (UNDERSTUDY_API_URL, default http://127.0.0.1:8080)")
    .option("--token <token>", "the API's token (UNDERSTUDY_TOKEN)")
    .option("--token-file <file>", "a file that holds the token (UNDERSTUDY_TOKEN_FILE, default .understudy/token)");
}

/**
 * A flag goes over the environment, that over the context, that over the default.
 *
 * @throws {UsageError} for a project that no service has
 */
export async function connect(command: Command, shell: Shell): Promise<Understudy> {
  const flags = command.optsWithGlobals<GlobalOptions>();
  const context = await contextNamed(shell, flags.context);
  const { UNDERSTUDY_API_URL, UNDERSTUDY_PROJECT, UNDERSTUDY_TOKEN, UNDERSTUDY_TOKEN_FILE } = shell.env;
  if (UNDERSTUDY_PROJECT && UNDERSTUDY_PROJECT !== THE_PROJECT)
    throw new UsageError(`Cannot use the project "${UNDERSTUDY_PROJECT}" of UNDERSTUDY_PROJECT: a service has one, ${THE_PROJECT}`);
  // Of a token and a file that has one, those of the first place that names either.
  const places = [flags, { token: UNDERSTUDY_TOKEN || undefined, tokenFile: UNDERSTUDY_TOKEN_FILE || undefined }, context];
  const { token, tokenFile } = places.find((place) => place.token !== undefined || place.tokenFile !== undefined) ?? {};
  const url = flags.url ?? (UNDERSTUDY_API_URL || context.url);
  return new Understudy({
    ...(url === undefined || url === "" ? {} : { url }),
    ...(token === undefined || token === "" ? {} : { token }),
    ...(token !== undefined || tokenFile === undefined || tokenFile === "" ? {} : { tokenFile }),
  });
}

export function formatOf(command: Command): Format {
  return command.optsWithGlobals<{ output: Format }>().output;
}
