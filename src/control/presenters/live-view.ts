/** What only the workers' connections know: newer than any row. */
import type { ReplicaReport } from "../../wire/control-messages.ts";

export interface LiveView {
  /** Newest report of the replica, or null if its worker has not spoken of it to this process. */
  report(replicaId: string): ReplicaReport | null;
  logBytesPerSecond(replicaId: string): number;
  lastHeartbeatAt(workerId: string): Date | null;
  /** A primary there waits for an answer of the arbiter; null: the worker is not heard here. */
  waitsForArbiter(workerId: string): boolean | null;
  /** Console session that may write to the VM. */
  consoleWriter(vmId: string): string | null;
}
