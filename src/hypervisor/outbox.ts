/**
 * What a step has decided so far: effects in the order they must happen, the timers that are armed, and the one halt.
 */
import { assert } from "../base/assert.ts";
import type { Effect, HaltReason, TimerId } from "./messages.ts";

export class Outbox {
  private effects: Effect[] = [];
  private readonly armed = new Map<TimerId["kind"], number>();
  private reason: HaltReason | null = null;

  get haltReason(): HaltReason | null {
    return this.reason;
  }

  emit(effect: Effect): void {
    assert(this.reason === null, () => `nothing is done after a halt, but "${effect.kind}" was asked for`);
    this.effects.push(effect);
  }

  halt(reason: HaltReason): void {
    assert(this.reason === null, () => `a replica halts once: it was "${this.reason}", now "${reason}"`);
    this.reason = reason;
  }

  /** Arms the timer anew, unless it is armed for that very time. */
  arm(kind: TimerId["kind"], atUs: number): void {
    if (this.armed.get(kind) === atUs) return;
    this.armed.set(kind, atUs);
    this.emit({ kind: "setTimer", timer: { kind }, atUs });
  }

  /** Arms a periodic timer that looks at the state when it fires: one that is armed already is soon enough. */
  armIfIdle(kind: TimerId["kind"], atUs: number): void {
    if (!this.armed.has(kind)) this.arm(kind, atUs);
  }

  /** Arms the timer anew, unless it fires by then. */
  armBy(kind: TimerId["kind"], atUs: number): void {
    const armed = this.armed.get(kind);
    if (armed === undefined || armed > atUs) this.arm(kind, atUs);
  }

  fired(kind: TimerId["kind"]): void {
    this.armed.delete(kind);
  }

  /** @returns the step's effects, `statusChanged` and `halt` last */
  take(statusChanged: boolean): readonly Effect[] {
    const effects = this.effects;
    this.effects = [];
    if (statusChanged) effects.push({ kind: "statusChanged" });
    if (this.reason !== null) effects.push({ kind: "halt", reason: this.reason });
    return effects;
  }
}
