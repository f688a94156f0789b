/**
 * Translated code, from the machine's side: where it is entered, what it calls, and when it is forgotten.
 *
 * A region is a function in the table that the host shares with us, translated from one page of RAM (src/jit). Where it can be
 * entered the page's decode table has an Enter entry, so the interpreter runs into regions by itself, and what forgets decoded
 * code forgets regions too:
 *
 *   store into bytes that a region was made from, eviction of the page's decode table, restore
 *       -> every region of the page is dropped: its Enter entries become Decode, its number is free. The function that
 *          runs at that moment leaves behind the store
 *
 * Nothing here is state. Whether an instruction is interpreted or translated is never seen: a region stops at the same
 * instants, and leaves to the interpreter whatever it cannot finish.
 */
import {
  CSR_CYCLE, CSR_FCSR, CSR_FFLAGS, CSR_FRM, CSR_INSTRET, CSR_SCAUSE, CSR_SEPC, CSR_SIE, CSR_SSCRATCH, CSR_SSTATUS, CSR_STVAL, CSR_TIME,
} from "../../isa/csr";
import {
  DECODE_COVERED, DECODE_ENTRY, EXCHANGE, REGION_HEAT, REGION_LANDINGS, REGION_LANDINGS_SIZE, REGION_NUMBERS, REGION_OUTCOME, REGION_OWNERS,
  PC, REGION_SAMPLES, REGION_SAMPLES_MAX, TLB_EXEC, TLB_SLOTS,
} from "../layout";
import { clearRegionsDropped, codeIndex, hasRegions, inRegion, regionsDropped } from "../ram";
import { executeAtomic } from "./atomic";
import { csrIllegal, interruptsChanged, modifiedValue, readCsr, writeCsr } from "./csr";
import { clearFault, closeDevices, deviceWanted, execSet, faultCause, slowLoad, slowStore } from "./mmu";
import { Op } from "./ops";
import { leftAtStopLook, STOP_LOOK_REGION, stopAsked } from "./stop-request";
import { translationsDropped } from "./tlb";
import { dueInterrupt, pendingInterrupts } from "./trap";

/** Why a region was left (src/jit/machine-interface.ts); 0 is a jump to where this region cannot go on. */
export const EXIT_INTERPRET: u32 = 1;
export const EXIT_LOOK_AGAIN: u32 = 2;
/** A region counts down from at most so much, and returns what is left with the reason above it. */
export const REGION_LEFT_MAX: u64 = 0x3fff_ffff;

/** Outcomes of a call from a region. */
const DONE: u32 = 0;
const INTERPRET: u32 = 1;
const DONE_LOOK_AGAIN: u32 = 2;

const SIGNED: u32 = 16;

/** The instant at which the region that runs has none left, and the one that it may come to. */
let limit: u64 = 0;
let target: u64 = 0;

export function beginRegion(end: u64, passTarget: u64): void {
  limit = end;
  target = passTarget;
  clearRegionsDropped();
}

/** What a region is given at once of `n` instructions. @param stopLookLeft those that are left of them when it is to be looked whether the run is to stop */
export function regionShare(n: u64, stopLookLeft: u64): u64 {
  return min(min(n, REGION_LEFT_MAX), n - stopLookLeft + STOP_LOOK_REGION);
}

/** Instructions that the pass has left, behind a region that has so many left of what it was given. */
export function leftBehindRegion(left: u32): u64 {
  return target - (limit - left);
}

/**
 * A region has not enough left for its next block. Looks whether the run is to stop, and else gives it more.
 *
 * @param left what it would have behind that block: negative
 * @returns what it has then
 */
export function regionMore(left: i32): i32 {
  const instant = limit - <i64>left;
  if (instant >= target || stopAsked(instant)) return left;
  const given = regionShare(target - instant, leftAtStopLook(target));
  if (instant + given <= limit) return left;
  limit = instant + given;
  return <i32>given;
}

/** Code at a linear address runs often; plus 1: translated code often leads there. */
export function noteSample(host: u32): void {
  const count = load<u32>(REGION_SAMPLES);
  if (count >= REGION_SAMPLES_MAX) return;
  store<u32>(REGION_SAMPLES + 4 + (count << 2), host);
  store<u32>(REGION_SAMPLES, count + 1);
}

/** Landings at one place that make it worth a sample of its own kind; 0: none does. */
let landingsMax: u32 = 0;

export function reportLandings(landings: u32): void {
  landingsMax = landings;
}

/**
 * The interpreter takes over at a linear address, where no region can be entered: behind translated code, or behind a trap. That
 * costs more than what it then interprets, so such places are counted one by one, each in the place that its address hashes to:
 * others that come there wear the count down.
 */
export function noteLanding(host: u32): void {
  if (landingsMax == 0) return;
  const at = REGION_LANDINGS + (((host >> 1) % REGION_LANDINGS_SIZE) << 3);
  const count = load<u32>(at, 4);
  if (load<u32>(at) != host) {
    if (count > 0) {
      store<u32>(at, count - 1, 4);
      return;
    }
    store<u32>(at, host);
    if (landingsMax > 1) {
      store<u32>(at, 1, 4);
      return;
    }
  } else if (count + 1 < landingsMax) {
    store<u32>(at, count + 1, 4);
    return;
  }
  store<u32>(at, 0, 4);
  noteSample(host + 1);
}

/**
 * Makes a region known. Its page holds the bytes that it was made from, says the host; at EXCHANGE are u16: the offsets where it
 * can be entered (0xffff: not from outside), then pairs of offsets of the bytes it was made from.
 *
 * It takes the place of older ones where both can be entered, since what it was made from includes them (src/engine/regions.ts).
 *
 * @returns whether it can be entered: the page is decoded
 */
export function installRegion(number: u32, page: u32, entries: u32, ranges: u32): bool {
  const table = load<u32>(codeIndex + (page << 2));
  if (table == 0) return false;
  let any = false;
  for (let i: u32 = 0; i < entries; i++) {
    const offset = <u32>load<u16>(EXCHANGE + (i << 1));
    if (offset == 0xffff) continue;
    const entry = table + (offset >> 1) * DECODE_ENTRY;
    store<u64>(entry, (<u64>number << 32) | <u64>(i << 16) | <u64>Op.Enter);
    any = true;
  }
  if (!any) return false;
  for (let i: u32 = 0; i < ranges; i++) {
    const at = EXCHANGE + (entries << 1) + (i << 2);
    const end = <u32>load<u16>(at, 2) >> 1;
    for (let half = <u32>load<u16>(at) >> 1; half < end; half++) {
      const byte = table + DECODE_COVERED + (half >> 3);
      store<u8>(byte, load<u8>(byte) | <u8>(1 << <u8>(half & 7)));
    }
  }
  store<u32>(REGION_OWNERS + (number << 2), page);
  store<u32>(REGION_HEAT + (number << 2), 0);
  freeUnentered(table, page);
  return true;
}

/** What is known of the code at the program counter, for figures: NEXT_UNKNOWN and what follows it. Changes nothing. */
export function nextCode(): u32 {
  const pc = load<u64>(PC);
  const entry = TLB_EXEC + execSet + (<u32>(pc >> 8) & TLB_SLOTS);
  if (load<u64>(entry) != (pc & ~<u64>0xfff)) return NEXT_UNKNOWN;
  const table = load<u32>(entry, 8);
  const half = (<u32>pc & 0xfff) >> 1;
  if (inRegion(table, half)) return NEXT_IN_REGION;
  return hasRegions(table) ? NEXT_BESIDE_REGIONS : NEXT_WITHOUT_REGIONS;
}

/** The page has not been come to lately. */
const NEXT_UNKNOWN: u32 = 0;
/** No region was made from the page. */
const NEXT_WITHOUT_REGIONS: u32 = 1;
/** Regions were, but not from this instruction. */
const NEXT_BESIDE_REGIONS: u32 = 2;
/** One was made from this instruction. */
const NEXT_IN_REGION: u32 = 3;

/** Frees the numbers of a page's regions that nothing leads into any more. */
function freeUnentered(table: u32, page: u32): void {
  for (let number: u32 = 1; number < REGION_NUMBERS; number++) {
    const owner = REGION_OWNERS + (number << 2);
    if (load<u32>(owner) != page) continue;
    let at: u32 = 0;
    while (at < 2048 && !(load<u8>(table + at * DECODE_ENTRY) == Op.Enter && load<u32>(table + at * DECODE_ENTRY, 4) == number)) at++;
    if (at == 2048) store<u32>(owner, 0);
  }
}

function finish(outcome: u32): void {
  store<u32>(REGION_OUTCOME, outcome);
}

/** Ends a call that may have met a fault or a device. @returns whether all is done */
function accessDone(): bool {
  const refused = faultCause >= 0 || deviceWanted;
  closeDevices(false);
  if (!refused) return true;
  clearFault(); // the interpreter meets it again
  return false;
}

/** A load that missed the TLB. @param kind its size, and 16 where it extends the sign */
export function regionLoad(address: u64, kind: u32): u64 {
  closeDevices(true);
  const size = kind & 15;
  const value = slowLoad(address, size);
  if (!accessDone()) {
    finish(INTERPRET);
    return 0;
  }
  finish(DONE);
  if ((kind & SIGNED) == 0) return value;
  if (size == 4) return <u64>(<i64>(<i32>value));
  if (size == 2) return <u64>(<i64>(<i16>value));
  return <u64>(<i64>(<i8>value));
}

/** A store that missed the TLB. @returns its outcome */
export function regionStore(address: u64, size: u32, value: u64): u32 {
  closeDevices(true);
  slowStore(address, size, value);
  if (!accessDone()) return INTERPRET;
  return translationsDropped || regionsDropped ? DONE_LOOK_AGAIN : DONE;
}

export function regionAtomic(kind: u32, address: u64, operand: u64): u64 {
  const value = executeAtomic(kind, address, operand);
  if (faultCause >= 0) {
    clearFault();
    finish(INTERPRET);
    return 0;
  }
  finish(translationsDropped || regionsDropped ? DONE_LOOK_AGAIN : DONE);
  return value;
}

/** CSRs that change neither translation of code nor timers; what the others may, only the interpreter's caller sees. */
function isPlain(number: i32): bool {
  switch (number) {
    case CSR_FFLAGS: case CSR_FRM: case CSR_FCSR: case CSR_CYCLE: case CSR_TIME: case CSR_INSTRET: case CSR_SSTATUS: case CSR_SIE:
    case CSR_SSCRATCH: case CSR_SEPC: case CSR_SCAUSE: case CSR_STVAL:
      return true;
  }
  return false;
}

/**
 * A CSR instruction.
 *
 * @param source of the register, or the immediate
 * @param left instructions left before this one
 */
export function regionCsr(bits: u32, source: u64, left: u32): u64 {
  const number = <i32>(bits >> 20);
  finish(INTERPRET);
  if (!isPlain(number)) return 0;
  const instant = limit - left;
  const old = readCsr(number, instant);
  if (csrIllegal) return 0;
  const kind = (bits >> 12) & 3;
  if (kind == 1 || ((bits >> 15) & 31) != 0) {
    const before = modifiedValue(number, old);
    writeCsr(number, kind == 1 ? source : kind == 2 ? before | source : before & ~source, instant);
    if (csrIllegal) return 0;
    if (interruptsChanged && dueInterrupt(pendingInterrupts(instant + 1)) >= 0) {
      finish(DONE_LOOK_AGAIN);
      return old;
    }
  }
  finish(DONE);
  return old;
}
