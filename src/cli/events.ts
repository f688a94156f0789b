/** `understudy events` */
import type { Command } from "commander";
import type { UnderstudyEvent } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { type Format, outputOption } from "./output.ts";
import { note, print, type Shell } from "./shell.ts";

interface Options {
  readonly follow?: boolean;
  readonly type: readonly string[];
  readonly vm?: string;
  readonly selector?: string;
  readonly after?: string;
}

export function addEvents(program: Command, shell: Shell): void {
  program
    .command("events")
    .description("show what happened; -f goes on as it happens, and resumes over disconnects")
    .option("-f, --follow", "do not stop at the present")
    .option(
      "--type <type>",
      "only this type, such as vm.failover.*; may be repeated",
      (type: string, types: readonly string[]) => [...types, type],
      [],
    )
    .option("--vm <vm>", "only of this VM, id or name")
    .option("-l, --selector <labels>", "only of VMs that have labels now: env=prod,tier!=db,owner,!retired")
    .option("--after <seq>", "only what came behind this sequence number (default: with -f from now, else from the oldest)")
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      const client = await connect(command, shell);
      const format = formatOf(command);
      const filters = {
        types: options.type,
        ...(options.vm === undefined ? {} : { vm: options.vm }),
        ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
        ...(options.after === undefined ? {} : { after: options.after }),
        signal: shell.signal,
      };
      if (options.follow !== true) {
        for await (const event of client.events.list(filters)) print(shell, eventLine(event, format));
        return;
      }
      const onReconnect = (reason: string) => note(shell, `Reconnecting: ${reason}`);
      for await (const event of client.events.watch({ ...filters, onReconnect })) {
        if (event.type === "resync") note(shell, `Events before ${event.seq} are no longer held: some were missed`);
        else print(shell, eventLine(event as UnderstudyEvent, format));
      }
    });
}

/** One line an event in every format, so that a stream can be cut anywhere. */
function eventLine(event: UnderstudyEvent, format: Format): string {
  if (format === "json") return JSON.stringify(event);
  if (format === "name") return event.id;
  const parts = [
    event.time,
    event.seq.padStart(5),
    event.type,
    event.vmId,
    event.term === null || event.term === undefined ? null : `term=${event.term}`,
  ];
  if (event.actor?.type === "user") parts.push(`by=${event.actor.name ?? event.actor.id}`);
  if (event.cause !== null && event.cause !== undefined) parts.push(`cause=${event.cause}`);
  for (const [key, value] of Object.entries(event.data ?? {})) {
    parts.push(`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  return parts.filter((part) => part !== null && part !== undefined).join("  ");
}
