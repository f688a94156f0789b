/** What a replica has executed, as a chain from its newest epoch back to the VM's first; a backup's begins with its primary's. */
import type { ClockSample, EpochInput } from "../../src/engine/epoch.ts";

export interface ExecutedEpoch {
  readonly before: ExecutedEpoch | null;
  readonly epoch: bigint;
  readonly clock: ClockSample;
  readonly inputs: readonly EpochInput[];
  readonly startInstant: bigint;
  readonly endInstant: bigint;
  readonly consoleStart: number;
  readonly output: Uint8Array;
  /** Of all records up to this one: equal digests, equal logs. */
  readonly digest: number;
}

export function consoleEndOf(executed: ExecutedEpoch | null): number {
  return executed === null ? 0 : executed.consoleStart + executed.output.length;
}

/** Console bytes [from, to) of its guest. */
export function outputBetween(newest: ExecutedEpoch | null, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, to - from));
  for (let executed = newest; executed !== null && consoleEndOf(executed) > from; executed = executed.before) {
    const { consoleStart, output } = executed;
    const [start, end] = [Math.max(from, consoleStart), Math.min(to, consoleEndOf(executed))];
    if (start < end) bytes.set(output.subarray(start - consoleStart, end - consoleStart), start - from);
  }
  return bytes;
}

/** The log up to and with one more record, as 53 bits. */
export function extendDigest(before: number, endInstant: bigint, clock: ClockSample, inputs: readonly EpochInput[]): number {
  let a = before | 0;
  let b = Math.floor(before / 0x1_0000_0000) | 0;
  const add = (value: number) => {
    a = Math.imul(a ^ value, 0x0100_0193) + 0x9e37;
    b = Math.imul(b ^ (a >>> 11), 0x85eb_ca6b) + value;
  };
  add(Number(BigInt.asIntN(32, endInstant)));
  add(Number(BigInt.asIntN(32, clock.time)));
  add(clock.rate);
  for (const input of inputs) {
    add(input.kind.length);
    if (input.kind === "wallClock") add(Number(BigInt.asIntN(32, input.unixNs)));
    else if (input.kind === "sysRq") add(input.key.charCodeAt(0));
    else if (input.kind === "resize") {
      add(input.size.cols);
      add(input.size.rows);
    } else for (const byte of input.bytes) add(byte);
  }
  return (b & 0x1f_ffff) * 0x1_0000_0000 + (a >>> 0);
}
