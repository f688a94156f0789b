/** Writes down that a user wants the backup to take over. The promotion itself is the arbiter's. */
import { eq } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { hasGuest } from "../../domain/vm-state.ts";
import { ApiError } from "../../errors/api-error.ts";
import { newId, type Transaction } from "../database.ts";
import { failovers, type OperationRow, type VmRow, vms } from "../schema.ts";
import { sqlState } from "../unavailable.ts";
import { beginOperation } from "./begin-operation.ts";

export interface FailoverOrder {
  readonly vmId: string;
  readonly mode: "planned" | "test" | "forced";
  readonly expectedTerm: number | null;
  /** Synced backups whose worker can be told. */
  readonly reachable: (replicaId: string) => boolean;
}

/** @throws {ApiError} `term_mismatch`, `not_protected`, `operation_in_progress` */
export async function requestFailover(tx: Transaction, order: FailoverOrder): Promise<OperationRow> {
  const [row] = await tx.db.select().from(vms).where(eq(vms.id, order.vmId)).for("update");
  const vm = row as VmRow;
  if (order.expectedTerm !== null && BigInt(order.expectedTerm) !== vm.term) {
    throw new ApiError("term_mismatch", `Cannot fail over: the VM is in term ${vm.term}, ${order.expectedTerm} was expected`, {
      details: { currentTerm: Number(vm.term) },
    });
  }
  const target = vm.synced.find((replica) => order.reachable(replica));
  const runs = hasGuest(vm.state);
  if (!runs || target === undefined) {
    const current = runs ? vm.protectionState : vm.state;
    const what = runs ? `its protection is "${current}"` : `the VM is ${current}`;
    // Without a backup to come there is nothing to wait for.
    const never = vm.protectionState === "off";
    const advice = never ? 'only a VM with protection mode "lockstep" can' : "wait with /wait?for=protected";
    throw new ApiError("not_protected", `Cannot fail over: it needs protection "protected", ${what}; ${advice}`, {
      details: { currentState: current, allowedStates: ["protected"], ...(never ? { retryable: false } : { retryAfterMs: 1000 }) },
    });
  }
  const operation = await beginOperation(tx, { kind: "vm.failover", vmId: vm.id });
  const operationId = operation.id;
  await tx.db
    .insert(failovers)
    .values({
      id: newId("fo"),
      vmId: vm.id,
      mode: order.mode,
      cause: USER_ACTION,
      state: "pending",
      fromReplica: vm.primaryReplica,
      toReplica: target,
      operationId,
    })
    .catch((error: unknown) => {
      if (sqlState(error)?.constraint !== "failovers_open") throw error;
      throw new ApiError("operation_in_progress", "Cannot fail over: a failover of this VM runs", { details: { retryAfterMs: 500 } });
    });
  await tx.db.update(vms).set({ operationId }).where(eq(vms.id, vm.id));
  tx.emit({
    type: "operation.updated",
    vmId: vm.id,
    term: vm.term,
    cause: USER_ACTION,
    operationId,
    data: { kind: "vm.failover", state: "running", to: target },
  });
  return operation;
}
