/** `from=` of a console: `start`, `end`, `tail:<n>`, or an offset, as an offset. */
import { invalidField } from "../errors/api-error.ts";
import type { VmConsole } from "./vm-console.ts";

/**
 * @param whole nothing may be missing behind it: `start` is behind what is not kept
 * @throws {ApiError} `validation_failed` for an offset that no byte has yet
 */
export async function resolveFrom(console: VmConsole, from: string, whole = false): Promise<bigint> {
  if (from === "start") return whole ? console.window.contiguousFrom : console.window.start;
  if (from === "end") return console.end;
  if (from.startsWith("tail:")) {
    const wanted = console.end - BigInt(from.slice("tail:".length));
    return wanted > console.oldest ? wanted : console.oldest;
  }
  const offset = BigInt(from);
  // A new primary may be about to release what the old one had released: it gets the time for it.
  if (offset > console.end) await console.settled(() => offset <= console.end, 1000);
  if (offset > console.end) {
    throw invalidField(
      "/query/from",
      "beyond_end",
      `the console ends at ${console.end}, ${offset} lies beyond. Begin with from=end, or with an offset up to the end`,
    );
  }
  return offset;
}
