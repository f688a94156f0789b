/**
 * The workers that are connected to this control plane, and since when the others have been away.
 *
 * Everything here is level, in memory, and rebuilt by the workers' hellos after a restart.
 */
import { EventEmitter } from "node:events";
import type { ReplicaReport } from "../../wire/control-messages.ts";
import { isBroken, type LinkState } from "../domain/replica-facts.ts";
import { nextMilestone } from "../domain/transfer-milestone.ts";
import type { ControlSettings } from "../settings.ts";
import type { WorkerLink } from "./worker-link.ts";

export interface RegistryEvents {
  joined: [WorkerLink];
  left: [WorkerLink];
  /** `significant`: something changed that a decision may hang on. */
  report: [WorkerLink, ReplicaReport, boolean];
  /** With the end of what it had let out, where its worker knows. */
  replicaGone: [WorkerLink, string, bigint | null];
}

interface LastReport {
  readonly report: ReplicaReport;
  readonly atMs: number;
  readonly logBytesPerSecond: number;
}

export class WorkerRegistry extends EventEmitter<RegistryEvents> {
  private readonly links = new Map<string, WorkerLink>();
  /** When the channel of a worker closed. */
  private readonly awaySince = new Map<string, number>();
  private readonly lastReports = new Map<string, LastReport>();
  /** Since when workers may come. */
  private startedMs = performance.now();
  private readonly settings: ControlSettings;
  private readonly pinger: NodeJS.Timeout;

  constructor(settings: ControlSettings) {
    super();
    this.settings = settings;
    this.pinger = setInterval(() => this.pingAll(), settings.workerPingMs);
    this.pinger.unref();
  }

  /** From now on workers are let in: their time to come back begins here, however long it took to get so far. */
  open(): void {
    this.startedMs = performance.now();
  }

  /** Workers have not yet had the time to come back after this process started. */
  get booting(): boolean {
    return performance.now() - this.startedMs < this.settings.bootGraceMs;
  }

  all(): readonly WorkerLink[] {
    return [...this.links.values()];
  }

  link(workerId: string): WorkerLink | null {
    return this.links.get(workerId) ?? null;
  }

  linkByName(name: string): WorkerLink | null {
    return this.all().find((link) => link.worker.name === name) ?? null;
  }

  isResponsive(link: WorkerLink): boolean {
    return performance.now() - link.lastHeardMs <= this.settings.workerLostMs;
  }

  linkState(workerId: string, incarnation: string): LinkState {
    const link = this.links.get(workerId);
    if (link !== undefined) {
      if (link.hello.incarnation !== incarnation) return "lost";
      return this.isResponsive(link) ? "connected" : "silent";
    }
    const since = this.awaySince.get(workerId);
    const nowMs = performance.now();
    if (since === undefined) return nowMs - this.startedMs < this.settings.bootGraceMs ? "missing" : "lost";
    return nowMs - since < this.settings.workerLostMs ? "missing" : "lost";
  }

  /** How long the worker has been away; 0 while it is connected. */
  awayForMs(workerId: string): number {
    if (this.links.has(workerId)) return 0;
    return performance.now() - (this.awaySince.get(workerId) ?? this.startedMs);
  }

  add(link: WorkerLink): void {
    this.links.set(link.worker.id, link);
    this.awaySince.delete(link.worker.id);
    for (const report of link.reports.values()) this.remember(report);
    this.emit("joined", link);
  }

  remove(link: WorkerLink): void {
    if (this.links.get(link.worker.id) !== link) return;
    this.links.delete(link.worker.id);
    this.awaySince.set(link.worker.id, performance.now());
    this.emit("left", link);
  }

  reported(link: WorkerLink, report: ReplicaReport): void {
    const before = link.reports.get(report.replicaId);
    link.reports.set(report.replicaId, report);
    this.remember(report);
    this.emit("report", link, report, before === undefined || differs(before, report));
  }

  replicaGone(link: WorkerLink, replicaId: string, consoleEnd: bigint | null): void {
    link.forget(replicaId);
    this.emit("replicaGone", link, replicaId, consoleEnd);
  }

  /** The link that holds the replica now, with its report. */
  holderOf(replicaId: string): { link: WorkerLink; report: ReplicaReport } | null {
    for (const link of this.links.values()) {
      const report = link.reports.get(replicaId);
      if (report !== undefined) return { link, report };
    }
    return null;
  }

  /** True where an order to the replica's worker would arrive now. */
  isReachable(replicaId: string): boolean {
    const holder = this.holderOf(replicaId);
    return holder !== null && this.isResponsive(holder.link);
  }

  /** Workers have just begun to come, and the one that holds this replica may be on its way. */
  mayYetCome(replicaId: string): boolean {
    return performance.now() - this.startedMs < this.settings.workerLostMs && !this.lastReports.has(replicaId);
  }

  /** Its worker is not connected (any more), or does not answer, or has said that the replica has ended. */
  isGone(replicaId: string): boolean {
    const holder = this.holderOf(replicaId);
    if (holder === null) return !this.mayYetCome(replicaId);
    return !this.isResponsive(holder.link) || isBroken(holder.report);
  }

  /** What reports itself as primary of the VM, in the newest term; a primary whose guest ended counts. One of a term below `sinceTerm` has another guest. */
  primaryOf(vmId: string, sinceTerm = 0n): { link: WorkerLink; report: ReplicaReport } | null {
    let best: { link: WorkerLink; report: ReplicaReport } | null = null;
    for (const link of this.links.values()) {
      for (const report of link.reports.values()) {
        if (report.vmId !== vmId || report.role !== "primary" || BigInt(report.term) < sinceTerm) continue;
        if (report.state !== "live" && !(report.state === "stopped" && report.guestHalt !== null)) continue;
        if (best === null || BigInt(report.term) > BigInt(best.report.term)) best = { link, report };
      }
    }
    return best;
  }

  lastReport(replicaId: string): ReplicaReport | null {
    return this.lastReports.get(replicaId)?.report ?? null;
  }

  logBytesPerSecond(replicaId: string): number {
    return this.lastReports.get(replicaId)?.logBytesPerSecond ?? 0;
  }

  lastHeardAt(workerId: string): Date | null {
    const link = this.links.get(workerId);
    return link === undefined ? null : new Date(Date.now() - (performance.now() - link.lastHeardMs));
  }

  /** A replica of it waits for an answer of the arbiter; null: the worker is not connected, or silent. */
  waitsForArbiter(workerId: string): boolean | null {
    const link = this.links.get(workerId);
    if (link === undefined || !this.isResponsive(link)) return null;
    return [...link.reports.values()].some(({ arbiterUnavailable }) => arbiterUnavailable);
  }

  /** Reports of replicas that no table speaks of any more are not kept. */
  forgetReports(keep: ReadonlySet<string>): void {
    for (const id of this.lastReports.keys()) if (!keep.has(id)) this.lastReports.delete(id);
  }

  close(): void {
    clearInterval(this.pinger);
    for (const link of this.links.values()) link.close(1001, "the control plane stops");
  }

  private remember(report: ReplicaReport): void {
    const atMs = performance.now();
    const before = this.lastReports.get(report.replicaId);
    let rate = before?.logBytesPerSecond ?? 0;
    let since = before?.atMs ?? atMs;
    if (before !== undefined && atMs - before.atMs >= 500) {
      rate = Math.round((Number(BigInt(report.logBytes) - BigInt(before.report.logBytes)) * 1000) / (atMs - before.atMs));
      since = atMs;
    }
    // Between two measurements the older report's count stays the base.
    const base = since === atMs || before === undefined ? report : { ...report, logBytes: before.report.logBytes };
    this.lastReports.set(report.replicaId, { report: base, atMs: since, logBytesPerSecond: Math.max(0, rate) });
  }

  private pingAll(): void {
    const nowMs = performance.now();
    for (const link of this.links.values()) {
      if (nowMs - link.lastHeardMs > 5 * this.settings.workerLostMs) link.terminate();
      else link.ping();
    }
  }
}

function transferCameFurther({ transfer: before }: ReplicaReport, { transfer: now }: ReplicaReport): boolean {
  if (before === null || now === null) return before !== now;
  return nextMilestone(nextMilestone(null, before), now) !== null;
}

function differs(a: ReplicaReport, b: ReplicaReport): boolean {
  return (
    a.role !== b.role ||
    a.state !== b.state ||
    a.term !== b.term ||
    a.joining !== b.joining ||
    transferCameFurther(a, b) ||
    a.paused !== b.paused ||
    a.guestHalt !== b.guestHalt ||
    a.haltReason !== b.haltReason ||
    a.arbiterUnavailable !== b.arbiterUnavailable ||
    a.lastPairing?.backup !== b.lastPairing?.backup ||
    (a.promotion === null) !== (b.promotion === null) ||
    a.divergence?.epoch !== b.divergence?.epoch ||
    a.divergence?.replicaId !== b.divergence?.replicaId ||
    a.synced.join() !== b.synced.join()
  );
}
