/** `understudy vm create [name]` */
import { type Command, Option } from "commander";
import type { Vm, WaitTarget } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { consoleHeadOption, consoleTailOption, type RetentionOptions, retentionOf } from "./console-retention.ts";
import { parseLabel } from "./label.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import { apartOption, type PlacementOptions, placementOf, workerSelectorOption, zoneOption } from "./placement.ts";
import { note, type Shell } from "./shell.ts";
import { VM_LISTING } from "./vm-columns.ts";
import { waitShown } from "./vm-progress.ts";

interface Options extends RetentionOptions, PlacementOptions {
  readonly name?: string;
  readonly image: string;
  readonly memory?: number;
  readonly cmdline?: string;
  readonly protection?: "lockstep" | "none";
  readonly backups?: number;
  readonly maxLag?: number;
  readonly paused?: boolean;
  readonly restart?: "never" | "on_failure" | "always";
  readonly deletionProtection?: boolean;
  readonly stopped?: boolean;
  readonly ttl?: number;
  readonly label: Readonly<Record<string, string>>;
  /** True: the target follows from the VM. */
  readonly wait?: WaitTarget | boolean;
  readonly dryRun?: boolean;
  readonly timeout: number;
}

export function addVmCreate(vm: Command, shell: Shell): void {
  vm.command("create")
    .description("create a VM, and start it unless it is to be stopped")
    .argument("[name]", "unique name: lower-case letters, digits and dashes")
    .option("--name <name>", "the same as the argument")
    .option("--image <image>", "id, name or name@sha256:… of an image", "debian")
    .option("--memory <MiB>", "memory of the guest", parseInteger(1, 1 << 20))
    .option("--cmdline <text>", "kernel command line instead of the image's")
    .addOption(new Option("--protection <mode>", "lockstep: with backups; none: alone").choices(["lockstep", "none"]))
    .option("--backups <number>", "backups that execute the same instructions, 0 to 3; 1 where it is left out", parseInteger(0, 3))
    .addOption(
      new Option("--restart <policy>", "never, on_failure (all replicas lost, panic), always (its guest ended itself, too)").choices([
        "never",
        "on_failure",
        "always",
      ]),
    )
    .option("--max-lag <ms>", "how far a backup may trail before it is dropped, 250 to 60000", parseInteger(250, 60_000))
    .option("--deletion-protection", "refuse to delete it until that is taken off: vm update --deletion-protection off")
    .addOption(new Option("--stopped", "do not start it yet: vm start does").conflicts("paused"))
    .option("--paused", "have its guest stand still before its first instruction: vm resume lets it go")
    .option("--ttl <seconds>", "delete it so long after its creation, unless it is protected from that", parseInteger(1, 315_360_000))
    .addOption(consoleHeadOption())
    .addOption(consoleTailOption())
    .addOption(workerSelectorOption())
    .addOption(zoneOption())
    .addOption(apartOption())
    .option("--label <key=value>", "label, may be repeated", parseLabel, {})
    .option("--dry-run", "check, and show where its replicas would be placed now; make nothing")
    .addOption(
      new Option(
        "--wait [target]",
        "wait until the VM is there; protected (or what it is to be, if it has no backups) where it is left out",
      ).choices(["running", "paused", "stopped", "protected", "fully_protected"]),
    )
    .option("--no-wait", "return at once, as without --wait")
    .option("--timeout <seconds>", "how long to wait", parseInteger(1, 86_400), 120)
    .addOption(outputOption())
    .action(async (argument: string | undefined, options: Options, command: Command) => {
      const name = argument ?? options.name;
      const wanted = {
        ...(name === undefined ? {} : { name }),
        ...(Object.keys(options.label).length === 0 ? {} : { labels: options.label }),
        image: options.image,
        ...(options.memory === undefined ? {} : { machine: { memoryMiB: options.memory } }),
        ...(options.cmdline === undefined ? {} : { cmdline: options.cmdline }),
        ...(options.restart === undefined ? {} : { restartPolicy: options.restart }),
        ...(options.deletionProtection === true ? { deletionProtection: true } : {}),
        ...(options.stopped === true ? { desiredState: "stopped" as const } : {}),
        ...(options.paused === true ? { desiredState: "paused" as const } : {}),
        ...(options.ttl === undefined ? {} : { ttlSeconds: options.ttl }),
        ...retentionOf(options),
        ...placementOf(options),
        protection: {
          ...(options.protection === undefined ? {} : { mode: options.protection }),
          ...(options.backups === undefined ? {} : { backups: options.backups }),
          ...(options.maxLag === undefined ? {} : { maxLagMs: options.maxLag }),
        },
      };
      const { vms } = await connect(command, shell);
      if (options.dryRun === true) {
        const preview = await vms.preview(wanted, { signal: shell.signal });
        const { stateMessage, protection } = preview.status;
        const lack = stateMessage ?? (protection.reason === null ? null : `A backup has no place: ${protection.reason}`);
        note(shell, `Would create ${name ?? "a VM"}; nothing was made${lack === null ? "" : `. ${lack}`}`);
        printOne(shell, formatOf(command), preview, VM_LISTING);
        return;
      }
      const created = await vms.create(wanted, { signal: shell.signal });
      const { id } = created;
      const target = targetOf(options.wait, created);
      if (target === null) {
        note(
          shell,
          `Created ${id}. Wait for it: understudy vm wait ${name ?? id} --for protected. Its console: understudy vm console ${name ?? id}`,
        );
      } else {
        note(shell, `Created ${id}, waiting until it is ${target}`);
        await waitShown(shell, created, target, options.timeout * 1000);
      }
      printOne(shell, formatOf(command), created.resource, VM_LISTING);
    });
}

/** @returns what is waited for; null: nothing */
function targetOf(wait: Options["wait"], { resource }: Vm): WaitTarget | null {
  if (wait === undefined || wait === false) return null;
  if (wait !== true) return wait;
  const { desiredState, protection } = resource.spec;
  if (desiredState === "stopped" || desiredState === "deleted") return "stopped";
  return protection.mode === "none" || protection.backups === 0 ? desiredState : "protected";
}
