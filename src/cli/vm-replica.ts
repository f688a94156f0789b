/** `understudy vm replica ls|restart|migrate|kill <vm>`: one replica of a VM. */
import type { Command } from "commander";
import type { Operation, Replica, Vm } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { outputOption, parseInteger, printList } from "./output.ts";
import { note, type Shell } from "./shell.ts";

const REPLICA_LISTING = {
  columns: [
    { title: "ID", value: (replica: Replica) => replica.id },
    { title: "ROLE", value: (replica: Replica) => replica.role },
    { title: "STATE", value: (replica: Replica) => replica.state },
    { title: "WORKER", value: (replica: Replica) => replica.workerName },
    { title: "INSTANT", value: (replica: Replica) => replica.appliedInstant },
    { title: "ZONE", value: (replica: Replica) => replica.zone ?? "-", wide: true },
    { title: "BUILD", value: (replica: Replica) => replica.engine.buildDigest.slice(0, 12), wide: true },
    { title: "REASON", value: (replica: Replica) => replica.stateReason ?? "-", wide: true },
  ],
  json: (replica: Replica) => replica,
  name: (replica: Replica) => replica.id,
};

interface VerbOptions {
  readonly wait: boolean;
  readonly timeout: number;
  readonly to?: string;
}

export function addVmReplica(vm: Command, shell: Shell): void {
  const replica = vm.command("replica").description("the replicas of a VM");
  replica
    .command("ls")
    .description("list a VM's replicas")
    .argument("<vm>", "id or name")
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      printList(shell, formatOf(command), await found.replicas({ signal: shell.signal }), REPLICA_LISTING);
    });
  const verb = (
    verbName: string,
    description: string,
    order: (of: Vm, id: string, options: VerbOptions) => Promise<Operation<void>>,
  ): Command =>
    replica
      .command(verbName)
      .description(description)
      .argument("<vm>", "id or name")
      .argument("<replica>", "id: vm replica ls shows them")
      .option("--no-wait", "return at once; the operation goes on")
      .option("--timeout <seconds>", "how long to wait for the end; the operation goes on after it", parseInteger(1, 86_400), 300)
      .action(async (name: string, id: string, options: VerbOptions, command: Command) => {
        const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
        const operation = await order(found, id, options);
        if (options.wait) await operation.result({ timeoutMs: options.timeout * 1000, signal: shell.signal });
        note(shell, options.wait ? `Done: ${verbName} ${id}` : `Operation ${operation.id} goes on`);
      });
  const { signal } = shell;
  verb("restart", "drop a backup, and have another one made in its place", (of, id) => of.restartReplica(id, { signal }));
  verb("migrate", "have a replica be on another worker, make before break", (of, id, { to }) =>
    of.migrateReplica(id, { signal, ...(to === undefined ? {} : { targetWorker: to }) }),
  ).option("--to <worker>", "id or name of the worker; wherever there is room where it is left out");
  verb("kill", "end a replica as if its process had died, to see what happens (scope chaos:write)", (of, id) =>
    of.killReplica(id, { signal }),
  );
}
