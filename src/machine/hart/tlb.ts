/**
 * The three software TLBs, one set for each mode: U, S, S with SUM, M. Caches, never state (determinism rule 6).
 *
 * Entry, 16 bytes: tag u64 (page of the virtual address; all ones: empty), u32 @8: for data the addend that makes a host
 * address of the low 32 bits of a virtual one, for code the page's decode table.
 *
 * They never disagree with the page tables in memory: the walker notes each page it reads an entry from, such a page is not
 * in a write TLB, and a store to it drops what came of the entry it overwrites. So a hit and a walk have the same outcome,
 * and nobody can tell a warm TLB from a cold one: not a guest that changes an entry without sfence.vma (Linux clears A so),
 * not a replica that was just restored. sfence.vma has nothing to do.
 */
import { PTE_V } from "../../isa/status-bits";
import { PAGE_SHIFT, TABLE_PAGES, TABLE_PAGES_MAX, TLB_BYTES, TLB_END, TLB_EXEC, TLB_MODES, TLB_READ, TLB_SLOTS, TLB_WRITE } from "../layout";
import { tableIndex } from "../ram";

/** What a page of RAM is to the walker, in tableIndex: a table of 4 KiB leaves for one 2 MiB of addresses, whose VPN[3:1] is in the low bits; */
export const LAST_TABLE: u32 = 0x8000_0000;
/** or a table of a higher level, or one of several places. */
export const ANY_TABLE: u32 = 0x4000_0000;

/** After so many stores to watched tables all is forgotten once: pages that are no tables any more get fast stores again. */
const TABLE_WRITES_MAX: u32 = 256;

/** Pages listed in TABLE_PAGES. */
let tablePages: u32 = 0;
let tableWrites: u32 = 0;

/** A store dropped translations, perhaps that of the running code: the interpreter fetches anew. */
export let translationsDropped: bool = false;

export function clearTranslationsDropped(): void {
  translationsDropped = false;
}

export function flushAllTlbs(): void {
  memory.fill(TLB_READ, 0xff, TLB_END - TLB_READ);
}

export function flushWriteTlb(): void {
  memory.fill(TLB_WRITE, 0xff, TLB_BYTES * TLB_MODES);
}

export function flushExecTlb(): void {
  memory.fill(TLB_EXEC, 0xff, TLB_BYTES * TLB_MODES);
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

function dropPage(address: u64): void {
  const slot = <u32>(address >> 8) & TLB_SLOTS;
  for (let set: u32 = TLB_READ; set < TLB_END; set += TLB_BYTES) {
    if (load<u64>(set + slot) == address) store<u64>(set + slot, -1);
  }
  translationsDropped = true;
}
