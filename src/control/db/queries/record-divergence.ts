/** Writes down that a backup's state differed from its primary's, with the event. */
import { eq } from "drizzle-orm";
import type { DivergenceReport } from "../../../wire/control-messages.ts";
import type { Database } from "../database.ts";
import { type VmRow, vms } from "../schema.ts";

export async function recordDivergence(database: Database, vm: VmRow, divergence: DivergenceReport): Promise<void> {
  await database.transaction(async (tx) => {
    // The VM's row before the event clock, as everywhere.
    await tx.db
      .update(vms)
      .set({ divergence: { ...divergence, at: new Date().toISOString() } })
      .where(eq(vms.id, vm.id));
    tx.emit({ type: "vm.divergence.detected", vmId: vm.id, term: vm.term, cause: "divergence", data: { ...divergence } });
  });
}
