/**
 * Which pages of the state have another hash than at the last look: what two replicas compare when their state hashes differ.
 *
 * A page of RAM is called by its guest physical page number; the machine's own pages have smaller ones (src/machine/layout.ts).
 */
import { RAM_BASE } from "../isa/memory-map.ts";

/** Page number, its hash at the last look, its hash now; three words a page, in ascending order of pages. A page of zeros has hash 0. */
export type PageChanges = BigUint64Array;

const PAGE = 4096;
const HART_PAGE = 1n;
const DEVICE_PAGE = 2n;
const SESSIONS_PAGE = 3n;
const OUTPUT_RING_PAGE = 0x40n;

/** What a person calls a page: `ram 0x80200000`, `hart`, `devices`, `input sessions`, `console input`, `console output`. */
export function pageName(page: bigint): string {
  if (page >= BigInt(RAM_BASE / PAGE)) return `ram 0x${(page * BigInt(PAGE)).toString(16)}`;
  if (page === HART_PAGE) return "hart";
  if (page === DEVICE_PAGE) return "devices";
  if (page === SESSIONS_PAGE) return "input sessions";
  return page < OUTPUT_RING_PAGE ? "console input" : "console output";
}
