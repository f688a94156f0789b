/** Processor time that a process of Linux has used. */
import { readdirSync, readFileSync } from "node:fs";

/** Of each of its threads that lives, by id, milliseconds. */
export function threadTimesMs(pid: number): ReadonlyMap<number, number> {
  const threads = readdirSync(`/proc/${pid}/task`);
  // The first field of `schedstat`: nanoseconds on a processor.
  return new Map(threads.map((id) => [Number(id), Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]) / 1e6]));
}

/** Of all of its threads, also those that have ended, milliseconds; it counts in hundredths of a second. */
export function processorTimeMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may have spaces: the 14th and the 15th field of all are the times in user and in kernel mode.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
