/** A failover as the public contract shows it. */
import type { FailoverRow } from "../db/schema.ts";
import type { Failover } from "../schemas/vm.ts";

export function presentFailover(row: FailoverRow): Failover {
  return {
    id: row.id,
    vmId: row.vmId,
    mode: row.mode,
    cause: row.cause,
    state: row.state,
    from: row.fromReplica,
    to: row.toReplica,
    term: row.term === null ? null : Number(row.term),
    gapMs: row.gapMs && { ...row.gapMs, firstOutput: row.firstOutputMs, client: row.clientMs },
    stateHash:
      row.verifiedInstant === null || row.stateHash === null
        ? null
        : { match: true, instant: row.verifiedInstant.toString(), value: row.stateHash },
    instant: row.instant?.toString() ?? null,
    consoleEnd: row.consoleEnd?.toString() ?? null,
    operationId: row.operationId,
    startedAt: row.startedAt.toISOString(),
    completedAt: row.completedAt?.toISOString() ?? null,
  };
}
