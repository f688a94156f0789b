/** `understudy vm history <vm>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";
import { FAILOVER_LISTING } from "./vm-failover.ts";

export function addVmHistory(vm: Command, shell: Shell): void {
  vm.command("history")
    .description("list a VM's failovers, newest first, with their measured gaps")
    .argument("<vm>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      printList(shell, formatOf(command), await found.failovers({ signal: shell.signal }).all(), FAILOVER_LISTING);
    });
}
