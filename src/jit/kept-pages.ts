/**
 * Finds accesses in a loop that go through memory by steps: those off one base register keep in locals which page they came to last,
 * and look at the TLB only where they come to another one. Bases that are loaded, or computed like a hash, lead to another page
 * each time; they would lose by it.
 *
 * What is kept holds until the machine is called, as what groups of accesses find does (memory-access.ts).
 */
import { accessOf, findAccessGroups } from "./access-groups.ts";
import type { Block } from "./control-flow.ts";
import type { AluOperation, Operation } from "./instruction.ts";
import { registerName, registersOf } from "./registers.ts";
import { type FunctionBody, I32, I64 } from "./wasm-builder.ts";

/** In one loop: each takes two locals, and the host has few registers. */
const KEPT_MAX = 4;

/** Where all operands are steady, so is the result: sums, and what makes bytes of indices. */
const STEADY_OF_REGISTERS: ReadonlySet<AluOperation> = new Set([
  "add",
  "sub",
  "addw",
  "subw",
  "adduw",
  "sh1add",
  "sh2add",
  "sh3add",
  "sh1adduw",
  "sh2adduw",
  "sh3adduw",
]);
const STEADY_OF_IMMEDIATE: ReadonlySet<AluOperation> = new Set([
  "add",
  "addw",
  "and",
  "sll",
  "sllw",
  "slluw",
  "srl",
  "srlw",
  "sra",
  "sraw",
]);

/** Of the reads or the writes off one base register. */
export interface KeptPage {
  /** i64 local: the TLB's tag of the page. */
  readonly tag: number;
  /** i32 local: what makes a host address of the low half of a virtual one. */
  readonly addend: number;
}

/** No address has this tag: those of the TLB end with zeros, but for the bits of an alignment. */
const NO_PAGE = -1;

/** What the accesses of one loop keep; its locals are those of other loops, too. */
export class KeptPages {
  private readonly pages = new Map<string, KeptPage>();

  /** @param locals of the region, by name */
  constructor(
    private readonly body: FunctionBody,
    locals: Map<string, KeptPage>,
    blocks: readonly Block[],
  ) {
    for (const name of steadyAccesses(blocks)) {
      const page = locals.get(name) ?? { tag: body.local(I64, `page.${name}`), addend: body.local(I32, `addend.${name}`) };
      locals.set(name, page);
      this.pages.set(name, page);
    }
  }

  /** Undefined: they keep none. */
  of(base: number, writes: boolean): KeptPage | undefined {
    return this.pages.get(pageName(base, writes));
  }

  /** In front of the loop, and where the machine was called. */
  forget(): void {
    for (const { tag } of this.pages.values()) this.body.i64(NO_PAGE).set(tag);
  }
}

function pageName(base: number, writes: boolean): string {
  return `${writes ? "write" : "read"}.${registerName(base)}`;
}

/** The names of those that are looked at in most places. */
function steadyAccesses(blocks: readonly Block[]): readonly string[] {
  const steady = steadyRegisters(blocks);
  const places = new Map<string, number>();
  for (const { instructions } of blocks) {
    const groups = findAccessGroups(instructions);
    for (const [position, { operation }] of instructions.entries()) {
      const access = accessOf(operation);
      const group = groups.get(position);
      if (access === null || !steady.has(access.base) || (group !== undefined && group.first !== position)) continue;
      const name = pageName(access.base, group?.writes ?? access.writes);
      places.set(name, (places.get(name) ?? 0) + 1);
    }
  }
  return [...places]
    .sort(([, a], [, b]) => b - a)
    .slice(0, KEPT_MAX)
    .map(([name]) => name);
}

/** But x0. */
function steadyRegisters(blocks: readonly Block[]): ReadonlySet<number> {
  const steady = new Set(Array.from({ length: 31 }, (_, index) => index + 1));
  const operations = blocks.flatMap(({ instructions }) => instructions.map(({ operation }) => operation));
  for (let before = 0; before !== steady.size; ) {
    before = steady.size;
    for (const operation of operations) {
      if (!isSteady(operation, steady)) for (const register of registersOf(operation).writes) steady.delete(register);
    }
  }
  return steady;
}

function isSteady(operation: Operation, steady: ReadonlySet<number>): boolean {
  const both = (...registers: readonly number[]): boolean => registers.every((register) => register === 0 || steady.has(register));
  switch (operation.kind) {
    case "constant":
    case "auipc":
      return true;
    case "aluRegister":
      return STEADY_OF_REGISTERS.has(operation.operation) && both(operation.rs1, operation.rs2);
    case "aluImmediate":
      return STEADY_OF_IMMEDIATE.has(operation.operation) && both(operation.rs1);
  }
  return false;
}
