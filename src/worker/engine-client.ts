/** The main thread's side of an engine thread: posts commands, gets replies in the same order, hears of its end once. */
import { Worker } from "node:worker_threads";
import { UnderstudyError } from "../base/errors.ts";
import type { CompileService } from "./compile-service.ts";
import type { EngineCommand, EngineReply, EngineThreadData, FlippedBit } from "./engine-commands.ts";

export type EngineAnswer = Exclude<EngineReply, { kind: "failed" }>;

interface EngineClientOptions {
  /** The bundle of engine-thread.ts. */
  readonly threadUrl: URL;
  readonly module: WebAssembly.Module;
  readonly memoryMiB: number;
  /** Translates; null: the guest is interpreted. */
  readonly compiler: CompileService | null;
  readonly flipBit?: FlippedBit | null;
  readonly onReply: (reply: EngineAnswer) => void;
  /** The thread died without being asked to; no reply comes after it. */
  readonly onFailure: (error: Error) => void;
}

export class EngineClient {
  private readonly thread: Worker;
  private readonly stopFlag = new Int32Array(new SharedArrayBuffer(4));
  private epochRuns = false;
  private closed = false;

  constructor({ threadUrl, module, memoryMiB, compiler, flipBit = null, onReply, onFailure }: EngineClientOptions) {
    const line = compiler?.connect() ?? null;
    const workerData: EngineThreadData = { module, memoryMiB, stopFlag: this.stopFlag, compiler: line, flipBit };
    this.thread = new Worker(threadUrl, { workerData, transferList: line === null ? [] : [line.port] });
    this.thread.on("exit", () => line && compiler?.release(line));
    const fail = (error: Error) => {
      if (this.closed) return;
      this.closed = true;
      void this.thread.terminate();
      onFailure(error);
    };
    this.thread.on("message", (reply: EngineReply) => {
      if (this.closed) return;
      if (reply.kind === "failed") {
        fail(new UnderstudyError(reply.code, reply.message));
        return;
      }
      if (reply.kind === "epochEnded") this.epochRuns = false;
      onReply(reply);
    });
    this.thread.on("messageerror", fail);
    this.thread.on("error", fail);
    this.thread.on("exit", (code) => fail(new Error(`Cannot run the guest: its engine thread exited with code ${code}`)));
  }

  post(command: EngineCommand): void {
    if (this.closed) return;
    if (command.kind === "runEpoch") {
      // Only this side sets and clears the flag, and it clears it before the thread can see the command.
      Atomics.store(this.stopFlag, 0, 0);
      this.epochRuns = true;
    }
    this.thread.postMessage(command, command.kind === "loadLinux" ? wholeBuffers([command.kernel, command.initramfs]) : []);
  }

  /** The running epoch ends within about half a millisecond; nothing happens when none runs. */
  endEpochEarly(): void {
    if (this.epochRuns) Atomics.store(this.stopFlag, 0, 1);
  }

  /** Stops the guest where it is and frees its memory. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    void this.thread.terminate();
  }
}

/** Images are large and nobody else's: they move. Everything else is copied, because the core still holds it. */
function wholeBuffers(images: readonly Uint8Array[]): ArrayBuffer[] {
  const whole = images.filter((bytes) => bytes.byteLength === bytes.buffer.byteLength);
  return [...new Set(whole.map(({ buffer }) => buffer as ArrayBuffer))];
}
