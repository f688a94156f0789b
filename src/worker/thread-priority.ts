/**
 * The order in which the threads of a worker get a processor where there are too few: the main thread, which owes every peer its acks and
 * heartbeats, goes before guests and compilers, which use all that is left. Without it a host with twenty busy threads keeps a
 * main thread waiting for half a second, and its peers find it silent.
 */
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";

/** A tenth of the weight of a thread of the default priority. */
const YIELDING_NICE = 10;
const DEFAULT_NICE = 0;

/** Linux alone knows a thread by a number; null: another system, a sandbox without it, or one that does not yield. */
let yielding: number | null = null;

/** This thread, and no other of its process, yields to the threads that have not said so. */
export function yieldToOtherThreads(): void {
  let thread: number;
  try {
    thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
  } catch {
    return;
  }
  setPriority(thread, YIELDING_NICE);
  yielding = thread;
}

/** While this thread does what everybody waits for it yields to nobody, where the process may raise a priority (CAP_SYS_NICE). */
export function withoutYielding<Result>(action: () => Result): Result {
  const raised = yielding !== null && mayRaise(yielding);
  try {
    return action();
  } finally {
    if (raised && yielding !== null) setPriority(yielding, YIELDING_NICE);
  }
}

function mayRaise(thread: number): boolean {
  try {
    setPriority(thread, DEFAULT_NICE);
    return true;
  } catch {
    return false;
  }
}
