/**
 * Zicbom and Zicboz on blocks of 64 bytes. There is no cache, so clean, flush and invalidate only may or may not; zero is a store
 * of a whole block. Prefetches (Zicbop) are hints of the base instructions and need nothing.
 */
import { ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBZE, PRIV_M, PRIV_U } from "../../isa/status-bits";
import { MENVCFG, PRIV, SENVCFG, TLB_SLOTS, TLB_WRITE } from "../layout";
import { hostAddress, isRam } from "../ram";
import { ACCESS_READ, ACCESS_WRITE, dataSet, faultCause, physicalOf, readyWrite, refuseAccess, storeFaultInstead } from "./mmu";

const BLOCK: u32 = 64;

const INVALIDATE: u32 = 0;
const CLEAN: u32 = 1;
const FLUSH: u32 = 2;
const ZERO: u32 = 4;

/** @param operation funct12 of the instruction */
export function isCacheBlockOperation(operation: u32): bool {
  return operation == INVALIDATE || operation == CLEAN || operation == FLUSH || operation == ZERO;
}

/** Executes one on the block that holds `address`; check `faultCause`. @returns false: illegal instruction */
export function executeCacheBlock(operation: u32, address: u64): bool {
  const enable: u64 = operation == ZERO ? ENVCFG_CBZE : operation == INVALIDATE ? ENVCFG_CBIE : ENVCFG_CBCFE;
  const privilege = load<i32>(PRIV);
  if (privilege != PRIV_M && (load<u64>(MENVCFG) & enable) == 0) return false;
  if (privilege == PRIV_U && (load<u64>(SENVCFG) & enable) == 0) return false;
  if (operation == ZERO) zero(address);
  else manage(address);
  return true;
}

function zero(address: u64): void {
  const block = address & ~<u64>(BLOCK - 1);
  const entry = TLB_WRITE + dataSet + (<u32>(address >> 8) & TLB_SLOTS);
  let host: u32;
  if (load<u64>(entry) == (address & ~<u64>0xfff)) host = load<u32>(entry, 8) + <u32>block;
  else {
    const physical = physicalOf(block, BLOCK, ACCESS_WRITE);
    if (faultCause < 0 && !isRam(physical, BLOCK)) refuseAccess(ACCESS_WRITE, block);
    if (faultCause >= 0) {
      storeFaultInstead(address);
      return;
    }
    host = hostAddress(physical);
    readyWrite(block, host, BLOCK);
  }
  memory.fill(host, 0, BLOCK);
}

/** Allowed where a load is, since nothing can be stored to that cannot be loaded from; faults as a store, of the given address. */
function manage(address: u64): void {
  const block = address & ~<u64>(BLOCK - 1);
  const physical = physicalOf(block, BLOCK, ACCESS_READ);
  if (faultCause < 0 && !isRam(physical, BLOCK)) refuseAccess(ACCESS_READ, block);
  if (faultCause >= 0) storeFaultInstead(address);
}
