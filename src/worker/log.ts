/** The worker's log: JSON lines on stdout, each with the worker and, where it is about one, the VM and the replica. */
import { type Logger, pino } from "pino";

export type WorkerLog = Logger;

export function createWorkerLog(worker: string, level = "info"): WorkerLog {
  return pino({ level, base: { worker, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime });
}
