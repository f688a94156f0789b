/** `understudy vm start <vm>` */
import type { Command } from "commander";
import type { Shell } from "./shell.ts";
import { addVmVerb } from "./vm-verb.ts";

export function addVmStart(vm: Command, shell: Shell): void {
  addVmVerb(vm, shell, {
    name: "start",
    description: "start a VM that is stopped or failed: another guest, on the same console",
    done: "Started",
    timeout: 120,
    order: (found, _options, call) => found.start(call),
  });
}
