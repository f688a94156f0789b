/** `understudy context ls|use|set|rm`: which service is meant where nothing else says so. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkApiUrl, checkToken } from "../sdk/index.ts";
import { formatOf, type GlobalOptions } from "./connection.ts";
import { type Context, checkContextName, contextsFile, readContexts, refuseContext, writeContexts } from "./contexts.ts";
import { UsageError } from "./exit-code.ts";
import { outputOption, printList } from "./output.ts";
import { note, type Shell } from "./shell.ts";

interface Named {
  readonly name: string;
  readonly current: boolean;
  readonly context: Context;
}

const CONTEXT_LISTING = {
  columns: [
    { title: "CURRENT", value: ({ current }: Named) => (current ? "*" : "") },
    { title: "NAME", value: ({ name }: Named) => name },
    { title: "URL", value: ({ context }: Named) => context.url ?? "-" },
    { title: "TOKEN", value: ({ context }: Named) => tokenOf(context), wide: true },
  ],
  /** Without the token: a list is shown around. */
  json: ({ name, current, context }: Named) => ({ name, current, url: context.url ?? null, tokenFile: context.tokenFile ?? null }),
  name: ({ name }: Named) => name,
};

function tokenOf({ token, tokenFile }: Context): string {
  return token !== undefined ? "in the file" : (tokenFile ?? "-");
}

export function addContext(program: Command, shell: Shell): void {
  const context = program.command("context").description("the services that are used from here, by name");
  context
    .command("ls")
    .description("list the contexts; the current one has a star")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { current, contexts } = await readContexts(shell);
      const named = Object.entries(contexts).map(([name, each]) => ({ name, current: name === current, context: each }));
      printList(shell, formatOf(command), named, CONTEXT_LISTING);
    });
  context
    .command("use")
    .description("make a context the current one")
    .argument("<name>")
    .action(async (name: string) => {
      const { contexts } = await readContexts(shell);
      if (contexts[name] === undefined) refuseContext(shell, name, contexts);
      await writeContexts(shell, { current: name, contexts });
      note(shell, `Using ${name}, ${contexts[name]?.url ?? "at the default address"}`);
    });
  context
    .command("set")
    .description("make a context, or change it: of --url, --token and --token-file, what is given")
    .argument("<name>")
    .action(async (name: string, _options: unknown, command: Command) => {
      checkContextName(name);
      const { url, token, tokenFile } = command.optsWithGlobals<GlobalOptions>();
      if (url === undefined && token === undefined && tokenFile === undefined)
        throw new UsageError("Cannot set the context: give --url, --token or --token-file");
      const { current, contexts } = await readContexts(shell);
      const { token: _token, tokenFile: _file, ...before } = contexts[name] ?? {};
      const kept = token === undefined && tokenFile === undefined ? contexts[name] : before;
      const changed = {
        ...kept,
        ...(url === undefined ? {} : { url: checkApiUrl(url, "--url") }),
        ...(token === undefined ? {} : { token: checkToken(token, "--token") }),
        ...(tokenFile === undefined ? {} : { tokenFile: resolve(tokenFile) }),
      };
      await writeContexts(shell, { current: current ?? name, contexts: { ...contexts, [name]: changed } });
      note(shell, `Wrote ${name} to ${contextsFile(shell)}`);
    });
  context
    .command("rm")
    .description("forget a context")
    .argument("<name>")
    .action(async (name: string) => {
      const { current, contexts } = await readContexts(shell);
      if (contexts[name] === undefined) refuseContext(shell, name, contexts);
      const { [name]: _forgotten, ...rest } = contexts;
      await writeContexts(shell, { current: current === name ? null : current, contexts: rest });
      note(shell, `Forgot ${name}`);
    });
}
