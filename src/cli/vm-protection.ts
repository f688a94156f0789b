/** `understudy vm protection suspend|resume <vm>` */
import type { Command } from "commander";
import type { Shell } from "./shell.ts";
import { addVmVerb } from "./vm-verb.ts";

export function addVmProtection(vm: Command, shell: Shell): void {
  const protection = vm.command("protection").description("a VM's backups: without them for a while, and with them again");
  addVmVerb(protection, shell, {
    name: "suspend",
    description: "do without backups for a while; how many are wanted afterwards stays",
    done: "Suspended the protection of",
    timeout: 60,
    order: (found, _options: unknown, call) => found.suspendProtection(call),
  });
  addVmVerb(protection, shell, {
    name: "resume",
    description: "have backups again, as many as before",
    done: "Resumed the protection of",
    timeout: 300,
    order: (found, _options: unknown, call) => found.resumeProtection(call),
  });
}
