/**
 * Finds where integer registers hold words, 32 bits that are sign-extended, and what is best computed on 32 bits alone: what comes of words
 * and is read by nothing but operations on words, so that it need never be extended, and rotations, which are one operation of the host's.
 *
 * A set of registers is a mask, bit N for xN.
 */
import { type ControlFlow, successors } from "./control-flow.ts";
import type { AluOperation, Instruction, Operation, UnaryOperation } from "./instruction.ts";
import { registersOf } from "./registers.ts";

const ZERO = 1;
const ALL = -1;

const ALWAYS: ReadonlySet<AluOperation> = new Set([
  "addw",
  "subw",
  "sllw",
  "srlw",
  "sraw",
  "mulw",
  "divw",
  "divuw",
  "remw",
  "remuw",
  "rolw",
  "rorw",
  "slt",
  "sltu",
  "bext",
]);
const OF_WORDS: ReadonlySet<AluOperation> = new Set(["and", "or", "xor", "andn", "orn", "xnor", "min", "minu", "max", "maxu"]);
const LOGIC: ReadonlySet<AluOperation> = new Set(["and", "or", "xor"]);
/** They read the lower half of each operand. */
const READS_WORDS: ReadonlySet<AluOperation> = new Set([...ALWAYS].filter((operation) => operation.endsWith("w")));
const NEVER_UNARY: ReadonlySet<UnaryOperation> = new Set(["orcb", "rev8"]);

/** @returns for each block the registers that hold words where it begins, on whichever way the guest comes there */
export function findWords({ blocks, entries, at }: ControlFlow): readonly number[] {
  const words = blocks.map(() => ALL);
  for (const entry of entries) words[entry] = ZERO;
  for (let changed = true; changed; ) {
    changed = false;
    for (const [index, { instructions, end }] of blocks.entries()) {
      let after = words[index] ?? ZERO;
      for (const { operation } of instructions) after = wordsAfter(after, operation);
      for (const offset of successors(end)) {
        const next = at.get(offset);
        if (next === undefined) continue;
        const before = words[next] ?? ZERO;
        words[next] = before & after;
        changed ||= words[next] !== before;
      }
    }
  }
  return words;
}

/** @returns the registers that hold words behind an operation */
export function wordsAfter(words: number, operation: Operation): number {
  let after = words;
  for (const register of registersOf(operation).writes) {
    if (register > 31) continue;
    after = makesWord(words, operation) ? after | (1 << register) : after & ~(1 << register);
  }
  return after | ZERO;
}

/**
 * @param words where the block begins
 * @returns positions in the block of what is best computed on 32 bits
 */
export function findNarrow(instructions: readonly Instruction[], words: number): ReadonlySet<number> {
  const candidates = new Set<number>();
  const rotations = findRotations(instructions);
  let now = words;
  for (const [position, { operation }] of instructions.entries()) {
    if (isLogic(operation) && areWords(now, ...registersOf(operation).reads)) candidates.add(position);
    now = wordsAfter(now, operation);
  }
  const narrow = new Set<number>();
  /** Registers of which all 64 bits are read later on, as far as is known here. */
  let wide = ALL;
  for (let position = instructions.length - 1; position >= 0; position--) {
    const operation = instructions[position]?.operation;
    if (operation === undefined) continue;
    const { reads, writes } = registersOf(operation);
    const isNarrow = candidates.has(position) && (rotations.has(position) || writes.every((register) => !areWords(wide, register)));
    if (isNarrow) narrow.add(position);
    for (const register of writes) if (register < 32) wide &= ~(1 << register);
    if (isNarrow || readsWords(operation)) continue;
    const whole = operation.kind === "store" && operation.size < 8 ? [operation.rs1] : reads;
    for (const register of whole) if (register < 32) wide |= 1 << register;
  }
  return narrow;
}

function isLogic(operation: Operation): boolean {
  return (operation.kind === "aluRegister" || operation.kind === "aluImmediate") && LOGIC.has(operation.operation);
}

function readsWords(operation: Operation): boolean {
  return (operation.kind === "aluRegister" || operation.kind === "aluImmediate") && READS_WORDS.has(operation.operation);
}

/** Positions of each `or` of one word's two shifts that together are a rotation. */
function findRotations(instructions: readonly Instruction[]): ReadonlySet<number> {
  const rotations = new Set<number>();
  const shifts = new Map<number, { readonly source: number; readonly left: number }>();
  for (const [position, { operation }] of instructions.entries()) {
    if (operation.kind === "aluRegister" && operation.operation === "or") {
      const [one, other] = [shifts.get(operation.rs1), shifts.get(operation.rs2)];
      if (one !== undefined && other !== undefined && one.source === other.source && one.left + other.left === 0) rotations.add(position);
    }
    for (const register of registersOf(operation).writes) {
      shifts.delete(register);
      for (const [shifted, { source }] of shifts) if (source === register) shifts.delete(shifted);
    }
    if (operation.kind !== "aluImmediate" || operation.rd === operation.rs1) continue;
    const { rd, rs1, imm } = operation;
    if (operation.operation === "sllw") shifts.set(rd, { source: rs1, left: imm });
    if (operation.operation === "srlw") shifts.set(rd, { source: rs1, left: imm - 32 });
  }
  return rotations;
}

export function areWords(words: number, ...registers: readonly number[]): boolean {
  return registers.every((register) => ((words >>> register) & 1) === 1);
}

function makesWord(words: number, operation: Operation): boolean {
  switch (operation.kind) {
    case "constant":
      return true;
    case "load":
      return operation.size < 4 || (operation.size === 4 && operation.signed);
    case "unary":
      return !NEVER_UNARY.has(operation.operation);
    case "aluRegister":
      if (operation.operation === "add" && operation.rs1 === 0) return areWords(words, operation.rs2);
      if (operation.operation === "add" && operation.rs2 === 0) return areWords(words, operation.rs1);
      return ALWAYS.has(operation.operation) || (OF_WORDS.has(operation.operation) && areWords(words, operation.rs1, operation.rs2));
    case "aluImmediate":
      return immediateMakesWord(words, operation.operation, operation.rs1, operation.imm);
  }
  return false;
}

function immediateMakesWord(words: number, operation: AluOperation, rs1: number, imm: number): boolean {
  switch (operation) {
    case "add":
      return rs1 === 0 || (imm === 0 && areWords(words, rs1));
    case "and":
      return imm >= 0 || areWords(words, rs1);
    case "srl":
      return imm > 32;
    case "sra":
      return imm >= 32 || areWords(words, rs1);
  }
  return ALWAYS.has(operation) || (OF_WORDS.has(operation) && areWords(words, rs1));
}
