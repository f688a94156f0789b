/** Says once of each backup that it was paired, with the figures that its primary measured. */
import { sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { lockVm } from "./plan-facts.ts";

export interface RepairFigures {
  readonly backup: string;
  readonly totalMs: number;
  /** How long the guest stood still for the last capture. */
  readonly pauseMs: number;
  readonly rounds: number;
  /** State captured, and how many bytes were sent for it, compressed or not. */
  readonly bytes: string;
  readonly sentBytes: string;
}

/** @returns false where that is said already */
export function recordRepair(database: Database, vmId: string, figures: RepairFigures): Promise<boolean> {
  return database.transaction(async (tx) => {
    const vm = await lockVm(tx.db, vmId);
    const { rows } = await tx.db.execute(sql`
      SELECT FROM events WHERE vm_id = ${vmId} AND type = 'vm.repair.completed' AND data ->> 'backup' = ${figures.backup}`);
    if (vm === null || rows.length > 0) return false;
    tx.emit({ type: "vm.repair.completed", vmId, term: vm.term, cause: "backup_synced", data: { ...figures } });
    return true;
  });
}
