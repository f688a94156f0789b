/**
 * The timers that a replica's core asks for: one deadline per kind, set again many times a second.
 *
 * A deadline that only moves later keeps the timer that is armed and looks again when it fires, so setting one costs
 * nothing. A timer never fires early, and it fires after the socket data that was waiting when it was due: a process
 * that was stopped and continued must hear its peers before it may find them silent.
 */
import type { TimerId } from "../hypervisor/messages.ts";

interface Armed {
  deadlineUs: number;
  firesAtUs: number;
  handle: NodeJS.Timeout;
}

export class ReplicaTimers {
  private readonly armed = new Map<TimerId["kind"], Armed>();

  constructor(
    private readonly nowUs: () => number,
    private readonly onDue: (timer: TimerId) => void,
  ) {}

  set(timer: TimerId, atUs: number): void {
    const armed = this.armed.get(timer.kind);
    if (armed !== undefined && armed.firesAtUs <= atUs) {
      armed.deadlineUs = atUs;
      return;
    }
    if (armed !== undefined) clearTimeout(armed.handle);
    this.arm(timer, atUs);
  }

  clear(timer: TimerId): void {
    const armed = this.armed.get(timer.kind);
    if (armed !== undefined) clearTimeout(armed.handle);
    this.armed.delete(timer.kind);
  }

  clearAll(): void {
    for (const { handle } of this.armed.values()) clearTimeout(handle);
    this.armed.clear();
  }

  private arm(timer: TimerId, atUs: number): void {
    const delayMs = Math.max(1, Math.ceil((atUs - this.nowUs()) / 1000));
    const entry: Armed = {
      deadlineUs: atUs,
      firesAtUs: atUs,
      // The event loop runs its timers, then reads its sockets, then its immediates.
      handle: setTimeout(() => setImmediate(() => this.fire(timer, entry)), delayMs),
    };
    this.armed.set(timer.kind, entry);
  }

  private fire(timer: TimerId, entry: Armed): void {
    if (this.armed.get(timer.kind) !== entry) return;
    this.armed.delete(timer.kind);
    if (this.nowUs() < entry.deadlineUs) this.arm(timer, entry.deadlineUs);
    else this.onDue(timer);
  }
}
