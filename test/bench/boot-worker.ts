/** A process that hosts guests as a worker does, and boots one when it is told to. The earlier ones stay at their prompts. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { EngineName } from "./our-engines.ts";

export interface BootOrder {
  readonly kernelPath: string;
  readonly initramfsPath: string;
  readonly memoryMiB: number;
  readonly cmdline: string;
}

/** From the order to the guest's ready line. */
export interface Boot {
  readonly seconds: number;
  readonly instructions: number;
}

export type BootAnswer = Boot | { readonly error: string };

const CHILD = fileURLToPath(new URL("boot-worker-child.ts", import.meta.url));
const LOADER = new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href;

export class BootWorker {
  private readonly child: ChildProcess;
  private readonly ready: Promise<unknown>;
  private readonly ended: Promise<never>;

  constructor(engine: EngineName) {
    this.child = fork(CHILD, [engine], { execArgv: ["--import", LOADER] });
    this.ready = this.answer();
    this.ended = new Promise((_resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("exit", (status, signal) => reject(new Error(`Cannot boot: the process has ended: ${signal ?? status}`)));
    });
    this.ended.catch(() => {});
  }

  /** @returns what the next boot took, once its guest waits at its prompt */
  async boot(order: BootOrder): Promise<Boot> {
    await Promise.race([this.ready, this.ended]);
    const answered = this.answer();
    this.child.send(order);
    const answer = (await Promise.race([answered, this.ended])) as BootAnswer;
    if ("error" in answer) throw new Error(`Cannot boot ${order.kernelPath}: ${answer.error}`);
    return answer;
  }

  close(): void {
    this.child.kill("SIGKILL");
  }

  private answer(): Promise<unknown> {
    return new Promise((resolve) => this.child.once("message", resolve));
  }
}
