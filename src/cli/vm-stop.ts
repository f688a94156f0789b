/** `understudy vm stop <vm>` */
import type { Command } from "commander";
import { parseInteger } from "./output.ts";
import type { Shell } from "./shell.ts";
import { addVmVerb } from "./vm-verb.ts";

interface Options {
  /** Seconds. */
  readonly grace?: number;
}

export function addVmStop(vm: Command, shell: Shell): void {
  addVmVerb<Options>(vm, shell, {
    name: "stop",
    description: "have the guest of a VM power itself off; the VM stays, and holds no memory",
    done: "Stopped",
    timeout: 120,
    order: (found, { grace }, call) => found.stop({ ...(grace === undefined ? {} : { graceMs: grace * 1000 }), ...call }),
  }).option("--grace <seconds>", "how long the guest may take before it is ended; 30 where it is left out", parseInteger(0, 3600));
}
