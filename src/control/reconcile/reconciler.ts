/**
 * The loop that brings what is to what is wanted: level-triggered, one pass at a time, from the rows and the reports.
 *
 *     idle --kick (a report, a request, a commit) or tick--> pass --read facts--> orders to workers, rows with events --> idle
 *                     |    ^                                   '-- database down: nothing is decided, the next tick tries again
 *                     '----' held off while a guest stands still
 *
 * Losing a pass costs a tick, never a decision: nothing is remembered from one to the next but when an order was sent.
 */
import { endOperation } from "../db/queries/end-operation.ts";
import { handOver } from "../db/queries/hand-over.ts";
import { endGrace } from "../db/queries/order-vm.ts";
import { placeReplica } from "../db/queries/place-replica.ts";
import { type PlanFacts, readPlanFacts } from "../db/queries/plan-facts.ts";
import { restartVm } from "../db/queries/restart-vm.ts";
import { trimHistory } from "../db/queries/trim-history.ts";
import { markReplicaGone, setReplicaState } from "../db/queries/update-replica.ts";
import { giveUpPlace, setProtection, setVmState } from "../db/queries/update-vm.ts";
import type { FailoverRow, ReplicaRow, VmRow } from "../db/schema.ts";
import { isDatabaseUnavailable } from "../db/unavailable.ts";
import { retentionOf } from "../domain/console-retention.ts";
import { USER_ACTION } from "../domain/events.ts";
import { isRedundancyDone } from "../domain/operations.ts";
import type { Placement, PlacementRefusal } from "../domain/placement.ts";
import { planVm, type VmStep } from "../domain/plan-vm.ts";
import { backupsWanted, type Protection, protectionOf } from "../domain/protection.ts";
import { type KindOfLoss, RepairPace } from "../domain/repair-pace.ts";
import type { ReplicaFacts } from "../domain/replica-facts.ts";
import { isToRestart, restartDelayMs } from "../domain/restart-policy.ts";
import { type TransferEnds, TransferTurns } from "../domain/transfer-turns.ts";
import { ALL_LOST, hasGuest, isEnding, isSettled, nextVmState } from "../domain/vm-state.ts";
import { chooseWorker } from "./choose-worker.ts";
import { expireVms } from "./expire-vms.ts";
import { FirstSeen } from "./first-seen.ts";
import { followFailover } from "./follow-failover.ts";
import { dropUnknown, updateWorkers } from "./follow-workers.ts";
import { observeReplica } from "./observe-replica.ts";
import type { ReconcilerOptions } from "./options.ts";
import { orderStep, pairKey } from "./order-step.ts";
import { ReportNotes } from "./report-notes.ts";
import { logFieldsOf, originOfLeaving, originOfOperation, placedFor } from "./traced-orders.ts";

/** A backup that lost its primary asks within this, and is live within this of the answer. */
const HOLD_OFF_MS = 20;
const TRIM_INTERVAL_MS = 10 * 60 * 1000;

export class Reconciler {
  private readonly options: ReconcilerOptions;
  private running: Promise<void> | null = null;
  private again = false;
  private stopped = true;
  private timer: NodeJS.Timeout | null = null;
  private down = false;
  private notBeforeMs = 0;
  private readonly promotions = new Set<Promise<unknown>>();
  private trimmedAtMs = Number.NEGATIVE_INFINITY;
  /** Why nobody could be found for a VM's next replica; in memory, as it is found out again at every pass. */
  private readonly refusals = new Map<string, PlacementRefusal>();
  private readonly pace = new RepairPace();
  private readonly turns: TransferTurns;
  private readonly seen = new FirstSeen();
  private readonly notes: ReportNotes;

  constructor(options: ReconcilerOptions) {
    this.options = options;
    this.notes = new ReportNotes(options);
    const { workers, database, settings } = options;
    this.turns = new TransferTurns(settings.transfersPerWorker, settings.repeatOrderMs);
    workers.on("joined", () => this.kick());
    workers.on("left", () => {
      this.holdOff();
      this.kick();
    });
    workers.on("replicaGone", (_link, replicaId, consoleEnd) => {
      // Lost with the database down, it comes again: what is dropped twice is gone twice.
      markReplicaGone(database, replicaId, consoleEnd).then(
        () => this.kick(),
        () => this.kick(),
      );
    });
    workers.on("report", (_link, report, significant) => {
      // As with a worker that left: its backup finds out by itself.
      if (report.haltReason === "test_failover" && significant) this.holdOff();
      if (significant) this.kick();
    });
    database.onCommitted(() => this.kick());
  }

  start(): void {
    this.stopped = false;
    this.kick();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }

  /** A guest stands still until the arbiter has answered and its backup is live: this thread and the database are theirs first. */
  holdOff(): void {
    this.notBeforeMs = performance.now() + HOLD_OFF_MS;
  }

  /** Holds off while `promotion` is decided, and until its guest should be live. */
  async giveWay<T>(promotion: Promise<T>): Promise<T> {
    this.promotions.add(promotion);
    try {
      return await promotion;
    } finally {
      this.promotions.delete(promotion);
      this.holdOff();
    }
  }

  /** Asks for a pass soon; many asks are one pass. */
  kick(): void {
    if (this.stopped) return;
    this.again = true;
    if (this.running !== null) return;
    this.running = this.loop().finally(() => {
      this.running = null;
      if (this.again) this.kick();
    });
  }

  private async loop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    let settled = true;
    while (this.again && !this.stopped) {
      await this.heldOff();
      this.again = false;
      // This process may have stood still for so long that another one leads: it hears so, or is asked again at the next tick.
      if (!this.options.leads()) break;
      try {
        settled = await this.pass();
        if (this.down) this.options.log.info("the database is back, reconciling goes on");
        this.down = false;
      } catch (error) {
        settled = false;
        if (!isDatabaseUnavailable(error)) this.options.log.error({ err: error }, "reconcile pass failed");
        else if (!this.down)
          this.options.log.warn({ code: "arbiter_unavailable" }, "arbiter_unavailable: the database does not answer; running pairs go on");
        if (isDatabaseUnavailable(error)) this.down = true;
        this.again = false;
      }
    }
    if (this.stopped) return;
    const { tickMs } = this.options.settings;
    this.timer = setTimeout(() => this.kick(), settled ? 4 * tickMs : tickMs);
  }

  private async heldOff(): Promise<void> {
    for (;;) {
      const waitMs = Math.ceil(this.notBeforeMs - performance.now());
      if (this.promotions.size > 0) await Promise.allSettled(this.promotions);
      else if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      else return;
    }
  }

  /** @returns true where nothing is on its way */
  private async pass(): Promise<boolean> {
    const { database, workers } = this.options;
    const facts = await readPlanFacts(database.db);
    let settled = await updateWorkers(this.options, facts);
    const nowMs = performance.now();
    this.options.activity.looked(facts.vms, nowMs);
    settled = dropUnknown(this.options, facts, nowMs) && settled;
    const vmIds = new Set(facts.vms.map(({ id }) => id));
    const replicaIds = new Set(facts.replicas.map(({ id }) => id));
    this.pace.keepOnly(vmIds);
    this.notes.keepOnly(vmIds, replicaIds);
    for (const vmId of this.refusals.keys()) if (!vmIds.has(vmId)) this.refusals.delete(vmId);
    const waiting = facts.replicas.filter(({ state }) => state === "placing" || state === "syncing");
    this.turns.begin(transfersUnderWay(this.options, facts), new Set(waiting.map(({ id }) => id)), nowMs);
    for (const vm of facts.vms) settled = (await this.reconcileOrLog(facts, vm, nowMs)) && settled;
    if ((await expireVms(this.options, facts.vms)) > 0) this.again = true;
    workers.forgetReports(replicaIds);
    this.seen.forgetOthers();
    if (nowMs - this.trimmedAtMs > TRIM_INTERVAL_MS) {
      this.trimmedAtMs = nowMs;
      const { eventRetentionDays, auditRetentionDays } = this.options.settings;
      await trimHistory(database.db, { eventDays: eventRetentionDays, auditDays: auditRetentionDays });
    }
    return settled;
  }

  /** What is wrong with one VM holds up no other. */
  private async reconcileOrLog(facts: PlanFacts, vm: VmRow, nowMs: number): Promise<boolean> {
    try {
      return await this.reconcileVm(facts, vm, nowMs);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      this.options.log.error({ vmId: vm.id, err: error }, "the VM could not be reconciled: trying again");
      return false;
    }
  }

  private async reconcileVm(facts: PlanFacts, read: VmRow, nowMs: number): Promise<boolean> {
    let vm = read;
    const { database, workers, settings, log } = this.options;
    const rows = facts.replicas.filter((replica) => replica.vmId === vm.id);
    const replicas: ReplicaFacts[] = [];
    for (const row of rows)
      replicas.push(
        await observeReplica(this.options, this.seen, row, facts.workers.find(({ worker }) => worker.id === row.workerId)?.worker),
      );
    await this.noteOwnDivergences(vm, replicas);
    const open = facts.openFailovers.find((failover) => failover.vmId === vm.id) ?? null;
    if (open !== null) {
      const openForMs = this.seen.ageMs(open.id, nowMs);
      const repairOrigin = await followFailover(this.options, vm, open, replicas, {
        openForMs,
        nowMs,
        origin: originOfOperation(facts, vm),
      });
      vm = { ...vm, repairOrigin };
    }

    const ended = vm.desiredState !== "deleted" && (isSettled(vm.state) || isEnding(vm));
    const steps = planVm({
      state: vm.state,
      desiredState: vm.desiredState,
      stopGraceMs: vm.stopGraceMs,
      backups: backupsWanted(vm.spec.protection),
      maxLagMs: vm.spec.protection.maxLagMs,
      console: retentionOf(vm.spec),
      primaryReplica: vm.primaryReplica,
      synced: vm.synced,
      replicas,
      consoleDrained: !ended || rows.length === 0 || this.options.drainConsole(vm.id, retentionOf(vm.spec)),
      vmLostMs: settings.vmLostMs,
      drainForced: facts.workers.some(({ worker }) => worker.drainForced && rows.some((row) => row.workerId === worker.id)),
    });
    if (vm.synced.length >= backupsWanted(vm.spec.protection)) this.pace.complete(vm.id, nowMs);
    else this.pace.lacks(vm.id, kindOfLoss(vm, replicas), nowMs);
    for (const step of steps) await this.perform(facts, vm, rows, step, nowMs);

    const primary = vm.primaryReplica === null ? null : workers.lastReport(vm.primaryReplica);
    const change = nextVmState({
      state: vm.state,
      desiredState: vm.desiredState,
      stateReason: vm.stateReason,
      stopGraceMs: vm.stopGraceMs,
      primaryReplica: vm.primaryReplica,
      synced: vm.synced,
      replicas,
      primaryNeverRan: primary?.role === "primary" && primary.state === "syncing",
      inStateForMs: this.seen.ageMs(`${vm.id} ${vm.state} ${vm.stateSince.getTime()}`, nowMs),
      deadlines: {
        provisioning: settings.provisionDeadlineMs,
        starting: settings.startDeadlineMs,
        pausing: settings.pauseDeadlineMs,
        resuming: settings.pauseDeadlineMs,
      },
    });
    if (change !== null) {
      const known = { instant: BigInt(primary?.instant ?? 0), consoleEnd: BigInt(primary?.consoleEnd ?? 0) };
      const done = await database.transaction(async (tx) => {
        const placeLeft = change.state !== "provisioning" || vm.state === "stopping" || (await giveUpPlace(tx, vm));
        const next = placeLeft ? change : ALL_LOST;
        const set = await setVmState(tx, vm, next, known);
        // A guest that runs is never shown as one that has none to protect.
        const running = { ...vm, state: next.state };
        const protection = next.state === "running" ? this.newProtection(running, replicas, open) : null;
        if (set && protection !== null) await setProtection(tx, running, protection);
        return set;
      });
      if (done) log.info({ vmId: vm.id, from: vm.state, state: change.state, reason: change.reason }, `VM is ${change.state}`);
      // The rest follows from the new state, at once.
      this.again = true;
      return false;
    }
    if (await this.hasWaitedEnough(vm, nowMs)) return false;
    if (isToRestart({ ...vm, policy: vm.spec.restartPolicy ?? "never" })) {
      if (rows.length === 0) await this.restart(vm, nowMs);
      return false;
    }
    const protection = vm.state === "deleting" ? null : this.newProtection(vm, replicas, open);
    if (protection !== null) await database.transaction((tx) => setProtection(tx, vm, protection));
    if (primary !== null) await this.notes.note(facts, vm, primary, open !== null);
    await this.endOperations(facts, vm, replicas);
    const wanted = backupsWanted(vm.spec.protection);
    const waiting = hasGuest(vm.state) && (vm.synced.length !== wanted || (wanted > 0 && vm.protectionState !== "protected"));
    return open === null && !waiting && (isSettled(vm.state) ? rows.length === 0 : vm.state === "running" || vm.state === "paused");
  }

  /** Before anybody is dropped: it may be the last that is heard of it. */
  private async noteOwnDivergences(vm: VmRow, replicas: readonly ReplicaFacts[]): Promise<void> {
    const { workers } = this.options;
    const heard = replicas.find(({ id, link }) => id === vm.primaryReplica && (link === "connected" || link === "silent"));
    const primary = heard === undefined ? null : workers.lastReport(heard.id);
    for (const { id, report } of replicas) {
      const own = report?.haltReason === "divergence" ? workers.lastReport(id) : null;
      if (own !== null) await this.notes.noteOwnDivergence(vm, own, primary);
    }
  }

  /** Nothing is left of a guest that is over, and its VM shall have another one. */
  private async restart(vm: VmRow, nowMs: number): Promise<void> {
    const { database, settings, log } = this.options;
    const ranForMs = vm.stateSince.getTime() - vm.guestBeganAt.getTime();
    const restarts = ranForMs > settings.restartForgetMs ? 0 : vm.restarts;
    const delayMs = restartDelayMs(restarts, { firstMs: settings.restartBackoffMs, maxMs: settings.restartBackoffMaxMs });
    if (this.seen.ageMs(`${vm.id} over ${vm.stateSince.getTime()}`, nowMs) < delayMs) return;
    const restarted = await database.transaction((tx) => restartVm(tx, vm, restarts));
    if (restarted)
      log.warn({ vmId: vm.id, after: vm.stateReason, restarts: restarts + 1 }, "the VM is started again, as its restart policy says");
    this.again = this.again || restarted;
  }

  /** Operations on replicas and on protection end when what they aim at is so. */
  private async endOperations(facts: PlanFacts, vm: VmRow, replicas: readonly ReplicaFacts[]): Promise<void> {
    // One that has gone may be in the set until its primary has let it go.
    const synced = replicas.filter(({ id, state, unwanted }) => vm.synced.includes(id) && state !== "lost" && !unwanted).length;
    for (const { id, kind, vmId, replicaGone } of facts.openOperations) {
      if (vmId !== vm.id) continue;
      const wanted = backupsWanted(vm.spec.protection);
      const done = isRedundancyDone(kind, { replicaGone, hasGuest: hasGuest(vm.state), synced, backupsWanted: wanted });
      if (!done) continue;
      await this.options.database.transaction((tx) => endOperation(tx, id, { state: "succeeded", result: null, error: null }, USER_ACTION));
      this.options.log.info({ vmId, operationId: id, kind }, "operation done");
    }
  }

  /** A guest that was told to power itself off, and has not within its grace, is ended. */
  private async hasWaitedEnough(vm: VmRow, nowMs: number): Promise<boolean> {
    if (vm.state !== "stopping" || vm.stopGraceMs === null || vm.stopGraceMs === 0) return false;
    if (this.seen.ageMs(`${vm.id} stopping ${vm.stateSince.getTime()}`, nowMs) < vm.stopGraceMs) return false;
    const ended = await this.options.database.transaction((tx) => endGrace(tx, vm));
    if (ended) this.options.log.warn({ vmId: vm.id, graceMs: vm.stopGraceMs }, "the guest did not power itself off in time: it is ended");
    this.again = this.again || ended;
    return ended;
  }

  private async perform(facts: PlanFacts, vm: VmRow, rows: readonly ReplicaRow[], step: VmStep, nowMs: number): Promise<void> {
    const { database } = this.options;
    const origin = originOfOperation(facts, vm);
    const log = origin === null ? this.options.log : this.options.log.child(logFieldsOf(origin));
    switch (step.kind) {
      case "place":
        await this.place(facts, vm, rows, step.role, nowMs);
        return;
      case "handOver": {
        const primary = rows.find(({ id }) => id === vm.primaryReplica);
        const drained = facts.workers.some(({ worker }) => worker.id === primary?.workerId && worker.desiredState === "drained");
        // Its next backup may then be where it is now, unless that worker is being emptied.
        if (step.lacksSpare && (drained || this.choose(facts, vm, rows).kind !== "refused")) return;
        const why = drained
          ? ({ cause: "draining", origin: primary === undefined ? null : originOfLeaving(facts, primary) } as const)
          : ({ cause: "user_action", origin: null } as const);
        const begun = await database.transaction((tx) => handOver(tx, vm, { to: step.to, ...why }));
        if (begun) log.info({ vmId: vm.id, to: step.to, drained }, "the primary is to be elsewhere: the backup shall take over");
        this.again = this.again || begun;
        return;
      }
      case "writeOff": {
        const row = rows.find(({ id }) => id === step.replicaId);
        if (row?.role === "backup" && step.reason !== "worker_lost") this.pace.failed(vm.id, nowMs);
        await setReplicaState(database, step.replicaId, step.state, step.reason);
        log.warn({ vmId: vm.id, replicaId: step.replicaId, reason: step.reason }, `replica is ${step.state}`);
        this.again = true;
        return;
      }
      case "forget":
        await markReplicaGone(database, step.replicaId, null);
        this.again = true;
        return;
      case "pair": {
        const primary = rows.find(({ id }) => id === vm.primaryReplica);
        const target = rows.find(({ id }) => id === step.backup)?.workerId;
        if (primary === undefined || target === undefined) return;
        const { workers, settings } = this.options;
        // What would not be ordered takes nobody's turn.
        const key = pairKey(primary.id, step.backup);
        if (workers.link(primary.workerId)?.isDue(key, nowMs, settings.repeatOrderMs) !== true) return;
        if (!this.turns.take(step.backup, { source: primary.workerId, target }, nowMs)) return;
        await orderStep(this.options, facts, vm, rows, step, nowMs);
        return;
      }
      default:
        await orderStep(this.options, facts, vm, rows, step, nowMs);
    }
  }

  private async place(facts: PlanFacts, vm: VmRow, rows: readonly ReplicaRow[], role: "primary" | "backup", nowMs: number): Promise<void> {
    const { database, log, tracer } = this.options;
    if (role === "backup" && !this.pace.mayRepair(vm.id, nowMs)) return;
    const decision = this.choose(facts, vm, rows);
    if (decision.kind === "refused") {
      if (this.refusals.get(vm.id) !== decision.reason) {
        log.warn({ vmId: vm.id, role, reason: decision.reason }, `no worker for the ${role}: trying again until there is one`);
      }
      this.refusals.set(vm.id, decision.reason);
      return;
    }
    this.refusals.delete(vm.id);
    const { synced } = vm;
    const { vcpusPerCore } = this.options.settings;
    const origin = placedFor(facts, vm, rows);
    const wanted = { vmId: vm.id, workerId: decision.worker.id, role, ...vm.spec.machine, vcpusPerCore, synced, origin };
    const span = origin === null ? null : tracer.start(`place ${role}`, { parent: origin.traceparent });
    const replica = await placeReplica(database, wanted);
    if (replica !== null) {
      const { id, name } = decision.worker;
      span?.set({
        "understudy.vm.id": vm.id,
        "understudy.replica.id": replica.id,
        "understudy.worker.id": id,
        "understudy.worker.name": name,
      });
      span?.end();
    }
    // Another pass orders it; where the memory went to somebody else meanwhile, another pass chooses again.
    if (replica !== null)
      log.info({ vmId: vm.id, replicaId: replica.id, worker: decision.worker.name }, `${role} is promised to ${decision.worker.name}`);
    this.again = true;
  }

  private choose(facts: PlanFacts, vm: VmRow, rows: readonly ReplicaRow[]): Placement {
    const moving = rows.find(({ wanted, targetWorker }) => wanted === "elsewhere" && targetWorker !== null);
    return chooseWorker(this.options, facts, vm, rows, moving?.targetWorker ?? null);
  }

  /** @returns null: it is as it was */
  private newProtection(vm: VmRow, replicas: readonly ReplicaFacts[], open: FailoverRow | null): Protection | null {
    const { workers } = this.options;
    const protection = protectionOf({
      backups: vm.spec.protection.backups,
      suspended: vm.spec.protection.suspended === true,
      vmState: vm.state,
      current: { state: vm.protectionState, reason: vm.protectionReason },
      primaryReplica: vm.primaryReplica,
      synced: vm.synced,
      replicas,
      failoverOpen: open?.state === "promoting",
      placementRefusal: this.refusals.get(vm.id) ?? null,
      booting: workers.booting,
    });
    return protection.state === vm.protectionState && protection.reason === vm.protectionReason ? null : protection;
  }
}

/** By backup: what primaries report of state transfers, with the workers at their ends. */
function transfersUnderWay({ workers }: ReconcilerOptions, facts: PlanFacts): ReadonlyMap<string, TransferEnds> {
  const workerOf = new Map(facts.replicas.map(({ id, workerId }) => [id, workerId]));
  const underWay = new Map<string, TransferEnds>();
  for (const { primaryReplica } of facts.vms) {
    if (primaryReplica === null) continue;
    const backup = workers.holderOf(primaryReplica)?.report.joining;
    const [source, target] = [workerOf.get(primaryReplica), workerOf.get(backup ?? "")];
    if (backup != null && source !== undefined && target !== undefined) underWay.set(backup, { source, target });
  }
  return underWay;
}

/** Where a member is lost whose worker answers, and nobody asked for that, it was a wrong suspicion, or a pair that could not keep up. */
function kindOfLoss({ protectionReason }: VmRow, replicas: readonly ReplicaFacts[]): KindOfLoss {
  if (protectionReason !== "connection_lost" && protectionReason !== "worker_lost" && protectionReason !== "lag_exceeded") return null;
  const lost = replicas.filter(({ state }) => state === "lost");
  if (lost.length === 0) return null;
  return lost.every(({ link }) => link === "connected") ? "touch_lost" : "worker_died";
}
