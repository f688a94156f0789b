/**
 * The order in which the threads of a worker get a processor where there are too few: the main thread, which owes every peer its acks and
 * heartbeats, goes before guests and compilers, which use all that is left. Without it a host with twenty busy threads keeps a
 * main thread waiting for half a second, and its peers find it silent.
 */
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";

/** A tenth of the weight of a thread of the default priority. */
const YIELDING_NICE = 10;

/** This thread, and no other of its process, yields to the threads that have not said so. Linux alone knows a thread by a number. */
export function yieldToOtherThreads(): void {
  let thread: number;
  try {
    thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
  } catch {
    return; // Another system, or a sandbox without it.
  }
  setPriority(thread, YIELDING_NICE);
}
