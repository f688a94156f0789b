/** What a VM's primary reports of its own work and the database keeps: transfers, pairings, divergences, lag, the first output of a promotion. */
import type { ReplicaReport } from "../../wire/control-messages.ts";
import type { PlanFacts } from "../db/queries/plan-facts.ts";
import { recordDivergence } from "../db/queries/record-divergence.ts";
import { recordLag } from "../db/queries/record-lag.ts";
import { recordRepair } from "../db/queries/record-repair.ts";
import { recordTransfer } from "../db/queries/record-transfer.ts";
import type { VmRow } from "../db/schema.ts";
import { lagChange, lagMsOf } from "../domain/backup-lag.ts";
import { nextMilestone, type TransferMilestone } from "../domain/transfer-milestone.ts";
import { noteFirstOutput } from "./follow-failover.ts";
import type { ReconcilerOptions } from "./options.ts";
import { traceRepair } from "./traced-orders.ts";

/** Each is written down once: what has been is remembered here. */
export class ReportNotes {
  private readonly options: ReconcilerOptions;
  /** Promoted replicas whose guest's first output is written down already. */
  private readonly firstOutputs = new Set<string>();
  /** Backups whose pairing is written down already. */
  private readonly repairs = new Set<string>();
  /** Backups whose divergence is written down already: each has one, and ends. */
  private readonly divergences = new Set<string>();
  /** What was written down last of the transfer that a VM's primary makes. */
  private readonly transfers = new Map<string, TransferMilestone>();

  constructor(options: ReconcilerOptions) {
    this.options = options;
  }

  /** @param failing a failover of the VM is not complete */
  async note(facts: PlanFacts, vm: VmRow, primary: ReplicaReport, failing: boolean): Promise<void> {
    await this.noteTransfer(vm, primary);
    await this.noteRepair(facts, vm, primary);
    await this.noteDivergence(vm, primary);
    await this.noteLag(vm);
    // Its failover is complete: what comes later is added to that.
    if (!failing && !this.firstOutputs.has(primary.replicaId) && (await noteFirstOutput(this.options, primary)))
      this.firstOutputs.add(primary.replicaId);
  }

  /** VMs and replicas that there are: what was remembered of others is of no use. */
  keepOnly(vmIds: ReadonlySet<string>, replicaIds: ReadonlySet<string>): void {
    for (const noted of [this.firstOutputs, this.repairs, this.divergences]) {
      for (const replicaId of noted) if (!replicaIds.has(replicaId)) noted.delete(replicaId);
    }
    for (const vmId of this.transfers.keys()) if (!vmIds.has(vmId)) this.transfers.delete(vmId);
  }

  private async noteTransfer(vm: VmRow, { transfer }: ReplicaReport): Promise<void> {
    if (transfer === null) {
      this.transfers.delete(vm.id);
      return;
    }
    const milestone = nextMilestone(this.transfers.get(vm.id) ?? null, transfer);
    if (milestone === null) return;
    await recordTransfer(this.options.database, vm, transfer);
    this.transfers.set(vm.id, milestone);
  }

  private async noteRepair(facts: PlanFacts, vm: VmRow, { lastPairing }: ReplicaReport): Promise<void> {
    if (lastPairing === null || !vm.synced.includes(lastPairing.backup) || this.repairs.has(lastPairing.backup)) return;
    const first = await recordRepair(this.options.database, vm.id, lastPairing);
    this.repairs.add(lastPairing.backup);
    if (first) traceRepair(this.options.tracer, facts, vm, lastPairing);
    this.options.log.info({ vmId: vm.id, ...lastPairing }, "the backup is paired");
  }

  /**
   * What a backup tells of itself, where its primary does not: that is gone, or was told of another one's meanwhile. A primary that has
   * not let it go yet will tell, with the pages.
   */
  async noteOwnDivergence(vm: VmRow, own: ReplicaReport, primary: ReplicaReport | null): Promise<void> {
    const { divergence, replicaId } = own;
    if (divergence === null || divergence.replicaId !== replicaId) return;
    const willTell = primary !== null && (primary.synced.includes(replicaId) || primary.divergence?.replicaId === replicaId);
    if (!willTell) await this.noteDivergence(vm, own);
  }

  private async noteDivergence(vm: VmRow, { divergence }: ReplicaReport): Promise<void> {
    if (divergence === null || this.divergences.has(divergence.replicaId)) return;
    if (vm.divergence?.replicaId !== divergence.replicaId) {
      this.options.log.error({ vmId: vm.id, divergence }, "a backup's state differed from its primary's: it was ejected");
      await recordDivergence(this.options.database, vm, divergence);
    }
    this.divergences.add(divergence.replicaId);
  }

  private async noteLag(vm: VmRow): Promise<void> {
    const { database, workers, log } = this.options;
    const lagMs = lagMsOf(vm, (replicaId) => workers.lastReport(replicaId));
    const { maxLagMs } = vm.spec.protection;
    const facts = { lagging: vm.laggingSince !== null, isProtected: vm.protectionState === "protected", lagMs, maxLagMs };
    const change = lagChange(facts);
    if (change === null) return;
    if (change !== "over") log.info({ vmId: vm.id, lagMs, maxLagMs }, change === "lagging" ? "a backup lags" : "no backup lags any more");
    await recordLag(database, vm, change, lagMs);
  }
}
