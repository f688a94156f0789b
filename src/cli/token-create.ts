/** `understudy token create <name>` */
import { type Command, InvalidArgumentError, Option } from "commander";
import { SCOPES, type Scope } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { outputOption, parseInteger } from "./output.ts";
import { note, print, type Shell } from "./shell.ts";

interface Options {
  readonly scope?: readonly string[];
  readonly ttl?: number;
}

export function addTokenCreate(token: Command, shell: Shell): void {
  token
    .command("create")
    .description("make a token; its secret is printed, and never shown again")
    .argument("<name>", "what it is for")
    .addOption(
      new Option("--scope <scope>", "what it may do, admin for all; is given at least once, may be repeated, or have commas")
        .choices(SCOPES)
        .argParser(parseScope),
    )
    .option("--ttl <seconds>", "how long it is good; for ever where it is left out", parseInteger(1, 315_360_000))
    .addOption(outputOption())
    .action(async (name: string, options: Options, command: Command) => {
      const { scope, ttl } = options;
      if (scope === undefined) throw new UsageError(`Cannot make a token that may do nothing: give --scope, of ${SCOPES.join(", ")}`);
      const created = await (await connect(command, shell)).tokens.create(
        { name, scopes: scope as readonly Scope[], ...(ttl === undefined ? {} : { ttlSeconds: ttl }) },
        { signal: shell.signal },
      );
      const format = formatOf(command);
      if (format === "json") print(shell, JSON.stringify(created, null, 2));
      else print(shell, format === "name" ? created.token.id : created.secret);
      note(shell, `Made ${created.token.id}. Keep its secret: it is not shown again`);
    });
}

function parseScope(text: string, before: readonly string[] = []): readonly string[] {
  const scopes = text.split(",");
  if (scopes.some((scope) => !SCOPES.includes(scope))) throw new InvalidArgumentError(`Scopes are ${SCOPES.join(", ")}.`);
  return [...before, ...scopes];
}
