/** `understudy vm pause <vm>` */
import type { Command } from "commander";
import type { Shell } from "./shell.ts";
import { addVmVerb } from "./vm-verb.ts";

export function addVmPause(vm: Command, shell: Shell): void {
  addVmVerb(vm, shell, {
    name: "pause",
    description: "have the guest of a VM stand still; it stays protected",
    done: "Paused",
    timeout: 60,
    order: (found, _options, call) => found.pause(call),
  });
}
