/**
 * What a step has decided so far: effects in the order they must happen, the timers that are armed, and the one halt.
 */
import { assert } from "../base/assert.ts";
import type { ArbiterRequest, Effect, HaltReason, TimerId } from "./messages.ts";

export class Outbox {
  private effects: Effect[] = [];
  private readonly armed = new Map<TimerId["kind"], number>();
  private reason: HaltReason | null = null;

  get haltReason(): HaltReason | null {
    return this.reason;
  }

  emit(effect: Effect): void {
    assert(this.reason === null, `nothing is done after a halt, but "${effect.kind}" was asked for`);
    this.effects.push(effect);
  }

  halt(reason: HaltReason): void {
    assert(this.reason === null, `a replica halts once: it was "${this.reason}", now "${reason}"`);
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

/** Asks again this long after "unavailable". */
const ASK_AGAIN_US = 100_000;

/** The one request to the arbiter that is open: asked, then waited for or asked again, until it is granted or refused. */
export class Arbitration {
  private request: ArbiterRequest | null = null;
  private nobodyAnswered = false;

  constructor(private readonly outbox: Outbox) {}

  get open(): ArbiterRequest | null {
    return this.request;
  }

  /** True while the open request was answered "unavailable". */
  get unavailable(): boolean {
    return this.nobodyAnswered;
  }

  ask(request: ArbiterRequest): void {
    assert(this.request === null, `one arbiter request at a time: "${this.request?.kind}" is open`);
    this.request = request;
    this.outbox.emit({ kind: "askArbiter", request });
  }

  /** @returns false for an answer to something that is not open (any more) */
  answers(request: ArbiterRequest): boolean {
    const open = this.request;
    if (open === null || open.kind !== request.kind || open.term !== request.term) return false;
    if (open.kind === "goSolo" && request.kind === "goSolo") return open.lost === request.lost;
    if (open.kind === "addBackup" && request.kind === "addBackup") return open.backup === request.backup;
    return true;
  }

  waitAndAskAgain(nowUs: number): void {
    assert(this.request !== null, "only an open request is asked again");
    this.nobodyAnswered = true;
    this.outbox.arm("askAgain", nowUs + ASK_AGAIN_US);
  }

  askAgain(): void {
    if (this.request === null || !this.nobodyAnswered) return;
    this.outbox.emit({ kind: "askArbiter", request: this.request });
  }

  close(): void {
    this.request = null;
    this.nobodyAnswered = false;
  }
}
