/**
 * Guest registers as locals of a region, from its entry to its exit: integers as i64. An f register that the region uses for doubles
 * more than for singles is an f64, so that the host has it where it computes with it; the others are i64, as singles are boxed.
 */
import { assert } from "../base/assert.ts";
import type { Block } from "./control-flow.ts";
import { F0, floatFormats } from "./float.ts";
import type { Operation } from "./instruction.ts";
import { registerName, registersOf } from "./registers.ts";
import { F64, type FunctionBody, I64 } from "./wasm-builder.ts";

interface Local {
  readonly index: number;
  readonly type: typeof I64 | typeof F64;
}

export class RegisterLocals {
  private readonly body: FunctionBody;
  /** Address in memory of x0. */
  private readonly address: number;
  /** Of each register that the region uses. */
  private readonly locals = new Map<number, Local>();
  private readonly written = new Set<number>();

  constructor(body: FunctionBody, address: number, blocks: readonly Block[]) {
    this.body = body;
    this.address = address;
    const operations = blocks.flatMap(({ instructions }) => instructions.map(({ operation }) => operation));
    const doubles = usedForDoubles(operations);
    for (const operation of operations) {
      const { reads, writes } = registersOf(operation);
      for (const register of [...reads, ...writes]) {
        if (register === 0 || this.locals.has(register)) continue;
        const type = doubles.has(register) ? F64 : I64;
        this.locals.set(register, { index: body.local(type, registerName(register)), type });
      }
      for (const register of writes) if (register !== 0) this.written.add(register);
    }
  }

  fillAll(): void {
    for (const register of this.locals.keys()) this.fill(register);
  }

  /** Those that the region may have changed. */
  spillWritten(): void {
    for (const register of this.written) this.spill(register);
  }

  /** From its place in memory into its local. */
  fill(register: number): void {
    const { index, type } = this.local(register);
    this.body
      .i32(0)
      .memory(type === F64 ? 0x2b : 0x29, this.address + register * 8)
      .set(index);
  }

  spill(register: number): void {
    const { index, type } = this.local(register);
    this.body
      .i32(0)
      .get(index)
      .memory(type === F64 ? 0x39 : 0x37, this.address + register * 8);
  }

  /** Leaves it on the stack, i64. */
  read(register: number): void {
    if (register === 0) {
      this.body.i64(0);
      return;
    }
    const { index, type } = this.local(register);
    this.body.get(index);
    if (type === F64) this.body.op(0xbd);
  }

  /** Takes its new value from the stack, i64. */
  write(register: number): void {
    if (register === 0) {
      this.body.op(0x1a);
      return;
    }
    const { index, type } = this.local(register);
    if (type === F64) this.body.op(0xbf);
    this.body.set(index);
  }

  /** Whether it is best read and written as a double. */
  isDouble(register: number): boolean {
    return this.local(register).type === F64;
  }

  /** Leaves it on the stack, f64. */
  readDouble(register: number): void {
    const { index, type } = this.local(register);
    this.body.get(index);
    if (type === I64) this.body.op(0xbf);
  }

  /** Takes its new value from the stack, f64. */
  writeDouble(register: number): void {
    const { index, type } = this.local(register);
    if (type === I64) this.body.op(0xbd);
    this.body.set(index);
  }

  private local(register: number): Local {
    const local = this.locals.get(register);
    assert(local !== undefined, "every register that is used has a local");
    return local;
  }
}

/** F registers that doubles are in more often than anything else. */
function usedForDoubles(operations: readonly Operation[]): ReadonlySet<number> {
  const votes = new Map<number, number>();
  const vote = (register: number, isDouble: boolean): void => {
    if (register >= F0) votes.set(register, (votes.get(register) ?? 0) + (isDouble ? 1 : -1));
  };
  for (const operation of operations) {
    const { reads, writes } = registersOf(operation);
    switch (operation.kind) {
      case "floatLoad":
      case "floatStore":
        for (const register of [...reads, ...writes]) vote(register, operation.size === 8);
        break;
      case "float": {
        const { from, to } = floatFormats(operation.bits);
        for (const register of reads) vote(register, from === "double");
        for (const register of writes) vote(register, to === "double");
        break;
      }
    }
  }
  return new Set([...votes].filter(([, balance]) => balance > 0).map(([register]) => register));
}
