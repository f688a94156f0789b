/** `understudy vm rm <vm>` */
import type { Command } from "commander";
import { connect } from "./connection.ts";
import { parseInteger } from "./output.ts";
import { note, print, type Shell } from "./shell.ts";

export function addVmRm(vm: Command, shell: Shell): void {
  vm.command("rm")
    .description("delete a VM: end its guest at once, and forget it; also where its workers are gone")
    .argument("<vm>", "id or name")
    .option("--no-wait", "return at once; the operation goes on")
    .option("--timeout <seconds>", "how long to wait for the end; the operation goes on after it", parseInteger(1, 86_400), 60)
    .action(async (name: string, options: { readonly wait: boolean; readonly timeout: number }, command: Command) => {
      const operation = await (await connect(command, shell)).vms.delete(name, { signal: shell.signal });
      if (options.wait) await operation.result({ timeoutMs: options.timeout * 1000, signal: shell.signal });
      print(shell, operation.resource.vmId ?? name);
      note(shell, options.wait ? `Deleted ${name}` : `Operation ${operation.id} goes on`);
    });
}
