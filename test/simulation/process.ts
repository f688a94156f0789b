/**
 * A process on a host: it runs, is stopped and continued (SIGSTOP, SIGCONT), and ends.
 *
 *     running <--stop / continue--> stopped
 *        '-----------> dead <----------'
 *
 * What comes for a stopped process waits in the kernel: in order for each source, in any order between them. What it was doing
 * when it was stopped goes on first.
 */
import type { Chance } from "./chance.ts";
import type { Scheduler } from "./scheduler.ts";

/** A monotonic clock that begins anywhere, and may run a little too fast or too slow. */
export class MonotonicClock {
  private fromUs: number;

  constructor(
    private readonly scheduler: Scheduler,
    private readsUs: number,
    /** Microseconds that it counts in a million. */
    private rate: number,
  ) {
    this.fromUs = scheduler.nowUs;
  }

  nowUs(): number {
    return this.readsUs + Math.floor(((this.scheduler.nowUs - this.fromUs) * this.rate) / 1_000_000);
  }

  /** When it will read so much, or now. */
  whenUs(readsUs: number): number {
    const elapsed = Math.ceil(((readsUs - this.readsUs) * 1_000_000) / this.rate);
    return Math.max(this.scheduler.nowUs, this.fromUs + elapsed);
  }

  drift(rate: number): void {
    this.readsUs = this.nowUs();
    this.fromUs = this.scheduler.nowUs;
    this.rate = rate;
  }
}

export class Process {
  state: "running" | "stopped" | "dead" = "running";
  /** Its host has lost power: nobody is told that it is dead. */
  silent = false;
  private readonly inbox = new Map<object, (() => void)[]>();
  private interrupted: (() => void) | null = null;

  constructor(
    readonly name: string,
    /** Number of its host: links are between hosts. */
    readonly host: number,
    readonly clock: MonotonicClock,
  ) {}

  get running(): boolean {
    return this.state === "running";
  }

  /** Something comes from `source`: now, or when the process is continued, or never. */
  deliver(source: object, action: () => void): void {
    if (this.state === "running") {
      action();
    } else if (this.state === "stopped") {
      const queue = this.inbox.get(source);
      if (queue === undefined) this.inbox.set(source, [action]);
      else queue.push(action);
    }
  }

  /** It was stopped in the middle of something: `rest` comes first when it is continued. */
  interrupt(rest: () => void): void {
    this.interrupted = rest;
  }

  stop(): void {
    if (this.state === "running") this.state = "stopped";
  }

  continue(chance: Chance): void {
    if (this.state !== "stopped") return;
    this.state = "running";
    const rest = this.interrupted;
    this.interrupted = null;
    rest?.();
    const waiting = [...this.inbox];
    while (waiting.length > 0 && this.running) {
      const at = chance.below(waiting.length);
      const [source, queue] = waiting[at] as [object, (() => void)[]];
      const action = queue.shift();
      if (action !== undefined) action();
      if (queue.length > 0) continue;
      waiting.splice(at, 1);
      this.inbox.delete(source);
    }
  }

  end(): void {
    this.state = "dead";
    this.inbox.clear();
    this.interrupted = null;
  }
}
