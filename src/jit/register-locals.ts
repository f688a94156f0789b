/**
 * Guest registers as locals of a region: integers as i64. An f register that the region uses for doubles more than for singles is an
 * f64, so that the host has it where it computes with it; the others are i64, as singles are boxed.
 *
 * Outside of loops what is in memory holds: a local is filled where its register is read first, what is written goes to memory at once,
 * and a local is of use up to the next place that several ways lead to. So to enter a region and to leave it costs nothing for
 * registers, which matters where guests call and return. Inside of a loop the locals hold, filled in front of it; memory gets what was
 * written on every way out.
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

/** What a loop's blocks read or write, and of these what they write; without x0. */
export interface LoopRegisters {
  readonly used: ReadonlySet<number>;
  readonly written: ReadonlySet<number>;
}

export class RegisterLocals {
  private readonly body: FunctionBody;
  /** Address in memory of x0. */
  private readonly address: number;
  /** Of each register that the region uses. */
  private readonly locals = new Map<number, Local>();
  /** Of the code that is written now: null outside of loops. */
  private loop: LoopRegisters | null = null;
  /** Outside of loops, those whose locals are what memory holds. */
  private known = new Set<number>();

  constructor(body: FunctionBody, address: number, blocks: readonly Block[]) {
    this.body = body;
    this.address = address;
    const operations = operationsOf(blocks);
    const doubles = usedForDoubles(operations);
    for (const register of loopRegisters(blocks).used) {
      const type = doubles.has(register) ? F64 : I64;
      this.locals.set(register, { index: body.local(type, registerName(register)), type });
    }
  }

  /**
   * What follows is a block's code.
   *
   * @param loop the one that it is part of
   * @param known registers whose locals hold what memory does, on each way that leads here; in a loop none is asked
   */
  begin(loop: LoopRegisters | null, known: Iterable<number>): void {
    this.loop = loop;
    this.known = new Set(known);
  }

  /** Registers whose locals hold what memory does, now that what a loop has written is spilled. */
  get current(): ReadonlySet<number> {
    return this.loop === null ? new Set(this.known) : this.loop.used;
  }

  /** What an operation reads is in locals from here on, also where only one of two ways that part behind it reads it. */
  prepare(operation: Operation): void {
    if (this.loop !== null) return;
    for (const register of registersOf(operation).reads) {
      if (register !== 0 && !this.known.has(register)) this.fill(register);
    }
  }

  /** In front of a loop: the locals hold. */
  enterLoop({ used }: LoopRegisters, known: ReadonlySet<number>): void {
    for (const register of used) if (!known.has(register)) this.fill(register);
  }

  /** Behind a loop: memory holds. */
  leaveLoop({ written }: LoopRegisters): void {
    for (const register of written) this.store(register);
  }

  /** From its place in memory into its local. */
  fill(register: number): void {
    const { index, type } = this.local(register);
    this.body
      .i32(0)
      .memory(type === F64 ? 0x2b : 0x29, this.address + register * 8)
      .set(index);
    this.known.add(register);
  }

  /** Memory has it. */
  spill(register: number): void {
    if (this.loop !== null) this.store(register);
  }

  private store(register: number): void {
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
    const { index, type } = this.valid(register);
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
    this.written(register);
  }

  private written(register: number): void {
    if (this.loop !== null) return;
    this.store(register);
    this.known.add(register);
  }

  /** Whether it is best read and written as a double. */
  isDouble(register: number): boolean {
    return this.local(register).type === F64;
  }

  /** Leaves it on the stack, f64. */
  readDouble(register: number): void {
    const { index, type } = this.valid(register);
    this.body.get(index);
    if (type === I64) this.body.op(0xbf);
  }

  /** Takes its new value from the stack, f64. */
  writeDouble(register: number): void {
    const { index, type } = this.local(register);
    if (type === I64) this.body.op(0xbd);
    this.body.set(index);
    this.written(register);
  }

  private valid(register: number): Local {
    assert(this.loop !== null || this.known.has(register), "what is read was prepared");
    return this.local(register);
  }

  private local(register: number): Local {
    const local = this.locals.get(register);
    assert(local !== undefined, "every register that is used has a local");
    return local;
  }
}

export function loopRegisters(blocks: readonly Block[]): LoopRegisters {
  const used = new Set<number>();
  const written = new Set<number>();
  for (const operation of operationsOf(blocks)) {
    const { reads, writes } = registersOf(operation);
    for (const register of [...reads, ...writes]) used.add(register);
    for (const register of writes) written.add(register);
  }
  used.delete(0);
  written.delete(0);
  return { used, written };
}

function operationsOf(blocks: readonly Block[]): readonly Operation[] {
  return blocks.flatMap(({ instructions }) => instructions.map(({ operation }) => operation));
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
