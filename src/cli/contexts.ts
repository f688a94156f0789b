/**
 * `~/.config/understudy/config.toml`: the services that are used from here, by name.
 *
 *     current-context = "home"
 *
 *     [contexts.home]
 *     url = "https://understudy.home.example"
 *     token-file = "/home/me/.config/understudy/home.token"
 *
 * A flag goes over the environment, that over the context, that over the default. The context is `--context`, UNDERSTUDY_CONTEXT, or the
 * current one.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { parse, stringify } from "smol-toml";
import { UsageError } from "./exit-code.ts";
import type { Shell } from "./shell.ts";

export interface Context {
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

export interface Contexts {
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, Context>>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** As they are written in the file, and what they are here. */
const SETTINGS = { url: "url", token: "token", "token-file": "tokenFile" } as const;

export function contextsFile(shell: Shell): string {
  const { XDG_CONFIG_HOME, HOME } = shell.env;
  return join(XDG_CONFIG_HOME || join(HOME || homedir(), ".config"), "understudy", "config.toml");
}

/** @throws {UsageError} naming the file, and what is wrong in it */
export async function readContexts(shell: Shell): Promise<Contexts> {
  const file = contextsFile(shell);
  const refuse = (why: string): never => {
    throw new UsageError(`Cannot use ${file}: ${why}`);
  };
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" || error.code === "ENOTDIR" ? "" : refuse(error.message),
  );
  let table: Readonly<Record<string, unknown>>;
  try {
    table = parse(text);
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { "current-context": current = null, contexts = {}, ...rest } = table;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) refuse(`there is no setting "${unknown}", there are current-context and contexts`);
  if (current !== null && typeof current !== "string") refuse("current-context is a name");
  if (typeof contexts !== "object" || contexts === null) refuse("contexts is a table");
  const read = Object.entries(contexts as object).map(([name, settings]) => [name, readContext(name, settings, refuse)] as const);
  return { current: current as string | null, contexts: Object.fromEntries(read) };
}

function readContext(name: string, settings: unknown, refuse: (why: string) => never): Context {
  if (!NAME.test(name)) refuse(`"${name}" is no name of a context`);
  if (typeof settings !== "object" || settings === null) return refuse(`contexts.${name} is a table`);
  const context: { url?: string; token?: string; tokenFile?: string } = {};
  for (const [setting, value] of Object.entries(settings)) {
    if (!(setting in SETTINGS)) refuse(`contexts.${name} has no setting "${setting}", there are ${Object.keys(SETTINGS).join(", ")}`);
    if (typeof value !== "string") return refuse(`contexts.${name}.${setting} is text`);
    context[SETTINGS[setting as keyof typeof SETTINGS]] = value;
  }
  return context;
}

/** Readable by its owner alone: it may hold tokens. */
export async function writeContexts(shell: Shell, { current, contexts }: Contexts): Promise<void> {
  const file = contextsFile(shell);
  const table = {
    ...(current === null ? {} : { "current-context": current }),
    contexts: Object.fromEntries(
      Object.entries(contexts).map(([name, context]) => [
        name,
        Object.fromEntries(
          Object.entries(SETTINGS).flatMap(([setting, field]) => (context[field] === undefined ? [] : [[setting, context[field]]])),
        ),
      ]),
    ),
  };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const beside = `${file}.${randomUUID()}`;
  await writeFile(beside, stringify(table), { mode: 0o600 });
  await rename(beside, file);
}

/** @throws {UsageError} where there is no such context */
export async function contextNamed(shell: Shell, name: string | undefined): Promise<Context> {
  const { current, contexts } = await readContexts(shell);
  const wanted = name ?? (shell.env["UNDERSTUDY_CONTEXT"] || current);
  if (wanted === null || wanted === undefined) return {};
  return contexts[wanted] ?? refuseContext(shell, wanted, contexts);
}

export function refuseContext(shell: Shell, name: string, contexts: Contexts["contexts"]): never {
  const there = Object.keys(contexts).sort();
  const advice = there.length === 0 ? "there is none yet" : `there are: ${there.join(", ")}`;
  throw new UsageError(
    `Cannot find the context "${name}" in ${contextsFile(shell)}: ${advice}. Make it: understudy context set ${name} --url URL`,
  );
}

/** @throws {UsageError} */
export function checkContextName(name: string): void {
  if (!NAME.test(name)) throw new UsageError(`Cannot call a context "${name}": letters, digits, dots, underscores and hyphens are wanted`);
}
