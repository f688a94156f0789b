/** From the options that every command has to a client of the service. */
import type { Command } from "commander";
import { checkApiUrl, checkToken, Understudy } from "../sdk/index.ts";
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
 * @throws {UsageError} for a project that no service has; {ConfigurationError} for a URL or a token that cannot be used
 */
export async function connect(command: Command, shell: Shell): Promise<Understudy> {
  const flags = command.optsWithGlobals<GlobalOptions>();
  const context = await contextNamed(shell, flags.context);
  const { UNDERSTUDY_API_URL, UNDERSTUDY_PROJECT, UNDERSTUDY_TOKEN, UNDERSTUDY_TOKEN_FILE } = shell.env;
  if (UNDERSTUDY_PROJECT && UNDERSTUDY_PROJECT !== THE_PROJECT)
    throw new UsageError(`Cannot use the project "${UNDERSTUDY_PROJECT}" of UNDERSTUDY_PROJECT: a service has one, ${THE_PROJECT}`);
  const environment = {
    url: UNDERSTUDY_API_URL || undefined,
    token: UNDERSTUDY_TOKEN || undefined,
    tokenFile: UNDERSTUDY_TOKEN_FILE || undefined,
  };
  const places = [
    { settings: flags, names: { url: "--url", token: "--token" } },
    { settings: environment, names: { url: "UNDERSTUDY_API_URL", token: "UNDERSTUDY_TOKEN" } },
    { settings: context, names: { url: "the context", token: "the context" } },
  ];
  const addressed = places.find(({ settings }) => settings.url !== undefined);
  // Of a token and a file that has one, those of the first place that names either.
  const trusted = places.find(({ settings }) => settings.token !== undefined || settings.tokenFile !== undefined);
  const url = addressed?.settings.url;
  const { token, tokenFile } = trusted?.settings ?? {};
  return new Understudy({
    ...(addressed === undefined || !url ? {} : { url: checkApiUrl(url, addressed.names.url) }),
    ...(trusted === undefined || !token ? {} : { token: checkToken(token, trusted.names.token) }),
    ...(token !== undefined || !tokenFile ? {} : { tokenFile }),
  });
}

export function formatOf(command: Command): Format {
  return command.optsWithGlobals<{ output: Format }>().output;
}
