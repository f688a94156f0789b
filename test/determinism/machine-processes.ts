/** Processes with a machine each, that are ended together. */
import type { NodeVersion } from "../support/node-versions.ts";
import type { Engine, MachineOptions } from "./machine-host.ts";
import { MachineProcess } from "./machine-process.ts";

export class MachineProcesses {
  private readonly started: MachineProcess[] = [];

  /** @param node null: the one that runs this process */
  start(options: MachineOptions, node: NodeVersion | null = null): MachineProcess {
    const host = node === null ? new MachineProcess(options) : new MachineProcess(options, node);
    this.started.push(host);
    return host;
  }

  /** One that translates under this Node, one that interprets and one that translates under each of the others. */
  startOfEachKind(memoryMiB: number, translates: Engine, nodes: readonly NodeVersion[]): MachineProcess[] {
    const others = nodes.flatMap((node) => [
      this.start({ memoryMiB, engine: "interpreter" }, node),
      this.start({ memoryMiB, engine: translates }, node),
    ]);
    return [this.start({ memoryMiB, engine: translates }), ...others];
  }

  async end(): Promise<void> {
    for (const host of this.started.splice(0)) await host[Symbol.asyncDispose]();
  }
}
