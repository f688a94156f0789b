/** `understudy vm get <vm>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printOne } from "./output.ts";
import type { Shell } from "./shell.ts";
import { VM_LISTING } from "./vm-columns.ts";

export function addVmGet(vm: Command, shell: Shell): void {
  vm.command("get")
    .description("show one VM; -o json shows all of it")
    .argument("<vm>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      printOne(shell, formatOf(command), found.resource, VM_LISTING);
    });
}
