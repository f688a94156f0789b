/** The main thread's side of the compile thread, which is started when the first replica is. */
import { MessageChannel, Worker } from "node:worker_threads";
import type { CompileConnection, CompileLine } from "./compile-messages.ts";
import { RegionAccount } from "./region-account.ts";

export class CompileService {
  private thread: Worker | null = null;

  /**
   * @param onFailure the thread died: guests go on without being translated any further
   * @param account of the regions that all machines hold
   */
  constructor(
    private readonly threadUrl: URL,
    private readonly onFailure: (error: Error) => void,
    readonly account = new RegionAccount(),
  ) {}

  /** A line for one engine thread to ask through; null: there are too many. `release` it when that thread has ended. */
  connect(): CompileLine | null {
    const share = this.account.open();
    if (share === null) return null;
    this.thread ??= this.start();
    const { port1, port2 } = new MessageChannel();
    this.thread.postMessage({ port: port1 } satisfies CompileConnection, [port1]);
    return { port: port2, share };
  }

  release({ share }: CompileLine): void {
    this.account.close(share);
  }

  private start(): Worker {
    const thread = new Worker(this.threadUrl);
    thread.unref();
    thread.on("error", (error) => {
      this.thread = null;
      this.onFailure(error);
    });
    return thread;
  }

  async stop(): Promise<void> {
    await this.thread?.terminate();
  }
}
