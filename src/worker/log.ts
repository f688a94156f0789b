/** The worker's log: JSON lines on stdout, each with the worker and, where it is about one, the VM and the replica. */
import { type Logger, pino } from "pino";

export type WorkerLog = Logger;

/** What cannot be written waits in memory up to here, and is dropped beyond. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

export function createWorkerLog(worker: string, level = "info"): WorkerLog {
  const destination = pino.destination({ fd: 1, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A full disk costs the log, not the guests; with room again, the log goes on.
  destination.on("error", () => {});
  return pino({ level, base: { worker, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
