/** The main thread's side of the compile thread, which is started when the first replica is. */
import { MessageChannel, Worker } from "node:worker_threads";
import type { CompileConnection, CompileLine } from "./compile-messages.ts";

/** Replicas of this process that may translate; any more are interpreted. */
const LINES_MAX = 1024;

export class CompileService {
  private thread: Worker | null = null;
  /** Regions that each line holds. */
  private readonly held = new Int32Array(new SharedArrayBuffer(4 * LINES_MAX));
  private readonly taken = new Set<number>();

  /** @param onFailure the thread died: guests go on without being translated any further */
  constructor(
    private readonly threadUrl: URL,
    private readonly onFailure: (error: Error) => void,
  ) {}

  /** A line for one engine thread to ask through; null: there are too many. `release` it when that thread has ended. */
  connect(): CompileLine | null {
    const index = this.held.findIndex((_, candidate) => !this.taken.has(candidate));
    if (index < 0) return null;
    this.taken.add(index);
    this.thread ??= this.start();
    const { port1, port2 } = new MessageChannel();
    this.thread.postMessage({ port: port1 } satisfies CompileConnection, [port1]);
    return { port: port2, held: this.held, index };
  }

  release({ index }: CompileLine): void {
    Atomics.store(this.held, index, 0);
    this.taken.delete(index);
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
