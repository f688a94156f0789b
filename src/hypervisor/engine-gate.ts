/**
 * One engine, one operation at a time.
 *
 *     idle --begin(op)--> op --end(op)--> idle
 */
import { assert } from "../base/assert.ts";
import type { Effect } from "./messages.ts";

type EngineOperation = Extract<Effect["kind"], "runEpoch" | "captureState" | "applyState" | "verifyState">;

export class EngineGate {
  private operation: EngineOperation | null = null;

  get idle(): boolean {
    return this.operation === null;
  }

  get running(): boolean {
    return this.operation === "runEpoch";
  }

  begin(operation: EngineOperation): void {
    assert(this.operation === null, `the engine does one thing at a time: "${this.operation}" is in flight, now "${operation}"`);
    this.operation = operation;
  }

  end(operation: EngineOperation): void {
    assert(this.operation === operation, `the engine answered "${operation}", but "${this.operation}" is in flight`);
    this.operation = null;
  }
}
