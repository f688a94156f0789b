/**
 * PLIC: 96 sources, level triggered; context 0 is the hart's M mode, context 1 its S mode (the device tree's order).
 * A claim clears pending; completion samples the line again; a line that falls before the claim takes its request back, as in
 * QEMU. Priority 0 never interrupts. (PLIC specification 1.0.0)
 */
import { PLIC_SOURCES } from "../../isa/memory-map";
import { PLIC_CLAIMED, PLIC_ENABLE, PLIC_LEVEL, PLIC_PENDING, PLIC_PRIORITY, PLIC_THRESHOLD } from "../layout";

const WORDS: u32 = 3;

/** A device drives its line. */
export function plicSetLevel(source: u32, high: bool): void {
  const at = (source >> 5) << 2;
  const bit: u32 = 1 << (source & 31);
  const level = load<u32>(PLIC_LEVEL + at);
  store<u32>(PLIC_LEVEL + at, high ? level | bit : level & ~bit);
  if (high) {
    if ((load<u32>(PLIC_CLAIMED + at) & bit) == 0) store<u32>(PLIC_PENDING + at, load<u32>(PLIC_PENDING + at) | bit);
  } else store<u32>(PLIC_PENDING + at, load<u32>(PLIC_PENDING + at) & ~bit);
}

/** The context's pending source of highest priority over `floor`, lowest number among equals; 0: none. */
function bestSource(context: u32, floor: u32): u32 {
  let best: u32 = 0;
  let bestPriority = floor;
  for (let word: u32 = 0; word < WORDS; word++) {
    let ready = load<u32>(PLIC_PENDING + (word << 2)) & load<u32>(PLIC_ENABLE + (context << 4) + (word << 2));
    while (ready != 0) {
      const source = (word << 5) + ctz(ready);
      ready &= ready - 1;
      const priority = load<u32>(PLIC_PRIORITY + (source << 2));
      if (priority > bestPriority) {
        best = source;
        bestPriority = priority;
      }
    }
  }
  return best;
}

export function plicInterrupts(context: u32): bool {
  return bestSource(context, load<u32>(PLIC_THRESHOLD + (context << 2))) != 0;
}

/** The threshold masks the interrupt, not the claim. */
function claim(context: u32): u32 {
  const source = bestSource(context, 0);
  if (source != 0) {
    const at = (source >> 5) << 2;
    const bit: u32 = 1 << (source & 31);
    store<u32>(PLIC_PENDING + at, load<u32>(PLIC_PENDING + at) & ~bit);
    store<u32>(PLIC_CLAIMED + at, load<u32>(PLIC_CLAIMED + at) | bit);
  }
  return source;
}

function complete(context: u32, source: u32): void {
  if (source == 0 || source >= <u32>PLIC_SOURCES) return;
  const at = (source >> 5) << 2;
  const bit: u32 = 1 << (source & 31);
  if ((load<u32>(PLIC_ENABLE + (context << 4) + at) & bit) == 0) return;
  store<u32>(PLIC_CLAIMED + at, load<u32>(PLIC_CLAIMED + at) & ~bit);
  if ((load<u32>(PLIC_LEVEL + at) & bit) != 0) store<u32>(PLIC_PENDING + at, load<u32>(PLIC_PENDING + at) | bit);
}

export function plicRead(offset: u32): u64 {
  if (offset < 0x1000) return offset < <u32>PLIC_SOURCES << 2 ? load<u32>(PLIC_PRIORITY + (offset & ~3)) : 0;
  if (offset < 0x2000) return offset - 0x1000 < WORDS << 2 ? load<u32>(PLIC_PENDING + (offset & 0xc)) : 0;
  if (offset < 0x2100) {
    const context = (offset - 0x2000) >> 7;
    return (offset & 0x7f) < WORDS << 2 ? load<u32>(PLIC_ENABLE + (context << 4) + (offset & 0xc)) : 0;
  }
  if (offset >= 0x200000 && offset < 0x202000) {
    const context = (offset - 0x200000) >> 12;
    if ((offset & 0xfff) == 0) return load<u32>(PLIC_THRESHOLD + (context << 2));
    if ((offset & 0xfff) == 4) return claim(context);
  }
  return 0;
}

export function plicWrite(offset: u32, value: u32): void {
  if (offset < 0x1000) {
    if (offset >= 4 && offset < <u32>PLIC_SOURCES << 2) store<u32>(PLIC_PRIORITY + (offset & ~3), value & 7);
  } else if (offset >= 0x2000 && offset < 0x2100) {
    const context = (offset - 0x2000) >> 7;
    if ((offset & 0x7f) < WORDS << 2) {
      store<u32>(PLIC_ENABLE + (context << 4) + (offset & 0xc), (offset & 0x7f) == 0 ? value & ~1 : value);
    }
  } else if (offset >= 0x200000 && offset < 0x202000) {
    const context = (offset - 0x200000) >> 12;
    if ((offset & 0xfff) == 0) store<u32>(PLIC_THRESHOLD + (context << 2), value & 7);
    else if ((offset & 0xfff) == 4) complete(context, value);
  }
}
