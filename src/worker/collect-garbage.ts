/**
 * Gives memory back at the moments when a lot of it is known to be free: after a kernel was copied into a guest, after a
 * state transfer. The garbage is a few large buffers outside of the heap, and a replica allocates next to nothing
 * afterwards: left to itself the collector would keep tens of megabytes for hours.
 *
 * A main thread stands still meanwhile, with everything that its replicas' peers wait for: it collects once for all transfers
 * that end within a while of each other.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | null = null;

const QUIET_MS = 2000;

let quiet: NodeJS.Timeout | null = null;

/** Of this thread's heap, when nobody has asked for a while. */
export function collectGarbageWhenQuiet(): void {
  if (quiet !== null) quiet.refresh();
  else {
    quiet = setTimeout(() => {
      quiet = null;
      collectGarbage();
    }, QUIET_MS).unref();
  }
}

/** Of this thread's heap; takes a few milliseconds, or tens where processors are busy. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
}
