/**
 * Divides a page of guest code into what becomes a region each. A page has more instructions that run often than one region may
 * have, as a rule because several functions do; what one region leads to in another must be an entry there, or the interpreter would
 * have to go on from it.
 *
 * The cuts are by address, at the places that the fewest jumps and falls cross: between functions, where there are some.
 */
import { type Block, findBlocks, PAGE_BYTES, REGION_INSTRUCTIONS_MAX, successors } from "./control-flow.ts";
import type { RegionSource } from "./translate.ts";

/** A page of guest code that regions are asked of. */
export interface PageSource extends RegionSource {
  /** Offsets at which it is entered in regions that there are: they are entries of the new ones too, but no reason to make one. */
  readonly entries: readonly number[];
  /** Take also what was executed and is not led to from seeds, as functions are that other pages call. */
  readonly all: boolean;
}

/** The regions that become of a page: those that can be entered where the ones before could not. */
export function regionSources({ page, executed, seeds, entries, delta, all }: PageSource): readonly RegionSource[] {
  const entered = new Set(entries);
  return partition(page, executed, [...seeds, ...entries], all)
    .filter((part) => part.seeds.some((seed) => !entered.has(seed)))
    .map((part) => ({ page, ...part, delta }));
}

interface Part {
  /** As `RegionSource.executed`, 0 outside of the part. */
  readonly executed: Uint8Array;
  /** Where it is to be entered: seeds, where calls lead and come back, and what other parts lead to. */
  readonly seeds: readonly number[];
}

/**
 * @param page 4096 bytes of code
 * @param executed one byte a halfword: 0 where nothing was executed yet
 * @param seeds offsets at which the guest enters
 * @param all also what was executed and is not led to from seeds, as functions are that other pages call
 */
export function partition(
  page: Uint8Array,
  executed: Uint8Array,
  seeds: readonly number[],
  all: boolean,
  maximum: number = REGION_INSTRUCTIONS_MAX,
): readonly Part[] {
  const { blocks, entries } = findBlocks(page, executed, seeds, Number.POSITIVE_INFINITY, all);
  const ways = [...blocks.values()].flatMap(waysOf);
  const offsets = [...blocks.values()].flatMap(({ instructions, end }) => [
    ...instructions.map(({ offset }) => offset),
    ...(end.kind === "interpret" ? [end.offset] : []),
  ]);
  offsets.sort((a, b) => a - b);
  const cuts = findCuts(offsets, ways, maximum);
  return [0, ...cuts].map((start, index) => {
    const end = cuts[index] ?? PAGE_BYTES;
    const inPart = (offset: number): boolean => offset >= start && offset < end;
    const ledTo = ways.flatMap(([from, to]) => (inPart(to) && !inPart(from) ? [to] : []));
    return {
      executed: executed.map((byte, half) => (inPart(half * 2) ? byte : 0)),
      seeds: [...new Set([...[...entries].filter(inPart), ...ledTo])],
    };
  });
}

/** From where to where the guest goes on in the page without looking at a register: from one instruction to the next, and by jumps. */
function waysOf({ offset, instructions, end }: Block): [from: number, to: number][] {
  const ways: [number, number][] = [];
  let from = offset;
  for (const instruction of instructions) {
    if (instruction.offset !== from) ways.push([from, instruction.offset]);
    from = instruction.offset;
  }
  const next = end.kind === "interpret" ? [end.offset] : successors(end);
  for (const to of next) if (to >= 0 && to < PAGE_BYTES) ways.push([from, to]);
  return ways;
}

/** Offsets at which the second and later parts begin, each in the later half of what the part before it may have. */
function findCuts(offsets: readonly number[], ways: readonly (readonly [number, number])[], maximum: number): readonly number[] {
  // For each offset how many ways lead past its beginning.
  const crossing = new Int32Array(PAGE_BYTES + 1);
  for (const [from, to] of ways) {
    crossing[Math.min(from, to) + 1] = (crossing[Math.min(from, to) + 1] ?? 0) + 1;
    crossing[Math.max(from, to) + 1] = (crossing[Math.max(from, to) + 1] ?? 0) - 1;
  }
  for (let offset = 1; offset <= PAGE_BYTES; offset++) crossing[offset] = (crossing[offset] ?? 0) + (crossing[offset - 1] ?? 0);
  const cuts: number[] = [];
  let start = 0;
  while (offsets.length - start > maximum) {
    let best = start + maximum;
    const ways = (index: number): number => crossing[offsets[index] ?? 0] ?? 0;
    for (let index = best - 1; index > start + maximum / 2; index--) if (ways(index) < ways(best)) best = index;
    cuts.push(offsets[best] ?? 0);
    start = best;
  }
  return cuts;
}
