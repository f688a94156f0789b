/** Waits for the end of an operation: `?wait=` of every call that yields one. */
import type { ControlPlane } from "../control-plane.ts";
import { readOperation } from "../db/queries/read-operation.ts";
import type { OperationRow } from "../db/schema.ts";

/** In case that the database could not be read when an event was heard of. */
const LOOK_AGAIN_MS = 5000;

/** The operation once it has ended, or as it is after `seconds`. */
export async function waitForOperation(control: ControlPlane, id: string, seconds: number, signal: AbortSignal): Promise<OperationRow> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const news = control.feed.nextAbout(id, Math.min(LOOK_AGAIN_MS, Math.max(0, deadline - performance.now())), signal);
    const operation = await readOperation(control.database.db, id);
    const ended = operation.state !== "pending" && operation.state !== "running";
    if (ended || performance.now() >= deadline || signal.aborted || control.stopping.aborted) return operation;
    await news;
  }
}
