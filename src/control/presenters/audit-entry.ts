/** An audit entry as the public contract shows it. */
import type { AuditedCall } from "../db/queries/audit-log.ts";
import type { AuditEntry } from "../schemas/audit-entry.ts";

export function presentAuditEntry({ entry, tokenName }: AuditedCall): AuditEntry {
  const { id, requestId, tokenId, method, route, operation, resource, sourceAddress, startedAt, completedAt, status, code, durationMs } =
    entry;
  return {
    id,
    requestId,
    actor: tokenId === null ? null : { tokenId, tokenName: tokenName ?? "" },
    method,
    route,
    operation,
    resource,
    sourceAddress,
    startedAt: startedAt.toISOString(),
    completedAt: (completedAt ?? startedAt).toISOString(),
    outcome: outcomeOf(status),
    status,
    code,
    durationMs: durationMs === null ? null : Math.round(durationMs * 100) / 100,
  };
}

function outcomeOf(status: number | null): AuditEntry["outcome"] {
  if (status === null) return "unknown";
  if (status >= 500) return "failed";
  return status >= 400 ? "refused" : "succeeded";
}
