/**
 * What this control plane has done since it started: calls, failovers, repairs, console input, by counts and delays. What one of
 * several control planes has done is in its own metrics alone, so that sums over all of them are right.
 */
import { DelayHistogram } from "../../base/delay-histogram.ts";
import type { VmRow } from "../db/schema.ts";
import type { EventDraft } from "../domain/events.ts";
import type { MetricFamily, MetricSample } from "./exposition.ts";
import { histogramSamples } from "./histogram-samples.ts";

type Labels = Readonly<Record<string, string>>;

/** Figures by their labels. */
class Labelled<T> {
  private readonly figures = new Map<string, { readonly labels: Labels; figure: T }>();

  constructor(private readonly first: () => T) {}

  update(labels: Labels, change: (figure: T) => T): void {
    const key = JSON.stringify(labels);
    const held = this.figures.get(key) ?? { labels, figure: this.first() };
    held.figure = change(held.figure);
    this.figures.set(key, held);
  }

  flatMap(samples: (labels: Labels, figure: T) => readonly MetricSample[]): MetricSample[] {
    return [...this.figures.values()].flatMap(({ labels, figure }) => samples(labels, figure));
  }
}

class Counters extends Labelled<number> {
  constructor() {
    super(() => 0);
  }

  add(labels: Labels, amount = 1): void {
    this.update(labels, (count) => count + amount);
  }

  get samples(): MetricSample[] {
    return this.flatMap((labels, value) => [{ labels, value }]);
  }
}

class Delays extends Labelled<DelayHistogram> {
  constructor() {
    super(() => new DelayHistogram());
  }

  observe(labels: Labels, ms: number): void {
    this.update(labels, (histogram) => {
      histogram.observe(Math.max(0, Math.round(ms * 1000)));
      return histogram;
    });
  }

  get samples(): MetricSample[] {
    return this.flatMap(histogramSamples);
  }
}

export interface AnsweredCall {
  readonly method: string;
  /** `/v1/vms/{vm}` */
  readonly route: string;
  /** Null: it was not answered. */
  readonly status: number | null;
  readonly durationMs: number;
  /** It was answered from an idempotency record. */
  readonly replayed: boolean;
}

export class Activity {
  private readonly calls = new Delays();
  private readonly replays = new Counters();
  private readonly failovers = new Counters();
  private readonly failoverGaps = new Delays();
  private readonly repairs = new Delays();
  private readonly unprotected = new Counters();
  private readonly consoleGaps = new Counters();
  private readonly inputAcks = new Delays();
  private readonly eventsLag = new Delays();
  private divergences = 0;
  private lookedAtMs: number | null = null;

  constructor() {
    this.consoleGaps.add({}, 0);
    this.replays.add({}, 0);
  }

  answered({ method, route, status, durationMs, replayed }: AnsweredCall): void {
    this.calls.observe({ method, route, code: status === null ? "none" : String(status) }, durationMs);
    if (replayed) this.replays.add({});
  }

  /** Events that this control plane has committed. */
  committed(events: readonly EventDraft[]): void {
    for (const { type, cause, data = {} } of events) {
      switch (type) {
        case "vm.failover.completed":
          this.failovers.add({ cause, mode: modeOf(data), result: "completed" });
          for (const [phase, ms] of Object.entries(data["gapMs"] as Readonly<Record<string, number>>)) {
            this.failoverGaps.observe({ phase }, ms);
          }
          break;
        case "vm.failover.failed":
          this.failovers.add({ cause, mode: modeOf(data), result: "failed" });
          break;
        case "vm.repair.completed":
          this.repairs.observe({}, data["totalMs"] as number);
          break;
        case "vm.divergence.detected":
          this.divergences++;
          break;
        default:
          break;
      }
    }
  }

  /** What is known of a failover only when it is over: up to the guest's first output, and as somebody at the console saw it. */
  failoverGap(phase: "first_output" | "client", ms: number): void {
    this.failoverGaps.observe({ phase }, ms);
  }

  /** The leader has looked at all VMs: since it looked last, some have run unprotected. */
  looked(vms: readonly Pick<VmRow, "protectionState" | "protectionReason">[], nowMs: number): void {
    const seconds = this.lookedAtMs === null ? 0 : (nowMs - this.lookedAtMs) / 1000;
    this.lookedAtMs = nowMs;
    for (const { protectionState, protectionReason } of vms) {
      if (protectionState === "unprotected") this.unprotected.add({ reason: protectionReason ?? "initializing" }, seconds);
    }
  }

  /** Another control plane leads: what passes now is in its figures. */
  deposed(): void {
    this.lookedAtMs = null;
  }

  /** A console client was told that output is no longer held. */
  consoleGap(): void {
    this.consoleGaps.add({});
  }

  /** From the receipt of console input to its acknowledgement by the primary. */
  inputAcknowledged(delayMs: number): void {
    this.inputAcks.observe({}, delayMs);
  }

  /** From the time of an event to its being sent on a stream. */
  eventSent(lagMs: number): void {
    this.eventsLag.observe({}, lagMs);
  }

  families(): MetricFamily[] {
    const counter = (name: string, help: string, { samples }: Counters): MetricFamily => ({ name, help, type: "counter", samples });
    const histogram = (name: string, help: string, { samples }: Delays): MetricFamily => ({ name, help, type: "histogram", samples });
    return [
      counter("failovers_total", "Failovers that have ended, as far as this control plane has recorded them", this.failovers),
      histogram("failover_gap_seconds", "How long a guest stood still for a failover, by phase and in total", this.failoverGaps),
      counter(
        "time_unprotected_seconds_total",
        "Time that VMs ran without a backup that would take over, while this one led",
        this.unprotected,
      ),
      histogram("repair_duration_seconds", "From the order to pair until the new backup would take over", this.repairs),
      {
        name: "divergence_total",
        help: "Backups that were ejected because their state differed, as far as this control plane has recorded them",
        type: "counter",
        samples: [{ labels: {}, value: this.divergences }],
      },
      counter("console_gap_total", "How often console clients came for output that was no longer held", this.consoleGaps),
      histogram("input_ack_seconds", "From the receipt of console input to its acknowledgement by the primary", this.inputAcks),
      histogram("events_lag_seconds", "From the time of an event to its being sent on a stream that had caught up", this.eventsLag),
      histogram("http_request_duration_seconds", "Calls of the API up to their answer, or up to the beginning of a stream", this.calls),
      counter("idempotent_replays_total", "Calls that were answered from an idempotency record", this.replays),
    ];
  }
}

/** Of a failover that nobody asked for there is none. */
function modeOf(data: Readonly<Record<string, unknown>>): string {
  return (data["mode"] as string | null | undefined) ?? "none";
}
