/**
 * Runs code in the threads of a process that runs already, through Node's inspector: how a test makes one loop for ever or
 * use up its memory. The process must have been started with `--inspect-port=127.0.0.1:0`.
 */
import { WebSocket } from "ws";

interface InspectorMessage {
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly workerInfo?: { readonly url?: string } };
}

export class Inspector {
  private id = 0;

  private constructor(private readonly socket: WebSocket) {}

  /** @param readLog what the process has written to stderr so far, where the inspector says its address */
  static async attach(pid: number, readLog: () => Promise<string>): Promise<Inspector> {
    const addresses = async () => [...(await readLog()).matchAll(/Debugger listening on (ws:\/\/\S+)/g)];
    const before = (await addresses()).length;
    process.kill(pid, "SIGUSR1");
    for (;;) {
      const address = (await addresses())[before]?.[1];
      if (address !== undefined) {
        const socket = new WebSocket(address);
        await new Promise<void>((resolve, reject) => socket.once("open", resolve).once("error", reject));
        return new Inspector(socket);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Starts to evaluate it in the main thread; what never ends, never answers. */
  evaluate(expression: string): void {
    this.send("Runtime.evaluate", { expression });
  }

  /** The same in every worker thread whose script's name ends so. */
  evaluateInThreads(script: string, expression: string): void {
    this.socket.on("message", (data: Buffer) => {
      const { method, params } = JSON.parse(data.toString()) as InspectorMessage;
      if (method !== "NodeWorker.attachedToWorker" || params?.workerInfo?.url?.endsWith(script) !== true) return;
      const message = JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression } });
      this.send("NodeWorker.sendMessageToWorker", { sessionId: params.sessionId, message });
    });
    this.send("NodeWorker.enable", { waitForDebuggerOnStart: false });
  }

  close(): void {
    this.socket.terminate();
  }

  private send(method: string, params: unknown): void {
    this.socket.send(JSON.stringify({ id: ++this.id, method, params }));
  }
}
