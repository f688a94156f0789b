/** `understudy vm kill <vm>` */
import type { Command } from "commander";
import type { Shell } from "./shell.ts";
import { addVmVerb } from "./vm-verb.ts";

export function addVmKill(vm: Command, shell: Shell): void {
  addVmVerb(vm, shell, {
    name: "kill",
    description: "end the guest of a VM at once; the VM stays, stopped",
    done: "Killed",
    timeout: 60,
    order: (found, _options, call) => found.kill(call),
  });
}
