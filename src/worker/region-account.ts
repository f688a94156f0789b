/**
 * How many regions the machines of this process hold: together never more than the process has room for, whichever threads ask at
 * the same moment and wherever one of them is ended.
 *
 * Each machine's number is in memory that all threads share, and only its own thread writes it. Who wants more writes first and counts
 * then, and takes back what was too much: of two that want the last place at once at least one sees the other. There is no sum
 * beside the numbers, which a thread that ends between two writes would leave wrong.
 */
import { readFileSync } from "node:fs";

/** More are of no use to a process of some hundred replicas. */
const PROCESS_REGIONS_MAX = 20_000;

/**
 * Memory mappings of the process that a live module takes: the code's and the one beside it that is no memory, and more where it
 * was too small. Measured: 2.01 to 2.16 by Node 20, for regions of 100 to 480 instructions, and 0.1 by Node 26, which keeps code of many
 * modules together. A region keeps at most one module alive. V8 ends the process, whoever it serves, when the kernel refuses one.
 */
const MAPPINGS_A_MODULE = 2.2;

/** Of the mappings that the kernel allows, what is for code; the others are for replicas, some 70 each, and code that is garbage. */
const CODE_SHARE = 0.75;

/** What Linux allows a process by itself (`vm.max_map_count`). */
const MAPPINGS_MAX_DEFAULT = 65_530;

/** Machines of this process that may have regions; any more are interpreted. */
const MACHINES_MAX = 1024;

/** One machine's place in the account, as it is sent to the machine's thread. */
export interface RegionShare {
  /** Shared: regions that each machine holds. */
  readonly held: Int32Array;
  readonly index: number;
  readonly maximum: number;
}

/** @returns the most memory mappings that the kernel allows this process */
export function mappingsMaximum(): number {
  let text: string;
  try {
    text = readFileSync("/proc/sys/vm/max_map_count", "latin1");
  } catch {
    return MAPPINGS_MAX_DEFAULT; // not Linux, or a sandbox that does not show it
  }
  const count = Number.parseInt(text, 10);
  return count > 0 ? count : MAPPINGS_MAX_DEFAULT;
}

/**
 * @param mappings that the kernel allows
 * @param library regions that are kept for whoever may want them
 * @returns how many regions the machines of a process may hold together: 0 where there is no room for any
 */
export function regionsWithin(mappings: number, library: number): number {
  const modules = Math.floor((mappings * CODE_SHARE) / MAPPINGS_A_MODULE);
  return Math.max(0, Math.min(PROCESS_REGIONS_MAX, modules - library));
}

export class RegionAccount {
  private readonly held = new Int32Array(new SharedArrayBuffer(4 * MACHINES_MAX));
  private readonly taken = new Set<number>();

  /** @param maximum regions of all machines */
  constructor(private readonly maximum: number) {}

  /** Regions that all machines hold now. */
  get regions(): number {
    return sum(this.held);
  }

  /** A place for one machine; null: there are too many. `close` it when the machine's thread has ended, however that came. */
  open(): RegionShare | null {
    const index = this.held.findIndex((_, candidate) => !this.taken.has(candidate));
    if (index < 0) return null;
    this.taken.add(index);
    return { held: this.held, index, maximum: this.maximum };
  }

  close({ index }: RegionShare): void {
    Atomics.store(this.held, index, 0);
    this.taken.delete(index);
  }
}

/** A machine is to hold so many regions from now on. @returns false where there is no room for more: it holds as many as before */
export function holdRegions({ held, index, maximum }: RegionShare, regions: number): boolean {
  const before = Atomics.exchange(held, index, regions);
  if (regions <= before || sum(held) <= maximum) return true;
  Atomics.store(held, index, before);
  return false;
}

function sum(held: Int32Array): number {
  let regions = 0;
  for (let index = 0; index < held.length; index++) regions += Atomics.load(held, index);
  return regions;
}
