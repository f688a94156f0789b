/**
 * Finds accesses to memory that share a base register and lie close together, as those of a stack frame do: they need one look at
 * the TLB, not one each.
 */
import type { Instruction } from "./instruction.ts";
import { registersOf } from "./registers.ts";

/** Bytes that a group may span: a wide one crosses the end of a page more often, and then helps nobody. */
const SPAN_MAX = 256;

/** Accesses of one block, all off the same value of `base`. */
export interface AccessGroup {
  readonly base: number;
  /** Bytes [low, high), relative to the base, that hold all of them. */
  readonly low: number;
  readonly high: number;
  /** One of them is a store. */
  readonly writes: boolean;
  /** Positions in the block of the first and the last. */
  readonly first: number;
  readonly last: number;
}

interface Access {
  readonly base: number;
  readonly imm: number;
  readonly size: number;
  readonly writes: boolean;
}

/** @returns the group of each access that has one, by its position in the block */
export function findAccessGroups(instructions: readonly Instruction[]): ReadonlyMap<number, AccessGroup> {
  const found = new Map<number, AccessGroup>();
  const open = new Map<number, { position: number; access: Access }[]>();
  const close = (base: number): void => {
    for (const group of split(open.get(base) ?? [])) for (const position of group.positions) found.set(position, group.group);
    open.delete(base);
  };
  for (const [position, { operation }] of instructions.entries()) {
    const access = accessOf(operation);
    if (access !== null && access.base !== 0) {
      const before = open.get(access.base);
      if (before === undefined) open.set(access.base, [{ position, access }]);
      else before.push({ position, access });
    }
    // What these do to memory and to translations is not known before they have done it.
    if (operation.kind === "atomic" || operation.kind === "csr") for (const base of [...open.keys()]) close(base);
    for (const register of registersOf(operation).writes) close(register);
  }
  for (const base of [...open.keys()]) close(base);
  return found;
}

function split(accesses: readonly { readonly position: number; readonly access: Access }[]) {
  const groups: { readonly positions: readonly number[]; readonly group: AccessGroup }[] = [];
  let members: { readonly position: number; readonly access: Access }[] = [];
  const finish = (): void => {
    const [first] = members;
    const last = members.at(-1);
    if (first === undefined || last === undefined || members.length < 2) return;
    const { low, high } = range(members);
    const group = {
      base: first.access.base,
      low,
      high,
      writes: members.some(({ access }) => access.writes),
      first: first.position,
      last: last.position,
    };
    groups.push({ positions: members.map(({ position }) => position), group });
  };
  for (const member of accesses) {
    const { low, high } = range([...members, member]);
    if (high - low > SPAN_MAX) {
      finish();
      members = [];
    }
    members.push(member);
  }
  finish();
  return groups;
}

function range(members: readonly { readonly access: Access }[]): { readonly low: number; readonly high: number } {
  return {
    low: Math.min(...members.map(({ access }) => access.imm)),
    high: Math.max(...members.map(({ access }) => access.imm + access.size)),
  };
}

export function accessOf(operation: Instruction["operation"]): Access | null {
  switch (operation.kind) {
    case "load":
    case "floatLoad":
      return { base: operation.rs1, imm: operation.imm, size: operation.size, writes: false };
    case "store":
    case "floatStore":
      return { base: operation.rs1, imm: operation.imm, size: operation.size, writes: true };
  }
  return null;
}
