/**
 * The three software TLBs: a set for M mode, and for each of the last address spaces a bank of three, for U, S, and S with SUM.
 * Caches, never state (determinism rule 6).
 *
 * Entry, 16 bytes: tag u64 (page of the virtual address; all ones: empty), u32 @8: for data the addend that makes a host
 * address of the low 32 bits of a virtual one, for code the page's decode table.
 *
 * They never disagree with the page tables in memory: the walker notes each page it reads an entry from, such a page is not
 * in a write TLB, and a store to it drops what came of the entry it overwrites. So a hit and a walk have the same outcome,
 * and nobody can tell a warm TLB from a cold one: not a guest that changes an entry without sfence.vma (Linux clears A so),
 * not a replica that was just restored. sfence.vma has nothing to do.
 *
 * All of that holds for banks that are not in use too, so a guest finds its translations again when it comes back to an address
 * space (banks are sets like others to whoever looks into a TLB, so this costs an access nothing):
 *
 *   satp written   -> the bank of its root and mode is in use, else the one that was left longest ago, emptied
 *   one dropped    -> in all banks
 *   a TLB emptied  -> the bank in use at once; the others when they are selected
 */
import { PTE_V } from "../../isa/status-bits";
import {
  BANK_SPACES, PAGE_SHIFT, TABLE_PAGES, TABLE_PAGES_MAX, TLB_BANK_BYTES, TLB_BANKS, TLB_BYTES, TLB_END, TLB_EXEC, TLB_READ, TLB_SETS_BYTES,
  TLB_SLOTS, TLB_WRITE,
} from "../layout";
import { tableIndex } from "../ram";

/** What a page of RAM is to the walker, in tableIndex: a table of 4 KiB leaves for one 2 MiB of addresses, whose VPN[3:1] is in the low bits; */
export const LAST_TABLE: u32 = 0x8000_0000;
/** or a table of a higher level, or one of several places. */
export const ANY_TABLE: u32 = 0x4000_0000;

/** After so many stores to watched tables all is forgotten once: pages that are no tables any more get fast stores again. */
const TABLE_WRITES_MAX: u32 = 256;

const ALL_BANKS: u32 = (1 << TLB_BANKS) - 1;
/** Of satp: it means nothing here. */
const SATP_ASID: u64 = 0xffff << 44;

/** Pages listed in TABLE_PAGES. */
let tablePages: u32 = 0;
let tableWrites: u32 = 0;

/** A store dropped translations, perhaps that of the running code: the interpreter fetches anew. */
export let translationsDropped: bool = false;

export function clearTranslationsDropped(): void {
  translationsDropped = false;
}

/** The bank in use; where its sets begin, relative to TLB_READ, TLB_WRITE and TLB_EXEC. */
let bank: u32 = 0;
export let bankStart: u32 = TLB_BYTES;
/** How often a bank was selected. */
let selections: u64 = 0;

/** Banks, a bit each, to be emptied before they are used: in all TLBs, in that for writes, in that for code. */
let staleBanks: u32 = ALL_BANKS;
let staleWrites: u32 = 0;
let staleCode: u32 = 0;

/** satp holds this now. The caller finds the sets of the present mode again. */
export function selectBank(satp: u64): void {
  bank = bankOf(satp & ~SATP_ASID);
  bankStart = TLB_BYTES + bank * TLB_BANK_BYTES;
  store<u64>(BANK_SPACES + (bank << 4), ++selections, 8);
  const bit: u32 = 1 << bank;
  if ((staleBanks & bit) != 0) emptyBank(TLB_READ);
  if (((staleBanks | staleWrites) & bit) != 0) emptyBank(TLB_WRITE);
  if (((staleBanks | staleCode) & bit) != 0) emptyBank(TLB_EXEC);
  staleBanks &= ~bit;
  staleWrites &= ~bit;
  staleCode &= ~bit;
}

/** The bank of an address space; where there is none, the one that was selected longest ago becomes it. */
function bankOf(space: u64): u32 {
  let oldest: u32 = 0;
  for (let each: u32 = 0; each < TLB_BANKS; each++) {
    const at = BANK_SPACES + (each << 4);
    if (load<u64>(at) == space) return each;
    if (load<u64>(at, 8) < load<u64>(BANK_SPACES + (oldest << 4), 8)) oldest = each;
  }
  store<u64>(BANK_SPACES + (oldest << 4), space);
  staleBanks |= 1 << oldest;
  return oldest;
}

/** Empties what one TLB has in the bank in use. */
function emptyBank(tlb: u32): void {
  memory.fill(tlb + bankStart, 0xff, TLB_BANK_BYTES);
}

/** And what it has in M mode's set. */
function empty(tlb: u32): void {
  memory.fill(tlb, 0xff, TLB_BYTES);
  emptyBank(tlb);
}

function otherBanks(): u32 {
  return ALL_BANKS & ~(1 << bank);
}

export function flushAllTlbs(): void {
  empty(TLB_READ);
  empty(TLB_WRITE);
  empty(TLB_EXEC);
  staleBanks = otherBanks();
}

export function flushWriteTlb(): void {
  empty(TLB_WRITE);
  staleWrites = otherBanks();
}

export function flushExecTlb(): void {
  empty(TLB_EXEC);
  staleCode = otherBanks();
}

/** Drops every translation, and with them every page's part in them. */
export function forgetTranslations(): void {
  flushAllTlbs();
  for (let i: u32 = 0; i < tablePages; i++) store<u32>(tableIndex + (load<u32>(TABLE_PAGES + (i << 2)) << 2), 0);
  tablePages = 0;
  tableWrites = 0;
  translationsDropped = true;
}

/** Before a walk, so that what it notes stays noted. */
export function makeRoomForWalk(): void {
  if (tablePages + 4 > TABLE_PAGES_MAX) forgetTranslations();
}

/** The walker reads a page table entry at `host`. */
export function noteTable(host: u32, use: u32): void {
  const page = host >> PAGE_SHIFT;
  const at = tableIndex + (page << 2);
  const known = load<u32>(at);
  if (known == use || known == ANY_TABLE) return;
  if (known != 0) {
    store<u32>(at, ANY_TABLE);
    return;
  }
  store<u32>(at, use);
  store<u32>(TABLE_PAGES + (tablePages << 2), page);
  tablePages++;
  flushWriteTlb(); // which may hold the page
}

/** [host, host + size), in one page that the walker has read as `use`, is about to be overwritten. */
export function tableWritten(use: u32, host: u32, size: u32): void {
  for (let at = host & ~7; at < host + size; at += 8) {
    if ((load<u64>(at) & PTE_V) == 0) continue; // nothing came of it
    if ((use & LAST_TABLE) == 0) {
      forgetTranslations();
      return;
    }
    const vpn = (<u64>(use & ~LAST_TABLE) << 9) | <u64>((at & 0xfff) >> 3);
    dropPage(<u64>((<i64>vpn << 28) >> 16));
  }
  if (++tableWrites == TABLE_WRITES_MAX) forgetTranslations();
}

/** Drops one page's translations, of all address spaces. */
function dropPage(address: u64): void {
  const slot = <u32>(address >> 8) & TLB_SLOTS;
  for (let each: u32 = 0; each < TLB_BANKS; each++) {
    if (((staleBanks >> each) & 1) != 0) continue;
    const start = TLB_BYTES + each * TLB_BANK_BYTES + slot;
    for (let tlb = TLB_READ; tlb < TLB_END; tlb += TLB_SETS_BYTES) {
      for (let at = tlb + start; at < tlb + start + TLB_BANK_BYTES; at += TLB_BYTES) if (load<u64>(at) == address) store<u64>(at, -1);
    }
  }
  translationsDropped = true;
}
