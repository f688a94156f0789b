/**
 * How many regions the machines of this process hold: together never more than the process has room for, whichever threads ask at
 * the same moment and wherever one of them is ended.
 *
 * Each machine's number is in memory that all threads share, and only its own thread writes it. Who wants more writes first and counts
 * then, and takes back what was too much: of two that want the last place at once at least one sees the other. There is no sum
 * beside the numbers, which a thread that ends between two writes would leave wrong.
 */

/** V8 ends the process, whoever it serves, at some 32,500 modules; a region keeps at most one alive, and the library some thousand. */
const PROCESS_REGIONS_MAX = 20_000;

/** Machines of this process that may have regions; any more are interpreted. */
const MACHINES_MAX = 1024;

/** One machine's place in the account, as it is sent to the machine's thread. */
export interface RegionShare {
  /** Shared: regions that each machine holds. */
  readonly held: Int32Array;
  readonly index: number;
  readonly maximum: number;
}

export class RegionAccount {
  private readonly held = new Int32Array(new SharedArrayBuffer(4 * MACHINES_MAX));
  private readonly taken = new Set<number>();

  /** @param maximum regions of all machines */
  constructor(private readonly maximum = PROCESS_REGIONS_MAX) {}

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
