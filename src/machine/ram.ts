/**
 * Guest RAM and what the machine knows about each of its pages: written since when, decoded or not, its hash.
 *
 * Tables behind RAM are sized by it, so their addresses are known only once the machine is set up. None of them is state.
 */
import { RAM_BASE } from "../isa/memory-map";
import { Op } from "./hart/ops";
import { flushWriteTlb, tableWritten } from "./hart/tlb";
import {
  DECODE_COVERED, DECODE_ENTRY, DECODE_TABLE, DECODE_TABLES, LONE_ENTRY, PAGE_SHIFT, RAM_BYTES, RAM_OFFSET, REGION_NUMBERS, REGION_OWNERS,
} from "./layout";

/** A page was written since the hash last covered it. */
export const DIRTY_HASH: u8 = 1;
/** A page was written since a state transfer last took it. */
export const DIRTY_TRANSFER: u8 = 2;
/** A page was written since `changedPages` last looked at it. */
export const DIRTY_CHECK: u8 = 4;
export const DIRTY_ALL: u8 = 7;

export let ramBytes: u64 = 0;
/** Address of the dirty byte of linear page 0; one byte a page of linear memory, state pages too. */
export let dirtyMap: u32 = 0;
/** u64 a page: its contribution's hash, 0 for a page of zeros. */
export let pageHashes: u32 = 0;
/** u64 a page: what `pageHashes` had when `changedPages` last listed it. */
export let checkedHashes: u32 = 0;
/** u32 a page: its decode table, or 0. */
export let codeIndex: u32 = 0;
/** u32 a page: what the walker has read it as (hart/tlb.ts), or 0. */
export let tableIndex: u32 = 0;
let decodeTables: u32 = 0;
/** u32 a table: the linear page it decodes, or 0. */
let tableOwners: u32 = 0;
let nextTable: u32 = 0;
/** One past the last linear page that is RAM. */
export let endPage: u32 = 0;

/** Bytes of linear memory that a machine with this much RAM needs, a multiple of 64 KiB. */
export function linearBytes(ram: u64): u64 {
  const pages = (<u64>RAM_OFFSET + ram) >> PAGE_SHIFT;
  const tables = pages * 25 + 64 + <u64>DECODE_TABLES * (DECODE_TABLE + 4);
  return (<u64>RAM_OFFSET + ram + tables + 0xffff) & ~<u64>0xffff;
}

/** Lays the tables out. Linear memory is zero. */
export function setUpRam(bytes: u64): void {
  ramBytes = bytes;
  store<u64>(RAM_BYTES, bytes);
  const end = RAM_OFFSET + <u32>bytes;
  endPage = end >> PAGE_SHIFT;
  pageHashes = end;
  checkedHashes = pageHashes + endPage * 8;
  codeIndex = checkedHashes + endPage * 8;
  tableIndex = codeIndex + endPage * 4;
  dirtyMap = tableIndex + endPage * 4;
  tableOwners = (dirtyMap + endPage + 15) & ~15;
  store<u8>(LONE_ENTRY + DECODE_ENTRY, Op.PageEnd);
  store<u8>(LONE_ENTRY + 2 * DECODE_ENTRY, Op.PageEnd);
  decodeTables = (tableOwners + DECODE_TABLES * 4 + 15) & ~15;
}

/** Whether [address, address + size) is RAM. */
export function isRam(address: u64, size: u32): bool {
  const offset = address - <u64>RAM_BASE;
  return offset < ramBytes && ramBytes - offset >= <u64>size;
}

/** Linear address of a physical RAM address. */
export function hostAddress(address: u64): u32 {
  return <u32>(address - <u64>RAM_BASE) + RAM_OFFSET;
}

/** Says that the linear page of `host` is written now. */
export function markDirty(host: u32): void {
  store<u8>(dirtyMap + (host >> PAGE_SHIFT), DIRTY_ALL);
}

/**
 * Must precede every write to RAM that does not go through a write TLB entry: by slow stores, by AMOs, by devices.
 * [host, host + size) lies in one page.
 */
export function beforeWrite(host: u32, size: u32): void {
  beforeWalkerWrite(host, size);
  const use = load<u32>(tableIndex + ((host >> PAGE_SHIFT) << 2));
  if (use != 0) tableWritten(use, host, size);
}

/** The same for the walker's own writes of A and D, which change no translation. */
export function beforeWalkerWrite(host: u32, size: u32): void {
  markDirty(host);
  const table = load<u32>(codeIndex + ((host >> PAGE_SHIFT) << 2));
  if (table != 0) forgetDecoded(table, host & 0xfff, size);
}

/** Undecodes the instructions that overlap the bytes: one halfword back, since an instruction may begin there. */
function forgetDecoded(table: u32, offset: u32, size: u32): void {
  const first = offset >> 1;
  const last = (offset + size - 1) >> 1;
  // A region that begins one halfword back is made from these bytes too, or its first instruction ends before them.
  if (first > 0 && load<u8>(table + (first - 1) * DECODE_ENTRY) != Op.Enter) store<u8>(table + (first - 1) * DECODE_ENTRY, Op.Decode);
  let regions: u32 = 0;
  for (let at = first; at <= last; at++) {
    store<u8>(table + at * DECODE_ENTRY, Op.Decode);
    regions |= <u32>inRegion(table, at);
  }
  if (regions != 0) dropRegions(table);
}

/** Whether a region was made from a halfword of a decode table's page. */
export function inRegion(table: u32, half: u32): bool {
  return ((<u32>load<u8>(table + DECODE_COVERED + (half >> 3)) >> (half & 7)) & 1) != 0;
}

/** Set when regions were dropped: the one that runs may be among them. */
export let regionsDropped: bool = false;

export function clearRegionsDropped(): void {
  regionsDropped = false;
}

/** Forgets every region of a page: nothing leads into them any more. The host sees their numbers free. */
export function dropRegions(table: u32): void {
  const page = pageOfTable(table) >> PAGE_SHIFT;
  for (let number: u32 = 1; number < REGION_NUMBERS; number++) {
    if (load<u32>(REGION_OWNERS + (number << 2)) == page) store<u32>(REGION_OWNERS + (number << 2), 0);
  }
  for (let at: u32 = 0; at < 2048; at++) {
    if (load<u8>(table + at * DECODE_ENTRY) == Op.Enter) store<u8>(table + at * DECODE_ENTRY, Op.Decode);
  }
  memory.fill(table + DECODE_COVERED, 0, DECODE_TABLE - DECODE_COVERED);
  regionsDropped = true;
}

/** Whether regions were made from a decode table's page. */
export function hasRegions(table: u32): bool {
  for (let at = table + DECODE_COVERED; at < table + DECODE_TABLE; at += 8) if (load<u64>(at) != 0) return true;
  return false;
}

/** Forgets all decoded code: after RAM was replaced from outside. The caller flushes the exec TLBs. */
export function forgetAllDecoded(): void {
  for (let i: u32 = 0; i < DECODE_TABLES; i++) {
    const owner = load<u32>(tableOwners + (i << 2));
    if (owner != 0) store<u32>(codeIndex + (owner << 2), 0);
    store<u32>(tableOwners + (i << 2), 0);
  }
  nextTable = 0;
  memory.fill(REGION_OWNERS, 0, REGION_NUMBERS << 2);
  regionsDropped = true;
}

/** Set when a table was taken away from its page: exec TLB entries may name it, the caller flushes them. */
export let tableEvicted: bool = false;

/** The table that makes room: the oldest, but for those from which regions were made, as long as they are not many. */
function oldestTable(): u32 {
  let slot = nextTable;
  for (let kept = 0; kept < TABLES_KEPT_MAX; kept++) {
    if (load<u32>(tableOwners + (slot << 2)) == 0 || !hasRegions(decodeTables + slot * DECODE_TABLE)) break;
    slot = slot + 1 == DECODE_TABLES ? 0 : slot + 1;
  }
  nextTable = slot + 1 == DECODE_TABLES ? 0 : slot + 1;
  return slot;
}

const TABLES_KEPT_MAX: i32 = 64;

/** The decode table of the RAM page that holds `host`, made if there is none; the oldest makes room. */
export function decodeTableOf(host: u32): u32 {
  const page = host >> PAGE_SHIFT;
  const known = load<u32>(codeIndex + (page << 2));
  tableEvicted = false;
  if (known != 0) return known;
  const slot = oldestTable();
  const owner = load<u32>(tableOwners + (slot << 2));
  const table = decodeTables + slot * DECODE_TABLE;
  if (owner != 0) {
    if (hasRegions(table)) dropRegions(table);
    store<u32>(codeIndex + (owner << 2), 0);
    tableEvicted = true;
  }
  store<u32>(tableOwners + (slot << 2), page);
  memory.fill(table, 0, DECODE_TABLE);
  store<u8>(table + 2048 * DECODE_ENTRY, Op.PageEnd);
  store<u8>(table + 2049 * DECODE_ENTRY, Op.PageEnd);
  store<u32>(codeIndex + (page << 2), table);
  // A page that holds decoded code must not be written through the fast path any more.
  flushWriteTlb();
  return table;
}

/** Linear address of the page that a decode table decodes. */
export function pageOfTable(table: u32): u32 {
  return load<u32>(tableOwners + (((table - decodeTables) / DECODE_TABLE) << 2)) << PAGE_SHIFT;
}

/** Whether writes to the page of `host` must be noticed one by one: it holds decoded code or page tables. */
export function isWatched(host: u32): bool {
  const index = (host >> PAGE_SHIFT) << 2;
  return (load<u32>(codeIndex + index) | load<u32>(tableIndex + index)) != 0;
}
