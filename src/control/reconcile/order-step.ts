/** Steps of a VM's plan that are orders to workers. */
import type { ControlMessage } from "../../wire/control-messages.ts";
import { readImage } from "../db/queries/images.ts";
import type { PlanFacts } from "../db/queries/plan-facts.ts";
import type { ReplicaRow, StoredOrigin, VmRow } from "../db/schema.ts";
import { retentionOf } from "../domain/console-retention.ts";
import type { VmStep } from "../domain/plan-vm.ts";
import { pairingOrders } from "../workers/pairing-orders.ts";
import type { WorkerLink } from "../workers/worker-link.ts";
import type { ReconcilerOptions } from "./options.ts";
import { replicaSpecOf } from "./replica-spec.ts";
import { logFieldsOf, orderWorker, originOfLeaving, originOfOperation } from "./traced-orders.ts";

export type OrderStep = Exclude<VmStep, { kind: "place" | "handOver" | "writeOff" | "forget" }>;

/** Sends the order, where its worker is connected, unless the same one went out a moment ago. @param rows the VM's replicas */
export async function orderStep(
  options: ReconcilerOptions,
  facts: PlanFacts,
  vm: VmRow,
  rows: readonly ReplicaRow[],
  step: OrderStep,
  nowMs: number,
): Promise<void> {
  const { database, workers } = options;
  const aboutId = "replicaId" in step ? step.replicaId : step.backup;
  const about = rows.find((replica) => replica.id === aboutId);
  const origin = originOfOperation(facts, vm) ?? (about === undefined ? null : originOfStep(facts, step, about));
  const log = origin === null ? options.log : options.log.child(logFieldsOf(origin));
  const order = (to: WorkerLink, key: string, message: ControlMessage): boolean =>
    orderWorker(options, to, { key, message, vmId: vm.id, origin, nowMs });
  const row = "replicaId" in step ? about : undefined;
  const link = row === undefined ? null : workers.link(row.workerId);
  switch (step.kind) {
    case "create": {
      if (row === undefined || link === null) return;
      const image = await readImage(database.db, vm.imageId);
      if (image === null) return;
      const message = {
        type: "createReplica",
        vmId: vm.id,
        replicaId: row.id,
        role: row.role,
        term: vm.term.toString(),
        spec: replicaSpecOf(vm, image, options.settings),
        channelSecret: row.channelSecret,
        ...(row.role === "primary" && vm.desiredState === "paused" ? { paused: true } : {}),
      } as const;
      if (order(link, `create ${row.id}`, message)) {
        log.info({ vmId: vm.id, replicaId: row.id, role: row.role, worker: link.worker.name }, `placing a ${row.role}`);
      }
      return;
    }
    case "pair": {
      const backup = rows.find((replica) => replica.id === step.backup);
      const primary = rows.find((replica) => replica.id === vm.primaryReplica);
      const at = backup === undefined ? null : workers.link(backup.workerId);
      const by = primary === undefined ? null : workers.link(primary.workerId);
      if (backup === undefined || primary === undefined || at === null || by === null) return;
      const { expectPrimary, pair } = pairingOrders(by, primary.id, at, backup);
      if (expectPrimary !== null) order(at, `expectPrimary ${primary.id} ${backup.id}`, expectPrimary);
      if (order(by, pairKey(primary.id, backup.id), pair)) {
        log.info({ vmId: vm.id, primary: primary.id, backup: backup.id, address: at.hello.loggingAddress }, "pairing");
      }
      return;
    }
    case "setMaxLag": {
      if (row === undefined || link === null) return;
      const { maxLagMs } = vm.spec.protection;
      order(link, `setMaxLag ${row.id} ${maxLagMs}`, { type: "setMaxLag", replicaId: row.id, maxLagMs });
      return;
    }
    case "setConsoleRetention": {
      if (row === undefined || link === null) return;
      const { headBytes, tailBytes } = retentionOf(vm.spec);
      const key = `setConsoleRetention ${row.id} ${headBytes} ${tailBytes}`;
      order(link, key, { type: "setConsoleRetention", replicaId: row.id, headBytes, tailBytes });
      return;
    }
    case "promote":
      if (row === undefined || link === null) return;
      if (order(link, `promote ${row.id}`, { type: "promote", replicaId: row.id, handOver: false })) {
        log.warn({ vmId: vm.id, replicaId: row.id }, "the primary's worker is lost: telling the backup to take over");
      }
      return;
    case "setPaused": {
      if (row === undefined || link === null) return;
      const { replicaId, paused } = step;
      if (order(link, `setPaused ${replicaId} ${paused} ${vm.operationId}`, { type: "setPaused", replicaId, paused })) {
        log.info({ vmId: vm.id, replicaId }, paused ? "telling the primary to pause its guest" : "telling the primary to resume its guest");
      }
      return;
    }
    case "shutDown":
      if (row === undefined || link === null) return;
      if (order(link, `shutDown ${row.id}`, { type: "shutDown", replicaId: row.id })) {
        log.info({ vmId: vm.id, replicaId: row.id }, "telling the guest to power itself off");
      }
      return;
    case "drop":
      if (row === undefined || link === null) return;
      order(link, `drop ${row.id}`, { type: "dropReplica", replicaId: row.id, reason: step.reason });
      return;
  }
}

/** Where no operation of the VM's runs. @param about the replica that the step is about */
function originOfStep(facts: PlanFacts, { kind }: OrderStep, about: ReplicaRow): StoredOrigin | null {
  // A replica is created and paired for what it was placed for, though the operation has ended.
  if (kind === "create" || kind === "pair") return about.origin;
  return kind === "drop" ? originOfLeaving(facts, about) : null;
}

/** Of the order to pair, to the primary's worker. */
export function pairKey(primary: string, backup: string): string {
  return `pair ${primary} ${backup}`;
}
