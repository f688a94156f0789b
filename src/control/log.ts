/** The control plane's log: JSON lines on stdout. */
import { type Logger, pino } from "pino";

/** What cannot be written waits in memory up to here, and is dropped beyond. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

export function createControlLog(): Logger {
  const destination = pino.destination({ fd: 1, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A full disk costs the log, not the service; with room again, the log goes on.
  destination.on("error", () => {});
  return pino({ base: { process: "control-plane", pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
