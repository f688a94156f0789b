/**
 * The main thread's side of an engine thread: posts commands, gets replies in the same order, hears of its end once.
 *
 *     running --error, exit, out of memory, cannot be started, an epoch or a capture without end--> failed (said once)
 *        '--close--> closed
 */
import { Worker } from "node:worker_threads";
import { UnderstudyError } from "../base/errors.ts";
import { StopRequest } from "../engine/stop-request.ts";
import type { AllowedEpoch } from "../hypervisor/messages.ts";
import { AllowedEpochWords } from "./allowed-epoch.ts";
import type { CompileService } from "./compile-service.ts";
import type { EngineCommand, EngineReply, EngineThreadData, FlippedBit } from "./engine-commands.ts";

/**
 * JavaScript's heap in an engine thread, where there are the library's lists and what is on its way: tens of MiB. The guest's
 * memory and its translated code are not in it. What needs more is wrong, and must not take the host's memory.
 */
const HEAP_MIB = 512;

/**
 * What an engine thread has just made is soon garbage: messages, big integers. Node would let each thread fill 48 MiB before it looks,
 * and never give it back.
 */
const YOUNG_HEAP_MIB = 4;

/** What takes so much of a processor is stalled, and not only kept waiting by a busy host; epochs and captures are some milliseconds. */
const STALL_CPU_MS = 1_000;
/** Without that it is given up after so many times the looks: it may wait for something that does not come. */
const IDLE_STALL_FACTOR = 6;

/**
 * What is answered within milliseconds, whatever the guest is, and by what. Images are loaded, and a whole state is hashed, in a time
 * that depends on the guest's size: those have deadlines of their own, at whoever waits for them.
 */
const SHORT: Partial<Record<EngineCommand["kind"], EngineReply["kind"]>> = {
  runEpoch: "epochEnded",
  captureState: "stateCaptured",
  endTransfer: "transferEnded",
  applyState: "stateApplied",
};
const ANSWERS_SHORT: ReadonlySet<EngineReply["kind"]> = new Set(Object.values(SHORT));

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
  /** The thread died without being asked to, or is given up; no reply comes after it. */
  readonly onFailure: (error: Error) => void;
}

export class EngineClient {
  /** Null: it could not be started. */
  private readonly thread: Worker | null;
  private readonly stopRequest = new StopRequest();
  private readonly onFailure: (error: Error) => void;
  private readonly allowedEpoch = new AllowedEpochWords();
  /** That have been begun and have not ended. */
  private epochs = 0;
  /** Commands that are answered within milliseconds, and have not been. */
  private unanswered = 0;
  /** Looks since the thread was given the first of them, or has answered one. */
  private looks = 0;
  private cpuAtFirstLook: NodeJS.CpuUsage = { user: 0, system: 0 };
  private closed = false;

  constructor({ threadUrl, module, memoryMiB, compiler, flipBit = null, onReply, onFailure }: EngineClientOptions) {
    this.onFailure = onFailure;
    const line = compiler?.connect() ?? null;
    const workerData: EngineThreadData = {
      module,
      memoryMiB,
      stopMemory: this.stopRequest.memory,
      allowedEpoch: this.allowedEpoch.memory,
      compiler: line,
      flipBit,
    };
    try {
      this.thread = new Worker(threadUrl, {
        workerData,
        transferList: line === null ? [] : [line.port],
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_HEAP_MIB },
      });
    } catch (cause) {
      // The system gives no thread, or no file descriptor for it. Whoever makes this client can be told when it is made.
      this.thread = null;
      if (line !== null) compiler?.release(line);
      setImmediate(() =>
        this.fail(new UnderstudyError("engine_not_started", `Cannot start an engine thread: ${(cause as Error).message}`, { cause })),
      );
      return;
    }
    this.thread.on("exit", () => line && compiler?.release(line));
    this.thread.on("message", (reply: EngineReply) => {
      if (this.closed) return;
      if (reply.kind === "failed") {
        this.fail(new UnderstudyError(reply.code, reply.message));
        return;
      }
      this.looks = 0;
      // An epoch that the thread goes on with takes the ended one's place.
      const goesOn = reply.kind === "epochEnded" && reply.begun !== null;
      if (reply.kind === "epochEnded" && !goesOn) this.epochs--;
      if (ANSWERS_SHORT.has(reply.kind) && !goesOn) this.unanswered--;
      onReply(reply);
    });
    this.thread.on("messageerror", (error) => this.fail(error));
    this.thread.on("error", (error: NodeJS.ErrnoException) => this.fail(namedError(error)));
    this.thread.on("exit", (code) => this.fail(new Error(`Cannot run the guest: its engine thread exited with code ${code}`)));
  }

  post(command: EngineCommand): void {
    if (this.closed) return;
    if (command.kind === "runEpoch") {
      // Only this side asks and withdraws, and it withdraws before the thread can see the command.
      this.stopRequest.withdraw();
      this.epochs++;
    }
    if (SHORT[command.kind] !== undefined && this.unanswered++ === 0) this.looks = 0;
    this.thread?.postMessage(command, transfers(command));
  }

  /** Takes the place of what was allowed before. */
  allowEpoch(next: AllowedEpoch): void {
    this.allowedEpoch.allow(next);
  }

  /** The running epoch ends within microseconds, or what installing translated code takes at that moment; nothing happens when none runs. */
  endEpochEarly(): void {
    if (this.epochs > 0) this.stopRequest.ask();
  }

  /**
   * Called at regular times: an epoch or a capture, which are some milliseconds long, that is still the same one at the `most`th
   * look has no end. Looks are counted, not time: a process that was stopped has not looked. And it must have had a processor:
   * where the process got none, its threads have not had the time to end anything.
   */
  look(most: number): void {
    if (this.closed || this.unanswered === 0) return;
    if (++this.looks === 1) this.cpuAtFirstLook = process.cpuUsage();
    if (this.looks < most) return;
    const { user, system } = process.cpuUsage(this.cpuAtFirstLook);
    if ((user + system) / 1000 < STALL_CPU_MS && this.looks < most * IDLE_STALL_FACTOR) return;
    this.fail(new UnderstudyError("engine_stalled", "Cannot go on with the guest: its engine thread does not end what it does"));
  }

  /** Stops the guest where it is and frees its memory. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    void this.thread?.terminate();
  }

  private fail(error: Error): void {
    if (this.closed) return;
    this.close();
    this.onFailure(error);
  }
}

/** What the system is out of has a code of its own. */
function namedError(error: NodeJS.ErrnoException): Error {
  if (error.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return new UnderstudyError(
      "engine_out_of_memory",
      `Cannot go on with the guest: its engine thread needs over ${HEAP_MIB} MiB of heap`,
      {
        cause: error,
      },
    );
  }
  if (error.code === "ERR_WORKER_INIT_FAILED" || error.code === "EMFILE" || error.code === "ENFILE" || error.code === "EAGAIN") {
    return new UnderstudyError("engine_not_started", `Cannot start an engine thread: ${error.message}`, { cause: error });
  }
  return error;
}

/** Images and parts of the state are large, and nobody else looks at them again: they move. Everything else is copied, because the core still holds it. */
function transfers(command: EngineCommand): ArrayBuffer[] {
  if (command.kind === "applyState") return [command.pages.buffer as ArrayBuffer];
  if (command.kind !== "loadLinux") return [];
  const whole = [command.kernel, command.initramfs].filter((bytes) => bytes.byteLength === bytes.buffer.byteLength);
  return [...new Set(whole.map(({ buffer }) => buffer as ArrayBuffer))];
}
