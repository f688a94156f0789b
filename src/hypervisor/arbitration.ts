/**
 * The one request to the arbiter that is open.
 *
 *             none --ask--> asked --granted | refused | follow: close--> none
 *                           |   ^
 *               unavailable v   | askAgain timer
 *                          waiting
 *
 * What was asked is asked until it is answered, and nothing else meanwhile: a lost answer may have been a yes.
 */
import { assert } from "../base/assert.ts";
import type { ArbiterRequest } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

/** Asks again this long after "unavailable". */
const ASK_AGAIN_US = 100_000;

export class Arbitration {
  private request: ArbiterRequest | null = null;
  private waits = false;

  constructor(private readonly outbox: Outbox) {}

  get open(): ArbiterRequest | null {
    return this.request;
  }

  /** True while the open request was answered "unavailable". */
  get unavailable(): boolean {
    return this.waits;
  }

  ask(request: ArbiterRequest): void {
    assert(this.request === null, () => `one arbiter request at a time: "${this.request?.kind}" is open`);
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
    this.waits = true;
    this.outbox.arm("askAgain", nowUs + ASK_AGAIN_US);
  }

  askAgain(): void {
    if (this.request === null || !this.waits) return;
    this.outbox.emit({ kind: "askArbiter", request: this.request });
  }

  close(): void {
    this.request = null;
    this.waits = false;
  }
}
