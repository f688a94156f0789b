/** The clock that every thread of a worker process reads alike: the host's monotonic one, which no thread has an origin of its own for. */

/** Integer microseconds; it goes on while the process is stopped. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
