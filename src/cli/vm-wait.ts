/** `understudy vm wait <vm>` */
import { type Command, Option } from "commander";
import type { WaitTarget } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import type { Shell } from "./shell.ts";
import { VM_LISTING } from "./vm-columns.ts";
import { waitShown } from "./vm-progress.ts";

interface Options {
  readonly for: WaitTarget;
  readonly timeout: number;
}

export function addVmWait(vm: Command, shell: Shell): void {
  vm.command("wait")
    .description("wait until a VM is somewhere; exits 5 where it takes too long, 4 where it cannot get there")
    .argument("<vm>", "id or name")
    .addOption(
      new Option("--for <target>", "what to wait for")
        .choices(["running", "protected", "fully_protected", "stopped", "deleted"])
        .default("protected"),
    )
    .option("--timeout <seconds>", "how long to wait", parseInteger(0, 86_400), 60)
    .addOption(outputOption())
    .action(async (name: string, options: Options, command: Command) => {
      const found = await connect(command, shell).vms.get(name, { signal: shell.signal });
      await waitShown(shell, found, options.for, options.timeout * 1000);
      printOne(shell, formatOf(command), found.resource, VM_LISTING);
    });
}
