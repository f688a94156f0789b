/** `understudy vm reset <vm>` */
import type { Command } from "commander";
import type { Shell } from "./shell.ts";
import { addVmVerb } from "./vm-verb.ts";

export function addVmReset(vm: Command, shell: Shell): void {
  addVmVerb(vm, shell, {
    name: "reset",
    description: "end the guest of a VM at once, and start it again",
    done: "Reset",
    timeout: 120,
    order: (found, _options, call) => found.reset(call),
  });
}
