/** One replica, as its worker reports it, and the labels of its samples. */
import type { ReplicaReport } from "../../wire/control-messages.ts";

export interface ReportedReplica {
  readonly workerId: string;
  readonly report: ReplicaReport;
}

export function labelsOf({ workerId, report }: ReportedReplica): Readonly<Record<string, string>> {
  return { vm: report.vmId, replica: report.replicaId, role: report.role, worker: workerId };
}
