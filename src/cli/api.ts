/** `understudy api <method> <path>`: any route of the contract, as it is. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError } from "commander";
import { errorFromAnswer } from "../sdk/index.ts";
import { connect } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import type { Shell } from "./shell.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

interface Options {
  readonly data?: string;
  readonly header: readonly (readonly [string, string])[];
}

export function addApi(program: Command, shell: Shell): void {
  program
    .command("api")
    .description("make a call of the API, and print what is answered: JSON indented, anything else as it is")
    .argument("<method>", METHODS.join(", "), parseMethod)
    .argument("<path>", "such as /v1/vms?pageSize=2")
    .option("-d, --data <json>", "the body: JSON, @FILE, or - for stdin")
    .option("-H, --header <header>", "a header, name: value; may be repeated", parseHeader, [])
    .action(async (method: string, path: string, { data, header }: Options, command: Command) => {
      if (!path.startsWith("/")) throw new UsageError(`Cannot call "${path}": a path begins with a slash, such as /v1/vms`);
      const body = data === undefined ? null : await bodyOf(data, shell);
      const headers = headersOf(header);
      if (body !== null && !headers.has("content-type")) headers.set("content-type", "application/json");
      const client = await connect(command, shell);
      const response = await client.fetch(path, { method, headers, body, signal: shell.signal });
      if (!response.ok) throw errorFromAnswer(path, response.status, await response.text(), response.headers.get("request-id"));
      const type = response.headers.get("content-type") ?? "";
      if (type.includes("json")) shell.stdout.write(`${JSON.stringify(await response.json(), null, 2)}\n`);
      else shell.stdout.write(Buffer.from(await response.arrayBuffer()));
    });
}

/** @throws {UsageError} naming the header, not what it holds: that may be a token */
function headersOf(given: Options["header"]): Headers {
  const headers = new Headers();
  for (const [name, value] of given) {
    try {
      headers.append(name, value);
    } catch {
      throw new UsageError(`Cannot send the header ${name}: it has characters that a header cannot hold`);
    }
  }
  return headers;
}

async function bodyOf(data: string, shell: Shell): Promise<string> {
  if (data === "-") return text(shell.stdin);
  if (!data.startsWith("@")) return data;
  return readFile(data.slice(1), "utf8").catch((error: Error) => {
    throw new UsageError(`Cannot read the body: ${error.message}`);
  });
}

function parseMethod(method: string): string {
  const upper = method.toUpperCase();
  if (!METHODS.includes(upper)) throw new InvalidArgumentError(`It is one of ${METHODS.join(", ")}.`);
  return upper;
}

function parseHeader(given: string, before: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *(.*)$/.exec(given) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("It is name: value.");
  return [...before, [name, value]];
}
