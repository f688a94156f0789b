/**
 * Physical memory protection: sixteen entries with a granularity of four bytes. Privileged Architecture, "Physical Memory
 * Protection".
 *
 * The registers are state. What is active in them is kept as ranges of addresses, a cache that is made anew at each change. TLBs
 * hold a translation only where one answer goes for its whole page (`wholePage`); other pages are asked about at each access.
 */
import { PMP_A, PMP_L, PMP_NA4, PMP_NAPOT, PMP_R, PMP_RWX, PMP_TOR, PMP_W, PMP_X, PRIV_M } from "../../isa/status-bits";
import { PMP_RANGE, PMP_RANGES, PMPADDR, PMPCFG } from "../layout";
import { flushAllTlbs } from "./tlb";

export const PMP_ENTRIES: u32 = 16;

/** pmpaddr has bits 55 to 2 of a physical address. */
const ADDRESS_MASK: u64 = (1 << 54) - 1;
const ALL_OPEN_END: u64 = 1 << 56;

/** Ranges in use, the entry with the lowest number first. Each: start u64, end u64 (not in it), configuration u32. */
let ranges: u32 = 0;
/** The first range lets everybody do everything everywhere: nothing needs to be looked up. */
let open: bool = false;

/** Of the last question: the answer goes for every access of its kind to the page. */
export let wholePage: bool = false;

/** What an access needs, by its kind: 0 read, 1 write, 2 execute (as mmu.ts numbers them). */
function needed(access: u32): u32 {
  return access == 0 ? PMP_R : access == 1 ? PMP_W : PMP_X;
}

/**
 * Whether a mode may access [address, address + size), which is in one page. The first entry that has any of the bytes decides;
 * where it has not all of them, nobody may.
 */
export function pmpAllows(address: u64, size: u32, access: u32, privilege: u32): bool {
  wholePage = true;
  return open || ask(address, size, access, privilege);
}

function ask(address: u64, size: u32, access: u32, privilege: u32): bool {
  const page = address & ~<u64>0xfff;
  const pageEnd = page + 4096;
  const addressEnd = address + <u64>size;
  const last = PMP_RANGES + ranges * PMP_RANGE;
  for (let at = PMP_RANGES; at < last; at += PMP_RANGE) {
    const start = load<u64>(at);
    const end = load<u64>(at, 8);
    if (end <= page || start >= pageEnd) continue;
    if (start > page || end < pageEnd) wholePage = false;
    if (end <= address || start >= addressEnd) continue;
    if (start > address || end < addressEnd) return false;
    const configuration = load<u32>(at, 16);
    if (privilege == PRIV_M && (configuration & PMP_L) == 0) return true;
    return (configuration & needed(access)) != 0;
  }
  return privilege == PRIV_M;
}

function configurationOf(entry: u32): u32 {
  return load<u8>(PMPCFG + entry);
}

/** Makes the ranges of the registers: after these changed in any way. */
export function pmpChanged(): void {
  ranges = 0;
  for (let entry: u32 = 0; entry < PMP_ENTRIES; entry++) {
    const configuration = configurationOf(entry);
    const address = load<u64>(PMPADDR + (entry << 3));
    const mode = configuration & PMP_A;
    if (mode == PMP_TOR) {
      const below = entry == 0 ? 0 : load<u64>(PMPADDR + ((entry - 1) << 3));
      if (below < address) addRange(below << 2, address << 2, configuration);
    } else if (mode == PMP_NA4) addRange(address << 2, (address + 1) << 2, configuration);
    else if (mode == PMP_NAPOT) {
      const ones = ctz(~address);
      const start = ((address >> (ones + 1)) << (ones + 1)) << 2;
      addRange(start, start + (<u64>8 << ones), configuration);
    }
  }
  open = ranges > 0 && load<u64>(PMP_RANGES) == 0 && load<u64>(PMP_RANGES, 8) >= ALL_OPEN_END && (load<u32>(PMP_RANGES, 16) & PMP_RWX) == PMP_RWX;
  flushAllTlbs();
}

function addRange(start: u64, end: u64, configuration: u32): void {
  const at = PMP_RANGES + ranges * PMP_RANGE;
  store<u64>(at, start);
  store<u64>(at, end, 8);
  store<u32>(at, configuration, 16);
  ranges++;
}

/** One entry's configuration: a locked one stays, reserved bits are 0, and W is not without R. */
function legalConfiguration(value: u32, old: u32): u32 {
  if ((old & PMP_L) != 0) return old;
  const legal = value & (PMP_L | PMP_A | PMP_RWX);
  return (legal & PMP_R) == 0 ? legal & ~PMP_W : legal;
}

/** pmpcfg0 or pmpcfg2. */
export function legalPmpcfg(value: u64, old: u64): u64 {
  let legal: u64 = 0;
  for (let bit: u64 = 0; bit < 64; bit += 8) legal |= <u64>legalConfiguration(<u32>(value >> bit) & 0xff, <u32>(old >> bit) & 0xff) << bit;
  return legal;
}

/** An address is locked with its entry, and with the next one where that is a range from this address. */
export function legalPmpaddr(entry: u32, value: u64, old: u64): u64 {
  if ((configurationOf(entry) & PMP_L) != 0) return old;
  if (entry + 1 < PMP_ENTRIES && (configurationOf(entry + 1) & (PMP_L | PMP_A)) == (PMP_L | PMP_TOR)) return old;
  return value & ADDRESS_MASK;
}

/** Opens all of memory to every mode, as firmware does that has nothing to hide. */
export function openPmp(): void {
  store<u8>(PMPCFG, PMP_NAPOT | PMP_RWX);
  store<u64>(PMPADDR, ADDRESS_MASK);
  pmpChanged();
}
