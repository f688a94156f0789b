/** What a project may have: VMs, and memory of their guests. Who asks for more waits for whoever asked before, so that nothing is counted twice. */
import { sql } from "drizzle-orm";
import { ApiError } from "../../errors/api-error.ts";
import type { Queryable, Transaction } from "../database.ts";

export interface QuotaLimits {
  /** Null: as many as there is room for. */
  readonly quotaVms: number | null;
  readonly quotaMemoryMiB: number | null;
}

export interface QuotaUse {
  readonly resource: "vms" | "memory_mib";
  readonly limit: number | null;
  readonly usage: number;
}

export async function readQuotas(db: Queryable, { quotaVms, quotaMemoryMiB }: QuotaLimits): Promise<readonly QuotaUse[]> {
  const { rows } = await db.execute<{ vms: string; memory: string }>(sql`
    SELECT count(*) AS vms, coalesce(sum((spec->'machine'->>'memoryMiB')::bigint), 0) AS memory FROM vms
    WHERE project = 'default' AND state <> 'deleted'`);
  return [
    { resource: "vms", limit: quotaVms, usage: Number(rows[0]?.vms) },
    { resource: "memory_mib", limit: quotaMemoryMiB, usage: Number(rows[0]?.memory) },
  ];
}

/**
 * Before anything is written that would be counted.
 *
 * @throws {ApiError} `quota_exceeded`, with limit and usage
 */
export async function claimQuotas(
  tx: Transaction,
  limits: QuotaLimits,
  more: Readonly<Record<QuotaUse["resource"], number>>,
): Promise<void> {
  if (limits.quotaVms === null && limits.quotaMemoryMiB === null) return;
  await tx.db.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('understudy quotas of default', 0))`);
  for (const { resource, limit, usage } of await readQuotas(tx.db, limits)) {
    if (limit === null || more[resource] <= 0 || usage + more[resource] <= limit) continue;
    const what = resource === "vms" ? "VMs" : "MiB of memory";
    throw new ApiError("quota_exceeded", `Cannot have ${more[resource]} ${what} more: the project has ${usage}, and may have ${limit}`, {
      details: { resource, limit, usage, retryable: false },
    });
  }
}
