/** `understudy vm ls` */
import { type Command, Option } from "commander";
import { PROTECTION_STATES, type ProtectionState, VM_STATES, type VmState } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";
import { VM_LISTING } from "./vm-columns.ts";

const VM_ORDERS = ["createdAt", "createdAt desc", "name", "name desc"] as const;
type VmOrder = (typeof VM_ORDERS)[number];

interface Options {
  readonly state?: VmState;
  readonly protection?: ProtectionState;
  readonly selector?: string;
  readonly worker?: string;
  readonly zone?: string;
  readonly sort?: VmOrder;
}

export function addVmLs(vm: Command, shell: Shell): void {
  vm.command("ls")
    .description("list the VMs")
    .addOption(new Option("--state <state>", "only those in a state; deleted ones only if asked for").choices(VM_STATES))
    .addOption(new Option("--protection <state>", "only those whose protection is in a state").choices(PROTECTION_STATES))
    .option("-l, --selector <labels>", "only those with labels: env=prod,tier!=db,owner,!retired")
    .option("--worker <worker>", "only those with a replica on a worker, by id or name")
    .option("--zone <zone>", "only those with a replica in a zone")
    .addOption(new Option("--sort <order>", "createdAt, which is the default, or name; 'name desc' for the reverse").choices(VM_ORDERS))
    .addOption(outputOption())
    .action(async ({ state, protection, selector, worker, zone, sort }: Options, command: Command) => {
      const wanted = {
        ...(state === undefined ? {} : { state }),
        ...(protection === undefined ? {} : { protection }),
        ...(selector === undefined ? {} : { labelSelector: selector }),
        ...(worker === undefined ? {} : { worker }),
        ...(zone === undefined ? {} : { zone }),
        ...(sort === undefined ? {} : { orderBy: sort }),
        signal: shell.signal,
      };
      const vms = await (await connect(command, shell)).vms.list(wanted).all();
      printList(
        shell,
        formatOf(command),
        vms.map((listed) => listed.resource),
        VM_LISTING,
      );
    });
}
