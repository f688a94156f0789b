/** `understudy vm failover <vm>` */
import { type Command, Option } from "commander";
import type { Failover, FailoverMode } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { OPERATION_LISTING } from "./op-columns.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";

interface Options {
  readonly mode: FailoverMode;
  readonly to?: string;
  readonly expectedTerm?: number;
  readonly wait: boolean;
  readonly timeout: number;
}

export const FAILOVER_LISTING = {
  columns: [
    { title: "ID", value: (failover: Failover) => failover.id },
    { title: "STATE", value: (failover: Failover) => failover.state },
    { title: "CAUSE", value: (failover: Failover) => failover.cause },
    { title: "TERM", value: (failover: Failover) => String(failover.term ?? "-") },
    { title: "INSTANT", value: (failover: Failover) => failover.instant ?? "-" },
    { title: "GAP", value: (failover: Failover) => (failover.gapMs === null ? "-" : `${failover.gapMs.total.toFixed(1)} ms`) },
    { title: "FROM", value: (failover: Failover) => failover.from ?? "-", wide: true },
    { title: "TO", value: (failover: Failover) => failover.to, wide: true },
    { title: "CONSOLE", value: (failover: Failover) => failover.consoleEnd ?? "-", wide: true },
    { title: "STARTED", value: (failover: Failover) => failover.startedAt, wide: true },
  ],
  json: (failover: Failover) => failover,
  name: (failover: Failover) => failover.id,
};

export function addVmFailover(vm: Command, shell: Shell): void {
  vm.command("failover")
    .description("make the backup take over, and show the measured gap")
    .argument("<vm>", "id or name")
    .addOption(
      new Option("--mode <mode>", "planned: the primary hands over; test: it is killed, as a failure would; forced: it is not waited for")
        .choices(["planned", "test", "forced"])
        .default("planned"),
    )
    .option("--to <replica>", "the backup that shall take over (planned, forced); any where it is left out")
    .option(
      "--expected-term <term>",
      "only if nobody has taken over since: refused where the VM's term is another one",
      parseInteger(1, 2 ** 31),
    )
    .option("--no-wait", "return at once, with the operation, which goes on")
    .option("--timeout <seconds>", "how long to wait for it; it goes on after that", parseInteger(1, 86_400), 60)
    .addOption(outputOption())
    .action(async (name: string, options: Options, command: Command) => {
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      const operation = await found.failover({
        mode: options.mode,
        signal: shell.signal,
        ...(options.to === undefined ? {} : { targetReplica: options.to }),
        ...(options.expectedTerm === undefined ? {} : { expectedTerm: options.expectedTerm }),
      });
      if (!options.wait) {
        note(shell, `Operation ${operation.id} goes on`);
        printOne(shell, formatOf(command), operation.resource, OPERATION_LISTING);
        return;
      }
      const failover = await operation.result({ timeoutMs: options.timeout * 1000, signal: shell.signal });
      printOne(shell, formatOf(command), failover, FAILOVER_LISTING);
    });
}
