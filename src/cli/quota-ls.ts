/** `understudy quota ls` */
import type { Command } from "commander";
import type { Schemas } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { type Column, outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";

type Quota = Schemas["Quota"];

const COLUMNS: readonly Column<Quota>[] = [
  { title: "RESOURCE", value: ({ resource }) => resource },
  { title: "USAGE", value: ({ usage }) => String(usage) },
  { title: "LIMIT", value: ({ limit }) => limit?.toString() ?? "none" },
];

export function addQuotaLs(quota: Command, shell: Shell): void {
  quota
    .command("ls")
    .description("show what the project may have, and has")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const found = await (await connect(command, shell)).quotas({ signal: shell.signal });
      printList(shell, formatOf(command), found, { columns: COLUMNS, json: (each) => each, name: ({ resource }) => resource });
    });
}
