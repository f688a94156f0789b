/** `understudy vm rm <vm>` */
import type { Command } from "commander";
import { connect } from "./connection.ts";
import { parseInteger } from "./output.ts";
import { note, print, type Shell } from "./shell.ts";

interface Options {
  readonly allowMissing?: boolean;
  readonly wait: boolean;
  readonly timeout: number;
}

export function addVmRm(vm: Command, shell: Shell): void {
  vm.command("rm")
    .description("delete a VM: end its guest at once, and forget it; also where its workers are gone")
    .argument("<vm>", "id or name")
    .option("--allow-missing", "where there is no such VM it is done")
    .option("--no-wait", "return at once; the operation goes on")
    .option("--timeout <seconds>", "how long to wait for the end; the operation goes on after it", parseInteger(1, 86_400), 60)
    .action(async (name: string, { allowMissing = false, wait, timeout }: Options, command: Command) => {
      const { vms } = await connect(command, shell);
      const operation = await vms.delete(name, { ...(allowMissing ? { allowMissing } : {}), signal: shell.signal });
      if (allowMissing && operation.resource.vmId === null) {
        note(shell, `There is no ${name}`);
        return;
      }
      if (wait) await operation.result({ timeoutMs: timeout * 1000, signal: shell.signal });
      print(shell, operation.resource.vmId ?? name);
      note(shell, wait ? `Deleted ${name}` : `Operation ${operation.id} goes on`);
    });
}
