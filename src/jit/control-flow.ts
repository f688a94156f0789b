/**
 * Finds the control flow of a region: from a few offsets in a page of guest code to basic blocks, which of them can be entered
 * from outside, and in which order and nesting they are to be written as structured control.
 *
 * A region lies in one page, so that its translation holds wherever and in whichever mode that page is mapped: all addresses in it
 * are relative to the page.
 */
import { assert } from "../base/assert.ts";
import { decodeOperation, type Instruction } from "./instruction.ts";

export const PAGE_BYTES = 4096;

/**
 * Guest instructions in a region. TurboFan's time grows faster than the size of a function, and its code gets worse: with 500, awk and
 * SHA-256 took half as long again as with 250; with 120 the guest goes from region to region more than that gains.
 */
export const REGION_INSTRUCTIONS_MAX = 250;

/** How a block ends. Offsets are in the page, or beyond it (below 0 or from 4096) where they lead out of it. */
export type BlockEnd =
  | { readonly kind: "fallThrough"; readonly next: number }
  | { readonly kind: "branch"; readonly taken: number; readonly next: number }
  | { readonly kind: "jump"; readonly target: number }
  | { readonly kind: "jumpRegister" }
  | { readonly kind: "interpret"; readonly offset: number };

export interface Block {
  readonly offset: number;
  readonly instructions: readonly Instruction[];
  readonly end: BlockEnd;
}

export interface ControlFlow {
  /** Blocks that are reached, in reverse postorder: a block comes before what it leads to, but for the backward edges of loops. */
  readonly blocks: readonly Block[];
  /** Indices into `blocks` that can be entered from outside, in the order of `blocks`. */
  readonly entries: readonly number[];
  /** For each block the one that every way to it leads through; -1: it can be entered, or be reached on ways that share none. */
  readonly dominators: readonly number[];
  /** Index of the block at an offset. */
  readonly at: ReadonlyMap<number, number>;
}

/**
 * @param page 4096 bytes of code
 * @param executed one byte a halfword: 0 where nothing was executed yet, which the region leaves out
 * @param seeds offsets at which the guest enters often
 */
export function findControlFlow(page: Uint8Array, executed: Uint8Array, seeds: readonly number[]): ControlFlow {
  const { blocks, entries } = findBlocks(page, executed, seeds, REGION_INSTRUCTIONS_MAX, false);
  return order(blocks, entries);
}

/** Offsets that a block leads to inside of the region or out of it; calls lead to the called function, returns are entries. */
export function successors(end: BlockEnd): readonly number[] {
  switch (end.kind) {
    case "fallThrough":
      return [end.next];
    case "branch":
      return [end.next, end.taken];
    case "jump":
      return [end.target];
    case "jumpRegister":
    case "interpret":
      return [];
  }
}

function inPage(offset: number): boolean {
  return offset >= 0 && offset < PAGE_BYTES;
}

/** The instruction at an offset; null where it crosses the page's end. */
function instructionAt(view: DataView, offset: number): Instruction | null {
  const low = view.getUint16(offset, true);
  if ((low & 3) !== 3) return { offset, length: 2, operation: decodeOperation(low) };
  if (offset + 4 > PAGE_BYTES) return null;
  return { offset, length: 4, operation: decodeOperation(view.getInt32(offset, true)) };
}

/**
 * The blocks that the seeds lead to by offset, and where they are entered: at seeds, where calls lead, and where the guest comes back.
 *
 * @param maximum instructions; what is furthest from the seeds is left out
 * @param all also what was executed and is not led to from seeds, as functions are that other pages call
 */
export function findBlocks(
  page: Uint8Array,
  executed: Uint8Array,
  seeds: readonly number[],
  maximum: number,
  all: boolean,
): { blocks: Map<number, Block>; entries: Set<number> } {
  const view = new DataView(page.buffer, page.byteOffset, PAGE_BYTES);
  const entries = new Set(seeds);
  const leaders = new Set<number>();
  const instructions = new Map<number, Instruction>();
  const waiting: number[] = [];
  const lead = (offset: number): void => {
    if (!inPage(offset) || leaders.has(offset) || executed[offset >> 1] === 0) return;
    if (instructions.size >= maximum && !instructions.has(offset)) return;
    leaders.add(offset);
    waiting.push(offset);
  };
  for (const seed of seeds) lead(seed);
  let looked = all ? 0 : PAGE_BYTES;
  /** The next one that nothing leads to, and that is no part of an instruction. */
  const unled = (): number | undefined => {
    for (; looked < PAGE_BYTES; looked += 2) {
      if (executed[looked >> 1] === 0 || instructions.has(looked) || instructions.get(looked - 2)?.length === 4) continue;
      entries.add(looked);
      leaders.add(looked);
      looked += 2;
      return looked - 2;
    }
    return undefined;
  };
  for (let next = waiting.shift() ?? unled(); next !== undefined; next = waiting.shift() ?? unled()) {
    for (let offset = next; inPage(offset) && executed[offset >> 1] !== 0; ) {
      if (instructions.has(offset)) {
        leaders.add(offset);
        break;
      }
      const instruction = instructionAt(view, offset);
      if (instruction === null) break;
      instructions.set(offset, instruction);
      const { operation, length } = instruction;
      const after = offset + length;
      if (operation.kind === "branch") {
        lead(after);
        lead(offset + operation.imm);
        break;
      }
      if (operation.kind === "jump") {
        const target = offset + operation.imm;
        if (operation.rd !== 0) {
          if (inPage(target)) entries.add(target);
          if (inPage(after)) entries.add(after);
        }
        lead(target);
        if (operation.rd !== 0) lead(after);
        break;
      }
      if (operation.kind === "jumpRegister" || operation.kind === "interpret") {
        // Behind a call, or what the interpreter does, the guest comes back.
        const comesBack = operation.kind === "interpret" || operation.rd !== 0;
        if (comesBack && inPage(after)) {
          entries.add(after);
          lead(after);
        }
        break;
      }
      if (instructions.size >= maximum) break;
      offset = after;
    }
  }
  const blocks = new Map<number, Block>();
  for (const leader of leaders) {
    const block = blockAt(leader, leaders, instructions);
    if (block !== null) blocks.set(leader, block);
  }
  return { blocks, entries: new Set([...entries].filter((offset) => blocks.has(offset))) };
}

function blockAt(leader: number, leaders: ReadonlySet<number>, known: ReadonlyMap<number, Instruction>): Block | null {
  const instructions: Instruction[] = [];
  for (let offset = leader; ; ) {
    const instruction = known.get(offset);
    if (instruction === undefined) {
      if (instructions.length === 0) return null;
      return { offset: leader, instructions, end: { kind: "fallThrough", next: offset } };
    }
    const { operation, length } = instruction;
    const after = offset + length;
    if (operation.kind === "interpret") return { offset: leader, instructions, end: { kind: "interpret", offset } };
    instructions.push(instruction);
    if (operation.kind === "branch") {
      return { offset: leader, instructions, end: { kind: "branch", taken: offset + operation.imm, next: after } };
    }
    if (operation.kind === "jump") return { offset: leader, instructions, end: { kind: "jump", target: offset + operation.imm } };
    if (operation.kind === "jumpRegister") return { offset: leader, instructions, end: { kind: "jumpRegister" } };
    if (leaders.has(after)) return { offset: leader, instructions, end: { kind: "fallThrough", next: after } };
    offset = after;
  }
}

/** Puts blocks in order and makes entries of what backward edges lead to, so that the guest can come in at any loop's head. */
function order(found: ReadonlyMap<number, Block>, seeds: ReadonlySet<number>): ControlFlow {
  const entries = new Set(seeds);
  for (;;) {
    const blocks = reversePostorder(found, entries);
    const at = new Map(blocks.map(({ offset }, index) => [offset, index]));
    const before = entries.size;
    blocks.forEach((block, index) => {
      for (const next of successors(block.end)) {
        const target = at.get(next);
        if (target !== undefined && target <= index) entries.add(next);
      }
    });
    if (entries.size !== before) continue;
    const indices = blocks.map((_, index) => index).filter((index) => entries.has(blocks[index]?.offset ?? -1));
    return { blocks, entries: indices, dominators: dominators(blocks, at, new Set(indices)), at };
  }
}

function reversePostorder(found: ReadonlyMap<number, Block>, entries: ReadonlySet<number>): Block[] {
  const seen = new Set<number>();
  const postorder: Block[] = [];
  const visit = (start: number): void => {
    const stack: { block: Block; next: number }[] = [];
    const push = (offset: number): void => {
      const block = found.get(offset);
      if (block === undefined || seen.has(offset)) return;
      seen.add(offset);
      stack.push({ block, next: 0 });
    };
    push(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const targets = successors(top.block.end);
      const target = targets[targets.length - 1 - top.next];
      top.next++;
      if (target === undefined) {
        postorder.push(top.block);
        stack.pop();
      } else push(target);
    }
  };
  // The last that is visited comes first: by falling addresses, so that code is written in its own order where nothing speaks against it.
  for (const entry of [...entries].sort((a, b) => b - a)) visit(entry);
  return postorder.reverse();
}

/** Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm"; the root, -1, leads to every entry. */
function dominators(blocks: readonly Block[], at: ReadonlyMap<number, number>, entries: ReadonlySet<number>): number[] {
  const predecessors: number[][] = blocks.map(() => []);
  blocks.forEach((block, index) => {
    for (const next of successors(block.end)) {
      const target = at.get(next);
      if (target !== undefined) predecessors[target]?.push(index);
    }
  });
  const NONE = -2;
  const found: number[] = blocks.map(() => NONE);
  const common = (one: number, other: number): number => {
    let a = one;
    let b = other;
    while (a !== b) {
      while (a > b) a = found[a] ?? -1;
      while (b > a) b = found[b] ?? -1;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let index = 0; index < blocks.length; index++) {
      let dominator = entries.has(index) ? -1 : NONE;
      for (const predecessor of predecessors[index] ?? []) {
        if (found[predecessor] === NONE && predecessor !== index) continue;
        if (predecessor === index) continue;
        dominator = dominator === NONE ? predecessor : common(dominator, predecessor);
      }
      assert(dominator !== NONE, "every block in the order is reached");
      if (found[index] !== dominator) {
        found[index] = dominator;
        changed = true;
      }
    }
  }
  return found;
}
