/** Says how far a state transfer has come. */
import type { TransferReport } from "../../../wire/control-messages.ts";
import type { Database } from "../database.ts";
import type { VmRow } from "../schema.ts";

export function recordTransfer(database: Database, vm: VmRow, transfer: TransferReport): Promise<void> {
  return database.transaction(async (tx) => {
    tx.emit({ type: "vm.repair.progressed", vmId: vm.id, term: vm.term, cause: "backup_wanted", data: { ...transfer } });
  });
}
