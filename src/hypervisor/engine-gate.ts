/**
 * One engine, one operation at a time; of epochs, as many as its user lets wait for each other.
 *
 *     idle --begin(op)--> op --end(op)--> idle
 */
import { assert } from "../base/assert.ts";
import type { Effect } from "./messages.ts";

type EngineOperation = Extract<Effect["kind"], "runEpoch" | "captureState" | "applyState" | "verifyState">;

export class EngineGate {
  private operation: EngineOperation | null = null;
  private inFlight = 0;

  /** @param epochsMax epochs in flight: the first runs, the others are next */
  constructor(private readonly epochsMax: number) {}

  get idle(): boolean {
    return this.operation === null;
  }

  /** One more epoch may be begun. */
  get takesEpoch(): boolean {
    return this.operation === null || (this.operation === "runEpoch" && this.inFlight < this.epochsMax);
  }

  begin(operation: EngineOperation): void {
    assert(
      operation === "runEpoch" ? this.takesEpoch : this.idle,
      () => `the engine does one thing at a time: "${this.operation}" is in flight, now "${operation}"`,
    );
    this.operation = operation;
    this.inFlight++;
  }

  end(operation: EngineOperation): void {
    assert(this.operation === operation, () => `the engine answered "${operation}", but "${this.operation}" is in flight`);
    this.inFlight--;
    if (this.inFlight === 0) this.operation = null;
  }
}
