/** What the commands that change what a VM does have in common: the order, the wait for its end, and the VM as it is then. */
import type { Command } from "commander";
import type { CallOptions, Operation, Vm } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";
import { VM_LISTING } from "./vm-columns.ts";

interface VmVerb<Options> {
  readonly name: string;
  readonly description: string;
  /** "Stopped": what is noted at the end. */
  readonly done: string;
  /** How long to wait for the end, seconds, where nothing else is said. */
  readonly timeout: number;
  readonly order: (vm: Vm, options: Options, call: CallOptions) => Promise<Operation<void>>;
}

interface WaitOptions {
  readonly wait: boolean;
  readonly timeout: number;
}

/** @returns the command, for options of its own */
export function addVmVerb<Options>(vm: Command, shell: Shell, verb: VmVerb<Options>): Command {
  return vm
    .command(verb.name)
    .description(verb.description)
    .argument("<vm>", "id or name")
    .option("--no-wait", "return at once; the operation goes on")
    .option("--timeout <seconds>", "how long to wait for the end; the operation goes on after it", parseInteger(1, 86_400), verb.timeout)
    .addOption(outputOption())
    .action(async (name: string, options: Options & WaitOptions, command: Command) => {
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      const operation = await verb.order(found, options, { signal: shell.signal });
      if (options.wait) {
        await operation.result({ timeoutMs: options.timeout * 1000, signal: shell.signal });
        note(shell, `${verb.done} ${name}`);
      } else {
        note(shell, `Operation ${operation.id} goes on`);
      }
      await found.refresh({ signal: shell.signal });
      printOne(shell, formatOf(command), found.resource, VM_LISTING);
    });
}
