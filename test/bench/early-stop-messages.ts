/** What the bench `early-stop` and the thread of its guest say to each other. */
import type { CompileLine } from "../../src/worker/compile-messages.ts";

/** `loop` counts in memory for ever; `boot` is Debian's, again and again. */
export type StoppedGuest = "loop" | "boot";

export interface StoppedThreadData {
  readonly guest: StoppedGuest;
  /** Null: everything is interpreted. */
  readonly compiler: CompileLine | null;
  /** Of the `StopRequest`. */
  readonly stopMemory: WebAssembly.Memory;
  /** `StoppedWord` says what is where; all nanoseconds are of the system's monotonic clock. */
  readonly words: BigInt64Array;
}

export const StoppedWord = {
  /** 1: a run that may be stopped is about to begin; the bench sets it back to 0 to have the next one. */
  running: 0,
  /** When the last run that was asked to stop had stopped. */
  stoppedNs: 1,
  /** Machines that were begun with. */
  machines: 2,
} as const;
