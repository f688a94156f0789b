/** `understudy vm ls` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";
import { VM_LISTING } from "./vm-columns.ts";

export function addVmLs(vm: Command, shell: Shell): void {
  vm.command("ls")
    .description("list the VMs")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const vms = await connect(command, shell).vms.list({ signal: shell.signal }).all();
      printList(
        shell,
        formatOf(command),
        vms.map((listed) => listed.resource),
        VM_LISTING,
      );
    });
}
