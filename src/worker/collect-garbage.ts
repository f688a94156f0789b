/**
 * Gives memory back at the moments when a lot of it is known to be free: after a kernel was copied into a guest, after a
 * state transfer. The garbage is a few large buffers outside of the heap, and a replica allocates next to nothing
 * afterwards: left to itself the collector would keep tens of megabytes for hours.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | null = null;

/** Of this thread's heap; takes a few milliseconds. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
}
