/** `understudy vm resume <vm>` */
import type { Command } from "commander";
import type { Shell } from "./shell.ts";
import { addVmVerb } from "./vm-verb.ts";

export function addVmResume(vm: Command, shell: Shell): void {
  addVmVerb(vm, shell, {
    name: "resume",
    description: "have a paused guest go on",
    done: "Resumed",
    timeout: 60,
    order: (found, _options, call) => found.resume(call),
  });
}
