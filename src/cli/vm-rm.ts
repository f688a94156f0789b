/** `understudy vm rm <vm>` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { OPERATION_LISTING } from "./op-columns.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";

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
    .addOption(outputOption())
    .action(async (name: string, { allowMissing = false, wait, timeout }: Options, command: Command) => {
      const format = formatOf(command);
      const { vms } = await connect(command, shell);
      const operation = await vms.delete(name, { ...(allowMissing ? { allowMissing } : {}), signal: shell.signal });
      const missing = allowMissing && operation.resource.vmId === null;
      if (wait && !missing) await operation.result({ timeoutMs: timeout * 1000, signal: shell.signal });
      if (missing) note(shell, `There is no ${name}`);
      else note(shell, wait ? `Deleted ${name}` : `Operation ${operation.id} goes on`);
      // The API answers with the operation; the name is the VM's, as it was given. Nothing was deleted where there was none.
      if (!missing || format === "json") printOne(shell, format, operation.resource, { ...OPERATION_LISTING, name: () => name });
    });
}
