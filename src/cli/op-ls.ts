/** `understudy op ls` */
import { type Command, Option } from "commander";
import type { ListOperationsOptions, OperationResource } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { OPERATION_LISTING } from "./op-columns.ts";
import { outputOption, parseInteger, printList } from "./output.ts";
import type { Shell } from "./shell.ts";

interface Options {
  readonly vm?: string;
  readonly worker?: string;
  readonly state?: NonNullable<ListOperationsOptions["state"]>;
  readonly limit: number;
}

export function addOpLs(op: Command, shell: Shell): void {
  op.command("ls")
    .description("list operations, newest first")
    .option("--vm <vm>", "only those of a VM, by id or name")
    .option("--worker <worker>", "only those of a worker, by id or name")
    .addOption(new Option("--state <state>", "only those in a state").choices(["pending", "running", "succeeded", "failed", "cancelled"]))
    .option("--limit <number>", "how many at most", parseInteger(1, 100_000), 50)
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      const { limit, ...filter } = options;
      const { vm, worker, state } = filter;
      const wanted = {
        ...(vm === undefined ? {} : { vm }),
        ...(worker === undefined ? {} : { worker }),
        ...(state === undefined ? {} : { state }),
        pageSize: Math.min(limit, 1000),
        signal: shell.signal,
      };
      const found: OperationResource[] = [];
      for await (const operation of (await connect(command, shell)).operations.list(wanted)) {
        found.push(operation);
        if (found.length === limit) break;
      }
      printList(shell, formatOf(command), found, OPERATION_LISTING);
    });
}
