/** `understudy worker ls` */
import type { Command } from "commander";
import type { Worker } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { age, outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";

const WORKER_LISTING = {
  columns: [
    { title: "NAME", value: (worker: Worker) => worker.name },
    { title: "ID", value: (worker: Worker) => worker.id },
    { title: "STATE", value: (worker: Worker) => worker.status.state },
    { title: "HOST", value: (worker: Worker) => worker.status.host },
    { title: "PID", value: (worker: Worker) => String(worker.status.pid) },
    { title: "REPLICAS", value: (worker: Worker) => String(worker.status.replicas) },
    { title: "MEMORY", value: (worker: Worker) => `${worker.status.memoryPromisedMiB}/${worker.status.memoryMiB} MiB` },
    {
      title: "SEEN",
      value: (worker: Worker) => (worker.status.lastHeartbeatAt === null ? "-" : age(worker.status.lastHeartbeatAt, Date.now())),
    },
  ],
  json: (worker: Worker) => worker,
  name: (worker: Worker) => worker.name,
};

export function addWorkerLs(worker: Command, shell: Shell): void {
  worker
    .command("ls")
    .description("list the workers")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      printList(shell, formatOf(command), await connect(command, shell).workers.list({ signal: shell.signal }), WORKER_LISTING);
    });
}
