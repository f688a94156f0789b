/** `understudy vm update <vm>` */
import { type Command, Option } from "commander";
import type { VmPatch } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { consoleHeadOption, consoleTailOption, type RetentionOptions, retentionOf } from "./console-retention.ts";
import { UsageError } from "./exit-code.ts";
import { parseLabel } from "./label.ts";
import { outputOption, parseInteger, printOne } from "./output.ts";
import { apartOption, type PlacementOptions, placementOf, workerSelectorOption, zoneOption } from "./placement.ts";
import { note, type Shell } from "./shell.ts";
import { VM_LISTING } from "./vm-columns.ts";

interface Options extends RetentionOptions, PlacementOptions {
  readonly name?: string | false;
  readonly image?: string;
  readonly memory?: number;
  readonly cmdline?: string;
  readonly protection?: "lockstep" | "none";
  readonly backups?: number;
  readonly maxLag?: number;
  readonly restart?: "never" | "on_failure" | "always";
  readonly deletionProtection?: "on" | "off";
  readonly ttl?: number | false;
  readonly label: Readonly<Record<string, string>>;
  readonly removeLabel: readonly string[];
  readonly ifGeneration?: number;
  readonly dryRun?: boolean;
}

export function addVmUpdate(vm: Command, shell: Shell): void {
  vm.command("update")
    .description("change a VM's name, labels or spec")
    .argument("<vm>", "id or name")
    .option("--name <name>", "a new name")
    .option("--no-name", "take its name away")
    .option("--label <key=value>", "set a label, may be repeated", parseLabel, {})
    .option("--remove-label <key>", "take a label away, may be repeated", (key: string, keys: readonly string[]) => [...keys, key], [])
    .addOption(new Option("--protection <mode>", "lockstep: with backups; none: alone").choices(["lockstep", "none"]))
    .option("--backups <number>", "backups that execute the same instructions, 0 to 3", parseInteger(0, 3))
    .addOption(
      new Option("--restart <policy>", "never, on_failure (all replicas lost, panic), always (its guest ended itself, too)").choices([
        "never",
        "on_failure",
        "always",
      ]),
    )
    .option("--max-lag <ms>", "how far a backup may trail before it is dropped, 250 to 60000", parseInteger(250, 60_000))
    .addOption(new Option("--deletion-protection <on|off>", "on: it cannot be deleted until that is off").choices(["on", "off"]))
    .option("--ttl <seconds>", "delete it so long after its creation", parseInteger(1, 315_360_000))
    .option("--no-ttl", "keep it until somebody deletes it")
    .addOption(consoleHeadOption())
    .addOption(consoleTailOption())
    .addOption(workerSelectorOption())
    .addOption(zoneOption())
    .addOption(apartOption())
    .option("--image <image>", "another image, of a VM that is stopped")
    .option("--memory <MiB>", "memory of the guest, of a VM that is stopped", parseInteger(1, 1 << 20))
    .option("--cmdline <text>", "kernel command line, of a VM that is stopped")
    .option("--if-generation <number>", "only if the spec still has this generation", parseInteger(1, 2 ** 31))
    .option("--dry-run", "check and show what would be, change nothing")
    .addOption(outputOption())
    .action(async (name: string, options: Options, command: Command) => {
      const isGiven = (option: string) => command.getOptionValueSource(option) === "cli";
      const patch = patchOf(options, { name: isGiven("name"), ttl: isGiven("ttl") });
      if (Object.keys(patch).length === 0) throw new UsageError("Cannot update: no option says what to change");
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      const updated = await found.update(patch, {
        ...(options.ifGeneration === undefined ? {} : { ifGeneration: options.ifGeneration }),
        dryRun: options.dryRun ?? false,
        signal: shell.signal,
      });
      note(
        shell,
        options.dryRun === true ? `Would update ${name}; nothing was changed` : `Updated ${name}, generation ${updated.generation}`,
      );
      printOne(shell, formatOf(command), updated, VM_LISTING);
    });
}

/** @param given of options that have a `--no-`: whether either was */
function patchOf(options: Options, given: { readonly name: boolean; readonly ttl: boolean }): VmPatch {
  const labels = { ...options.label, ...Object.fromEntries(options.removeLabel.map((key) => [key, null])) };
  const protection = protectionOf(options);
  const spec = {
    ...(options.image === undefined ? {} : { image: options.image }),
    ...(options.memory === undefined ? {} : { machine: { memoryMiB: options.memory } }),
    ...(options.cmdline === undefined ? {} : { cmdline: options.cmdline }),
    ...(options.restart === undefined ? {} : { restartPolicy: options.restart }),
    ...(options.deletionProtection === undefined ? {} : { deletionProtection: options.deletionProtection === "on" }),
    ...(given.ttl ? { ttlSeconds: options.ttl === false ? null : options.ttl } : {}),
    ...retentionOf(options),
    ...placementOf(options),
    ...(Object.keys(protection).length === 0 ? {} : { protection }),
  };
  return {
    ...(given.name ? { name: options.name === false ? null : options.name } : {}),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(spec).length === 0 ? {} : { spec }),
  } as VmPatch;
}

function protectionOf({ protection, backups, maxLag }: Options): { mode?: "lockstep" | "none"; backups?: number; maxLagMs?: number } {
  return {
    ...(protection === undefined ? {} : { mode: protection }),
    ...(backups === undefined ? {} : { backups }),
    ...(maxLag === undefined ? {} : { maxLagMs: maxLag }),
  };
}
