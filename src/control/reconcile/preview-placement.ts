/**
 * Where the replicas of a VM that is being made would go, if nothing else happened meanwhile: promised in a transaction that is undone,
 * by the choice that the loop makes.
 */
import { eq } from "drizzle-orm";
import { newId, type Transaction } from "../db/database.ts";
import { listWorkers } from "../db/queries/list-workers.ts";
import { readHeldReplicas } from "../db/queries/plan-facts.ts";
import { type LoadedVm, loadVm, readVmRow } from "../db/queries/read-vm.ts";
import { replicas, type VmRow, vms } from "../db/schema.ts";
import { REFUSAL_MESSAGES } from "../domain/placement.ts";
import { backupsWanted, reasonOfRefusal } from "../domain/protection.ts";
import { type ChoiceOptions, chooseWorker } from "./choose-worker.ts";

/** @returns the VM with its replicas; where one has no place, with the reason: of the VM's state, or of its protection */
export async function previewPlacement(options: ChoiceOptions, tx: Transaction, vm: VmRow): Promise<LoadedVm> {
  let placed = vm;
  for (let wanted = 1 + backupsWanted(vm.spec.protection); wanted > 0; wanted--) {
    const facts = { workers: await listWorkers(tx.db), replicas: await readHeldReplicas(tx.db) };
    const rows = facts.replicas.filter((row) => row.vmId === vm.id);
    const role = placed.primaryReplica === null ? "primary" : "backup";
    const choice = chooseWorker(options, facts, placed, rows, null);
    if (choice.kind === "refused") {
      const loaded = await loadVm(tx.db, placed);
      const { reason } = choice;
      const why =
        role === "primary"
          ? { stateReason: reason, stateMessage: `Cannot place the primary: ${REFUSAL_MESSAGES[reason]}` }
          : { protectionReason: reasonOfRefusal(reason) };
      return { ...loaded, vm: { ...loaded.vm, ...why } };
    }
    const id = newId("rep");
    const { incarnation } = facts.workers.find(({ worker }) => worker.id === choice.worker.id)?.worker ?? { incarnation: "" };
    const { memoryMiB } = vm.spec.machine;
    await tx.db.insert(replicas).values({ id, vmId: vm.id, workerId: choice.worker.id, incarnation, role, memoryMiB, channelSecret: "" });
    if (role === "primary") await tx.db.update(vms).set({ primaryReplica: id }).where(eq(vms.id, vm.id));
    placed = await readVmRow(tx.db, vm.id);
  }
  return loadVm(tx.db, placed);
}
