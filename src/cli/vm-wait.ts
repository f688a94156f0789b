/** `understudy vm wait <vm>` */
import { type Command, InvalidArgumentError } from "commander";
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

const TARGETS = ["running", "paused", "protected", "fully_protected", "stopped", "settled", "deleted"] as const;

export function addVmWait(vm: Command, shell: Shell): void {
  vm.command("wait")
    .description("wait until a VM is somewhere; exits 5 where it takes too long, 4 where it cannot get there")
    .argument("<vm>", "id or name")
    .option("--for <target>", `${TARGETS.join(", ")}, or condition:TYPE=STATUS`, parseTarget, "protected")
    .option("--timeout <seconds>", "how long to wait", parseInteger(0, 86_400), 60)
    .addOption(outputOption())
    .action(async (name: string, options: Options, command: Command) => {
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      await waitShown(shell, found, options.for, options.timeout * 1000);
      printOne(shell, formatOf(command), found.resource, VM_LISTING);
    });
}

function parseTarget(text: string): WaitTarget {
  const word = TARGETS.find((target) => target === text);
  if (word !== undefined) return word;
  if (/^condition:[A-Za-z]+=(True|False|Unknown)$/.test(text)) return text as WaitTarget;
  throw new InvalidArgumentError(`It is one of ${TARGETS.join(", ")}, or condition:TYPE=STATUS, such as condition:Ready=True.`);
}
