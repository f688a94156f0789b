/** Writes down that a backup trails so far that its primary waits for it, or no longer does, with the event. */
import { sql } from "drizzle-orm";
import type { LagChange } from "../../domain/backup-lag.ts";
import type { Database } from "../database.ts";
import type { VmRow } from "../schema.ts";

/** Does nothing where that is written down already. */
export function recordLag(database: Database, vm: VmRow, change: LagChange, lagMs: number): Promise<void> {
  return database.transaction(async (tx) => {
    const { rowCount } = await tx.db.execute(
      change === "lagging"
        ? sql`UPDATE vms SET lagging_since = now() WHERE id = ${vm.id} AND lagging_since IS NULL`
        : sql`UPDATE vms SET lagging_since = NULL WHERE id = ${vm.id} AND lagging_since IS NOT NULL`,
    );
    // That one that lagged is no backup any more is told by the event of the VM's protection.
    if ((rowCount ?? 0) === 0 || change === "over") return;
    const { maxLagMs } = vm.spec.protection;
    const since = vm.laggingSince?.toISOString() ?? null;
    const data = change === "lagging" ? { lagMs, maxLagMs } : { lagMs, maxLagMs, since };
    const cause = change === "lagging" ? "backup_behind" : "backup_caught_up";
    tx.emit({ type: `vm.backup.${change}`, vmId: vm.id, term: vm.term, cause, data });
  });
}
