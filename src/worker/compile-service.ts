/** The main thread's side of the compile thread, which is started when the first replica is. */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { CompileConnection } from "./compile-messages.ts";

export class CompileService {
  private thread: Worker | null = null;

  /** @param onFailure the thread died: guests go on without being translated any further */
  constructor(
    private readonly threadUrl: URL,
    private readonly onFailure: (error: Error) => void,
  ) {}

  /** A port for one engine thread to ask through. */
  connect(): MessagePort {
    this.thread ??= this.start();
    const { port1, port2 } = new MessageChannel();
    this.thread.postMessage({ port: port1 } satisfies CompileConnection, [port1]);
    return port2;
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
