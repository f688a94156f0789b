/** `understudy audit ls` */
import { type Command, InvalidArgumentError } from "commander";
import type { AuditEntry } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { type Column, outputOption, parseInteger, printList } from "./output.ts";
import type { Shell } from "./shell.ts";

interface Options {
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: "COMPLETED", value: ({ completedAt }) => completedAt },
  { title: "TOKEN", value: ({ actor }) => actor?.tokenName ?? "-" },
  { title: "FROM", value: ({ sourceAddress }) => sourceAddress },
  { title: "OPERATION", value: ({ operation }) => operation },
  { title: "RESOURCE", value: ({ resource }) => resource },
  { title: "STATUS", value: ({ status }) => status?.toString() ?? "-" },
  { title: "CODE", value: ({ code }) => code ?? "" },
  { title: "REQUEST", value: ({ requestId }) => requestId },
  { title: "TOOK", value: ({ durationMs }) => (durationMs === null ? "-" : `${durationMs} ms`), wide: true },
];

export function addAuditLs(audit: Command, shell: Shell): void {
  audit
    .command("ls")
    .description("list calls in the order in which they were answered")
    .option("--since <time>", "only those that were answered then or later, such as 2026-01-31T08:00:00Z", parseTime)
    .option("--until <time>", "only those that were answered before", parseTime)
    .option("--limit <number>", "how many at most", parseInteger(1, 100_000), 1000)
    .addOption(outputOption())
    .action(async ({ since, until, limit }: Options, command: Command) => {
      const range = {
        ...(since === undefined ? {} : { startTime: since }),
        ...(until === undefined ? {} : { endTime: until }),
        pageSize: Math.min(limit, 1000),
        signal: shell.signal,
      };
      const found: AuditEntry[] = [];
      for await (const entry of (await connect(command, shell)).audit.list(range)) {
        found.push(entry);
        if (found.length === limit) break;
      }
      printList(shell, formatOf(command), found, { columns: COLUMNS, json: (entry) => entry, name: ({ id }) => id });
    });
}

function parseTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new InvalidArgumentError("It is a time such as 2026-01-31T08:00:00Z.");
  return time.toISOString();
}
