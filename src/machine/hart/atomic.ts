/**
 * LR, SC and the AMOs. The reservation is one address; any trap and any SC clears it, so its loss is a function of the
 * instruction stream alone (machine pitfall 8).
 */
import { RESERVATION, SLOTS, TLB_READ, TLB_SLOTS, TLB_WRITE } from "../layout";
import { hostAddress } from "../ram";
import { ACCESS_READ, ACCESS_WRITE, dataSet, faultCause, fillData, readyWrite, translateAtomic } from "./mmu";
import { wholePage } from "./pmp";

const LR: u32 = 0x02;
const SC: u32 = 0x03;

/** Host address for a read or a read-modify-write of RAM, made writable; 0 with a fault. */
function atomicHost(address: u64, size: u32, access: u32): u32 {
  const entry = (access == ACCESS_READ ? TLB_READ : TLB_WRITE) + dataSet + (<u32>(address >> 8) & TLB_SLOTS);
  if (load<u64>(entry) == (address & (~<u64>0xfff | <u64>(size - 1)))) return load<u32>(entry, 8) + <u32>address;
  const physical = translateAtomic(address, size, access);
  if (faultCause >= 0) return 0;
  const host = hostAddress(physical);
  if (access == ACCESS_WRITE) readyWrite(address, host, size);
  else if (wholePage) fillData(TLB_READ, address, host);
  return host;
}

/** Executes a decoded Amo entry; on a fault (`faultCause`) nothing has changed. */
export function executeAmo(entry: u32): void {
  const address = load<u64>(SLOTS + (<u32>load<u8>(entry, 2) << 3));
  const operand = load<u64>(SLOTS + (<u32>load<u8>(entry, 3) << 3));
  const value = executeAtomic(load<u32>(entry, 4), address, operand);
  if (faultCause < 0) store<u64>(SLOTS + (<u32>load<u8>(entry, 1) << 3), value);
}

/**
 * @param kind funct5, and the size in bytes << 8
 * @returns what goes to rd; on a fault (`faultCause`) nothing has changed
 */
export function executeAtomic(kind: u32, address: u64, operand: u64): u64 {
  const funct5 = kind & 0xff;
  const size = kind >> 8;
  if (funct5 == LR) {
    const host = atomicHost(address, size, ACCESS_READ);
    if (faultCause >= 0) return 0;
    store<u64>(RESERVATION, host);
    return size == 8 ? load<u64>(host) : <u64>(<i64>load<i32>(host));
  }
  const host = atomicHost(address, size, ACCESS_WRITE);
  if (faultCause >= 0) return 0;
  if (funct5 == SC) {
    const held = load<u64>(RESERVATION) == <u64>host;
    store<u64>(RESERVATION, -1);
    if (held) {
      if (size == 8) store<u64>(host, operand);
      else store<u32>(host, <u32>operand);
    }
    return held ? 0 : 1;
  }
  if (size == 8) {
    const old = load<u64>(host);
    store<u64>(host, combine(funct5, old, operand));
    return old;
  }
  const old = <u64>(<i64>load<i32>(host));
  // Sign extension keeps the order of unsigned 32-bit numbers too.
  store<u32>(host, <u32>combine(funct5, old, <u64>(<i64>(<i32>operand))));
  return old;
}

function combine(funct5: u32, old: u64, operand: u64): u64 {
  switch (funct5) {
    case 0x00: return old + operand;
    case 0x01: return operand;
    case 0x04: return old ^ operand;
    case 0x08: return old | operand;
    case 0x0c: return old & operand;
    case 0x10: return <i64>old < <i64>operand ? old : operand;
    case 0x14: return <i64>old > <i64>operand ? old : operand;
    case 0x18: return old < operand ? old : operand;
    default: return old > operand ? old : operand;
  }
}
