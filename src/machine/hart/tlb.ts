/**
 * The three software TLBs, one set for each mode: U, S, S with SUM, M. Caches, never state (determinism rule 6).
 *
 * Entry, 16 bytes: tag u64 (page of the virtual address; all ones: empty), u32 @8: for data the addend that makes a host
 * address of the low 32 bits of a virtual one, for code the page's decode table.
 */
import { SUPERPAGE_BITS, TLB_BYTES, TLB_END, TLB_EXEC, TLB_MODES, TLB_READ, TLB_WRITE } from "../layout";

export function flushAllTlbs(): void {
  memory.fill(TLB_READ, 0xff, TLB_END - TLB_READ);
  memory.fill(SUPERPAGE_BITS, 0, 256);
}

export function flushWriteTlb(): void {
  memory.fill(TLB_WRITE, 0xff, TLB_BYTES * TLB_MODES);
}

export function flushExecTlb(): void {
  memory.fill(TLB_EXEC, 0xff, TLB_BYTES * TLB_MODES);
}

/** Remembers that the entry for `address` came from a larger leaf: level 1 (2 MiB), 2 (1 GiB) or 3. */
export function noteSuperpage(address: u64, level: u32): void {
  const bit = <u32>(level == 1 ? address >> 21 : address >> 30) & 1023;
  const at = SUPERPAGE_BITS + (level == 1 ? 0 : 128) + (bit >> 3);
  store<u8>(at, load<u8>(at) | <u8>(<u32>1 << (bit & 7)));
}

function mayBeSuperpage(address: u64): bool {
  const small = <u32>(address >> 21) & 1023;
  const large = <u32>(address >> 30) & 1023;
  return (load<u8>(SUPERPAGE_BITS + (small >> 3)) & <u8>(<u32>1 << (small & 7))) != 0 ||
    (load<u8>(SUPERPAGE_BITS + 128 + (large >> 3)) & <u8>(<u32>1 << (large & 7))) != 0;
}

/** `sfence.vma` of one address: O(1), unless a larger leaf may cover it. */
export function flushAddress(address: u64): void {
  if (mayBeSuperpage(address)) {
    flushAllTlbs();
    return;
  }
  const slot = <u32>(address >> 8) & 0xff0;
  for (let set: u32 = TLB_READ; set < TLB_END; set += TLB_BYTES) store<u64>(set + slot, -1);
}
