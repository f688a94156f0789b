/**
 * Address translation (Sv39 and Sv48; the Privileged Architecture's "Virtual Address Translation Process"), protection of
 * physical memory, and the slow paths of loads, stores and fetches: TLB misses, misaligned accesses, devices.
 *
 * Where menvcfg.ADUE says so (Svadu) the walker sets A and D itself, which is a write to guest memory like any other: it dirties
 * the page and undecodes code there. Else (Svade) an access that would set one is a page fault.
 */
import {
  CAUSE_INSTRUCTION_ACCESS_FAULT, CAUSE_INSTRUCTION_PAGE_FAULT, CAUSE_LOAD_ACCESS_FAULT, CAUSE_LOAD_MISALIGNED, CAUSE_LOAD_PAGE_FAULT,
  CAUSE_STORE_ACCESS_FAULT, CAUSE_STORE_MISALIGNED, CAUSE_STORE_PAGE_FAULT,
} from "../../isa/causes";
import {
  MSTATUS_MPP, MSTATUS_MPP_SHIFT, MSTATUS_MPRV, MSTATUS_MXR, MSTATUS_SUM, PRIV_M, PRIV_S, PRIV_U, PTE_A, PTE_D, PTE_R,
  PTE_U, PTE_V, PTE_W, PTE_X, SATP_BARE, SATP_MODE_SHIFT, SATP_SV48,
} from "../../isa/status-bits";
import { accessRefused, deviceRead, deviceWrite } from "../devices/bus";
import { EXEC_SET, MENVCFG, MSTATUS, PRIV, SATP, TLB_BYTES, TLB_EXEC, TLB_READ, TLB_SLOTS, TLB_WRITE } from "../layout";
import { beforeWalkerWrite, beforeWrite, decodeTableOf, hostAddress, isRam, isWatched, markDirty, pageOfTable, tableEvicted } from "../ram";
import { MENVCFG_ADUE } from "./csr-legal";
import { pmpAllows, wholePage } from "./pmp";
import { ANY_TABLE, bankStart, flushExecTlb, LAST_TABLE, makeRoomForWalk, noteTable, selectBank } from "./tlb";

export const ACCESS_READ: u32 = 0;
export const ACCESS_WRITE: u32 = 1;
export const ACCESS_EXEC: u32 = 2;

/** Set by a translation or access that failed; the interpreter raises it and clears it. -1: none. */
export let faultCause: i32 = -1;
export let faultAddress: u64 = 0;

export function clearFault(): void {
  faultCause = -1;
}

/** Set by a device access: interrupts may have changed, the interpreter looks at them before the next instruction. */
export let deviceTouched: bool = false;

export function clearDeviceTouched(): void {
  deviceTouched = false;
}

/** While a region calls: devices are not for it. `deviceWanted` says that it came to one, and nothing has happened then. */
let devicesClosed: bool = false;
export let deviceWanted: bool = false;

export function closeDevices(closed: bool): void {
  devicesClosed = closed;
  deviceWanted = false;
}

/** TLB set of data accesses and of fetches in the present mode; recomputed by `modeChanged`. Offsets into TLB_READ, TLB_WRITE, TLB_EXEC. */
export let dataSet: u32 = 0;
export let execSet: u32 = 0;

/** Call after privilege or mstatus changed. */
export function modeChanged(): void {
  const privilege = load<i32>(PRIV);
  const mstatus = load<u64>(MSTATUS);
  execSet = setOf(privilege);
  store<u32>(EXEC_SET, execSet);
  const effective = dataPrivilege(privilege, mstatus);
  dataSet = setOf(effective == PRIV_S && (mstatus & MSTATUS_SUM) != 0 ? 2 : effective);
}

/** Call after satp changed. */
export function addressSpaceChanged(): void {
  selectBank(load<u64>(SATP));
  modeChanged();
}

/** @param mode PRIV_U, PRIV_S, PRIV_M; 2: S with SUM */
function setOf(mode: u32): u32 {
  return mode == PRIV_M ? 0 : bankStart + mode * TLB_BYTES;
}

function dataPrivilege(privilege: u32, mstatus: u64): u32 {
  if (privilege == PRIV_M && (mstatus & MSTATUS_MPRV) != 0) return <u32>((mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT);
  return privilege;
}

function fault(access: u32, address: u64, page: bool): u64 {
  faultAddress = address;
  if (access == ACCESS_READ) faultCause = page ? CAUSE_LOAD_PAGE_FAULT : CAUSE_LOAD_ACCESS_FAULT;
  else if (access == ACCESS_WRITE) faultCause = page ? CAUSE_STORE_PAGE_FAULT : CAUSE_STORE_ACCESS_FAULT;
  else faultCause = page ? CAUSE_INSTRUCTION_PAGE_FAULT : CAUSE_INSTRUCTION_ACCESS_FAULT;
  return 0;
}

/** Nothing answers there in that way: an access fault. */
export function refuseAccess(access: u32, address: u64): void {
  fault(access, address, false);
}

/** What faulted counts as a store to `address`. */
export function storeFaultInstead(address: u64): void {
  const page = faultCause == CAUSE_LOAD_PAGE_FAULT || faultCause == CAUSE_STORE_PAGE_FAULT;
  fault(ACCESS_WRITE, address, page);
}

/** The mode whose access `translate` was last asked about: of loads and stores it is MPP's with MPRV. */
let accessPrivilege: u32 = PRIV_M;

/** Physical address of [address, address + size), which is in one page, or a fault: of the page tables, or of PMP. */
export function physicalOf(address: u64, size: u32, access: u32): u64 {
  const physical = translate(address, access);
  if (faultCause >= 0) return 0;
  return pmpAllows(physical, size, access, accessPrivilege) ? physical : fault(access, address, false);
}

function translate(address: u64, access: u32): u64 {
  const mstatus = load<u64>(MSTATUS);
  let privilege = load<i32>(PRIV);
  if (access != ACCESS_EXEC) privilege = dataPrivilege(privilege, mstatus);
  accessPrivilege = privilege;
  const satp = load<u64>(SATP);
  const mode = satp >> SATP_MODE_SHIFT;
  if (privilege == PRIV_M || mode == SATP_BARE) return address;
  const unused: u64 = mode == SATP_SV48 ? 16 : 25;
  if (<u64>(<i64>(address << unused) >> unused) != address) return fault(access, address, true);
  makeRoomForWalk();
  let table = (satp & 0xfffffffffff) << 12;
  let level: i32 = mode == SATP_SV48 ? 3 : 2;
  while (true) {
    const at = table + (((address >> (12 + <u64>level * 9)) & 511) << 3);
    if (!isRam(at, 8) || !pmpAllows(at, 8, ACCESS_READ, PRIV_S)) return fault(access, address, false);
    const host = hostAddress(at);
    noteTable(host, level == 0 ? LAST_TABLE | (<u32>(address >> 21) & 0x7ffffff) : ANY_TABLE);
    const pte = load<u64>(host);
    if ((pte & PTE_V) == 0 || (pte & (PTE_R | PTE_W)) == PTE_W || pte >> 54 != 0) return fault(access, address, true);
    if ((pte & (PTE_R | PTE_X)) == 0) {
      if ((pte & (PTE_A | PTE_D | PTE_U)) != 0) return fault(access, address, true);
      if (--level < 0) return fault(access, address, true);
      table = ((pte >> 10) & 0xfffffffffff) << 12;
      continue;
    }
    if ((pte & PTE_U) != 0) {
      if (privilege == PRIV_S && (access == ACCESS_EXEC || (mstatus & MSTATUS_SUM) == 0)) return fault(access, address, true);
    } else if (privilege == PRIV_U) return fault(access, address, true);
    const need: u64 = access == ACCESS_READ ? PTE_R : access == ACCESS_WRITE ? PTE_W : PTE_X;
    const have = access == ACCESS_READ && (mstatus & MSTATUS_MXR) != 0 ? pte | ((pte & PTE_X) >> 2) : pte;
    if ((have & need) == 0) return fault(access, address, true);
    const offsetMask = (<u64>1 << (12 + <u64>level * 9)) - 1;
    const base = ((pte >> 10) & 0xfffffffffff) << 12;
    if ((base & offsetMask) != 0) return fault(access, address, true); // misaligned superpage
    const wanted = pte | PTE_A | (access == ACCESS_WRITE ? PTE_D : 0);
    if (wanted != pte) {
      if ((load<u64>(MENVCFG) & MENVCFG_ADUE) == 0) return fault(access, address, true);
      if (!pmpAllows(at, 8, ACCESS_WRITE, PRIV_S)) return fault(access, address, false);
      beforeWalkerWrite(host, 8);
      store<u64>(host, wanted);
    }
    return base | (address & offsetMask);
  }
}

/**
 * Linear address of `address` where a data TLB has its page, else 0. What comes here has missed because it is misaligned, or because
 * it is of a group whose first access missed.
 */
function knownHost(tlb: u32, address: u64): u32 {
  const entry = tlb + dataSet + (<u32>(address >> 8) & TLB_SLOTS);
  return load<u64>(entry) == (address & ~<u64>0xfff) ? load<u32>(entry, 8) + <u32>address : 0;
}

/** A load the read TLB did not serve. @returns the bytes zero-extended; check `faultCause` */
export function slowLoad(address: u64, size: u32): u64 {
  const misaligned = (<u32>address & (size - 1)) != 0;
  if (misaligned && (<u32>address & 0xfff) + size > 4096) return loadAcrossPages(address, size);
  const known = knownHost(TLB_READ, address);
  if (known != 0) return loadBytes(known, size);
  const physical = physicalOf(address, size, ACCESS_READ);
  if (faultCause >= 0) return 0;
  if (isRam(physical, size)) {
    const host = hostAddress(physical);
    if (wholePage) fillData(TLB_READ, address, host);
    return loadBytes(host, size);
  }
  if (misaligned) return fault(ACCESS_READ, address, false);
  if (devicesClosed) {
    deviceWanted = true;
    return 0;
  }
  deviceTouched = true;
  const value = deviceRead(physical, size);
  return accessRefused ? fault(ACCESS_READ, address, false) : value;
}

/** Caches a translation for reads (TLB_READ) or writes (TLB_WRITE), of a page that is one to PMP. */
export function fillData(tlb: u32, address: u64, host: u32): void {
  const entry = tlb + dataSet + (<u32>(address >> 8) & TLB_SLOTS);
  store<u64>(entry, address & ~<u64>0xfff);
  store<u32>(entry, host - <u32>address, 8);
}

function loadBytes(host: u32, size: u32): u64 {
  if (size == 8) return load<u64>(host);
  if (size == 4) return load<u32>(host);
  if (size == 2) return load<u16>(host);
  return load<u8>(host);
}

function storeBytes(host: u32, size: u32, value: u64): void {
  if (size == 8) store<u64>(host, value);
  else if (size == 4) store<u32>(host, <u32>value);
  else if (size == 2) store<u16>(host, <u16>value);
  else store<u8>(host, <u8>value);
}

/** Linear addresses of the two parts of an access that crosses a page, found by `findParts`. */
let firstPart: u32 = 0;
let secondPart: u32 = 0;

/**
 * Translates both parts, so that nothing is read or written unless all of it can be. A fault names the part's address.
 *
 * @returns how many bytes are on the first page; 0 with a fault
 */
function findParts(address: u64, size: u32, access: u32): u32 {
  const second = (address + size) & ~<u64>0xfff;
  const head = <u32>(second - address);
  let physical = physicalOf(address, head, access);
  if (faultCause >= 0) return 0;
  if (!isRam(physical, head)) return <u32>fault(access, address, false);
  firstPart = hostAddress(physical);
  physical = physicalOf(second, size - head, access);
  if (faultCause >= 0) return 0;
  if (!isRam(physical, size - head)) return <u32>fault(access, second, false);
  secondPart = hostAddress(physical);
  return head;
}

function loadAcrossPages(address: u64, size: u32): u64 {
  const head = findParts(address, size, ACCESS_READ);
  let value: u64 = 0;
  if (head == 0) return value;
  for (let i: u32 = 0; i < size; i++) value |= <u64>load<u8>(i < head ? firstPart + i : secondPart + i - head) << (i << 3);
  return value;
}

function storeAcrossPages(address: u64, size: u32, value: u64): void {
  const head = findParts(address, size, ACCESS_WRITE);
  if (head == 0) return;
  beforeWrite(firstPart, head);
  beforeWrite(secondPart, size - head);
  for (let i: u32 = 0; i < size; i++) store<u8>(i < head ? firstPart + i : secondPart + i - head, <u8>(value >> (i << 3)));
}

/** Must precede a write of [host, host + size) in the page of `address`, just found by `physicalOf`; caches what it may. */
export function readyWrite(address: u64, host: u32, size: u32): void {
  if (isWatched(host)) {
    beforeWrite(host, size);
    return;
  }
  markDirty(host);
  if (wholePage) fillData(TLB_WRITE, address, host);
}

/** A store the write TLB did not serve; check `faultCause`. */
export function slowStore(address: u64, size: u32, value: u64): void {
  const misaligned = (<u32>address & (size - 1)) != 0;
  if (misaligned && (<u32>address & 0xfff) + size > 4096) {
    storeAcrossPages(address, size, value);
    return;
  }
  const known = knownHost(TLB_WRITE, address);
  if (known != 0) {
    storeBytes(known, size, value);
    return;
  }
  const physical = physicalOf(address, size, ACCESS_WRITE);
  if (faultCause >= 0) return;
  if (isRam(physical, size)) {
    const host = hostAddress(physical);
    readyWrite(address, host, size);
    storeBytes(host, size, value);
    return;
  }
  if (misaligned) {
    fault(ACCESS_WRITE, address, false);
    return;
  }
  if (devicesClosed) {
    deviceWanted = true;
    return;
  }
  deviceTouched = true;
  if (!deviceWrite(physical, size, value)) fault(ACCESS_WRITE, address, false);
}

/**
 * The decode table of the page that holds `address`, for fetching, which goes into the exec TLB; 0 with a fault, or without
 * one where the page is not one to PMP.
 */
export function fetchTable(address: u64): u32 {
  const physical = physicalOf(address, 2, ACCESS_EXEC);
  if (faultCause >= 0) return 0;
  if (!isRam(physical, 2)) {
    fault(ACCESS_EXEC, address, false);
    return 0;
  }
  if (!wholePage) return 0;
  const table = decodeTableOf(hostAddress(physical));
  if (tableEvicted) flushExecTlb();
  const entry = TLB_EXEC + execSet + (<u32>(address >> 8) & TLB_SLOTS);
  store<u64>(entry, address & ~<u64>0xfff);
  store<u32>(entry, table, 8);
  return table;
}

/** The halfword at `address`, for decoding; check `faultCause`. An instruction across two pages asks for it each time it runs. */
export function fetchHalf(address: u64): u32 {
  const entry = TLB_EXEC + execSet + (<u32>(address >> 8) & TLB_SLOTS);
  if (load<u64>(entry) == (address & ~<u64>0xfff)) return load<u16>(pageOfTable(load<u32>(entry, 8)) + (<u32>address & 0xfff));
  const physical = physicalOf(address, 2, ACCESS_EXEC);
  if (faultCause >= 0) return 0;
  if (!isRam(physical, 2)) {
    fault(ACCESS_EXEC, address, false);
    return 0;
  }
  return load<u16>(hostAddress(physical));
}

/** Physical RAM address for an atomic access, or a fault: misaligned, or not RAM. */
export function translateAtomic(address: u64, size: u32, access: u32): u64 {
  if ((<u32>address & (size - 1)) != 0) {
    faultCause = access == ACCESS_READ ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED;
    faultAddress = address;
    return 0;
  }
  const physical = physicalOf(address, size, access);
  if (faultCause >= 0) return 0;
  if (!isRam(physical, size)) return fault(access, address, false);
  return physical;
}
