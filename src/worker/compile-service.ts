/** The main thread's side of the compile thread, which is started when the first replica is. */
import { MessageChannel, Worker } from "node:worker_threads";
import { dispatcherModule } from "../engine/region-compiler.ts";
import type { CompileConnection, CompileLine, CompileThreadData } from "./compile-messages.ts";
import { mappingsMaximum, RegionAccount, regionsWithin } from "./region-account.ts";

/** Regions that are kept for whoever may want them; each has a module, or shares one. */
const LIBRARY_MAXIMUM = 4096;

interface CompileServiceBounds {
  /** Of the regions that all machines hold. */
  readonly account?: RegionAccount;
  /** Of the regions in the library. */
  readonly libraryMaximum?: number;
}

export class CompileService {
  readonly account: RegionAccount;
  private readonly libraryMaximum: number;
  private readonly library = new Int32Array(new SharedArrayBuffer(4));
  private readonly dispatcher = dispatcherModule();
  private thread: Worker | null = null;

  /** @param onFailure the thread died: guests go on without being translated any further */
  constructor(
    private readonly threadUrl: URL,
    private readonly onFailure: (error: Error) => void,
    {
      libraryMaximum = LIBRARY_MAXIMUM,
      account = new RegionAccount(regionsWithin(mappingsMaximum(), libraryMaximum)),
    }: CompileServiceBounds = {},
  ) {
    this.account = account;
    this.libraryMaximum = libraryMaximum;
  }

  /** Regions in the library now. */
  get libraryRegions(): number {
    return Atomics.load(this.library, 0);
  }

  /** A line for one engine thread to ask through; null: there are too many. `release` it when that thread has ended. */
  connect(): CompileLine | null {
    const share = this.account.open();
    if (share === null) return null;
    this.thread ??= this.start();
    const { port1, port2 } = new MessageChannel();
    this.thread.postMessage({ port: port1 } satisfies CompileConnection, [port1]);
    return { port: port2, share, dispatcher: this.dispatcher };
  }

  release({ share }: CompileLine): void {
    this.account.close(share);
  }

  private start(): Worker {
    const workerData: CompileThreadData = { libraryRegions: this.library, libraryMaximum: this.libraryMaximum };
    const thread = new Worker(this.threadUrl, { workerData });
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
