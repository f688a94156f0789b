/**
 * The state hash: a sum over pages, so that it costs what was written and not what exists.
 *
 * hash = sum over pages of mix(content hash, page number), modulo 2^64; a page of zeros counts 0, so memory that was never
 * touched costs nothing. The first three state pages change with every instruction and are hashed each time.
 */
import { RAM_BASE } from "../isa/memory-map";
import { EXCHANGE, EXCHANGE_SIZE, PAGE_SHIFT, PAGE_SIZE, RAM_OFFSET, STATE_BASE, STATE_END } from "./layout";
import { checkedHashes, DIRTY_CHECK, DIRTY_HASH, dirtyMap, endPage, pageHashes } from "./ram";

const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P3: u64 = 0x165667b19e3779f9;

/** Pages from here to ALWAYS_END are written without marks: the hart, the devices, the input sessions. */
export const FIRST_PAGE: u32 = STATE_BASE >> PAGE_SHIFT;
export const ALWAYS_END: u32 = FIRST_PAGE + 3;

let sum: u64 = 0;

function finish(x: u64): u64 {
  x ^= x >> 33;
  x *= P2;
  x ^= x >> 29;
  x *= P3;
  return x ^ (x >> 32);
}

/** 0 for a page of zeros; four lanes, so that the multiplications overlap. */
function hashPage(page: u32): u64 {
  let at = page << PAGE_SHIFT;
  const end = at + PAGE_SIZE;
  let a: u64 = P1;
  let b: u64 = P2;
  let c: u64 = P3;
  let d: u64 = P1 ^ P3;
  let any: u64 = 0;
  for (; at < end; at += 32) {
    const w = load<u64>(at);
    const x = load<u64>(at, 8);
    const y = load<u64>(at, 16);
    const z = load<u64>(at, 24);
    any |= w | x | y | z;
    a = rotl((a ^ w) * P1, 31);
    b = rotl((b ^ x) * P1, 31);
    c = rotl((c ^ y) * P1, 31);
    d = rotl((d ^ z) * P1, 31);
  }
  if (any == 0) return 0;
  const mixed = finish(a + rotl(b, 7) + rotl(c, 12) + rotl(d, 18) + finish(<u64>page * P2 + P1));
  return mixed == 0 ? 1 : mixed;
}

function update(page: u32): void {
  const at = pageHashes + (page << 3);
  const hash = hashPage(page);
  sum += hash - load<u64>(at);
  store<u64>(at, hash);
}

/** Hashes every page written since the last call. The caller flushes the write TLB: its entries promise dirty pages. */
export function updateHash(): u64 {
  for (let page = FIRST_PAGE; page < ALWAYS_END; page++) update(page);
  for (let page = ALWAYS_END; page < endPage; page++) {
    if ((page & 7) == 0 && load<u64>(dirtyMap + page) == 0) {
      page += 7;
      continue;
    }
    const at = dirtyMap + page;
    const dirty = load<u8>(at);
    if ((dirty & DIRTY_HASH) == 0 || (page >= STATE_END >> PAGE_SHIFT && page < RAM_OFFSET >> PAGE_SHIFT)) continue;
    store<u8>(at, dirty & ~DIRTY_HASH);
    update(page);
  }
  return sum;
}

/** Hashes one page, if it was written since it was hashed last. The caller flushes the write TLB. */
export function rehash(page: u32): void {
  const at = dirtyMap + page;
  const dirty = load<u8>(at);
  if ((dirty & DIRTY_HASH) == 0) return;
  store<u8>(at, dirty & ~DIRTY_HASH);
  update(page);
}

/** Page, its hash before, its hash now: u64 each. */
const CHANGE_BYTES: u32 = 24;

/** Where `listChanges` goes on. */
let listAt: u32 = FIRST_PAGE;

/**
 * Lists at EXCHANGE the pages whose hash is another than when this list was made last, in order; as many as fit, the rest with the
 * next calls. Between `updateHash` and the last of them the guest does not run.
 *
 * A page of RAM is called by its guest physical page number, any other by its linear one, which is far below.
 *
 * @returns how many; fewer than fit: these were the last
 */
export function listChanges(): u32 {
  let to = EXCHANGE;
  for (let page = listAt; page < endPage; page++) {
    if ((page & 7) == 0 && page >= ALWAYS_END && load<u64>(dirtyMap + page) == 0) {
      page += 7;
      continue;
    }
    const at = dirtyMap + page;
    const dirty = load<u8>(at);
    if (page >= ALWAYS_END && ((dirty & DIRTY_CHECK) == 0 || (page >= STATE_END >> PAGE_SHIFT && page < RAM_OFFSET >> PAGE_SHIFT))) continue;
    const now = load<u64>(pageHashes + (page << 3));
    const checked = checkedHashes + (page << 3);
    const before = load<u64>(checked);
    if (now != before) {
      if (to + CHANGE_BYTES > EXCHANGE + EXCHANGE_SIZE) {
        listAt = page;
        return (to - EXCHANGE) / CHANGE_BYTES;
      }
      store<u64>(to, page < RAM_OFFSET >> PAGE_SHIFT ? page : ((<u64>RAM_BASE + <u64>((page << PAGE_SHIFT) - RAM_OFFSET)) >> PAGE_SHIFT));
      store<u64>(to, before, 8);
      store<u64>(to, now, 16);
      to += CHANGE_BYTES;
      store<u64>(checked, now);
    }
    store<u8>(at, dirty & ~DIRTY_CHECK);
  }
  listAt = FIRST_PAGE;
  return (to - EXCHANGE) / CHANGE_BYTES;
}

/** Whether a page may differ from zeros: hashed as such, or written since. */
export function mayHoldData(page: u32): bool {
  return load<u64>(pageHashes + (page << 3)) != 0 || (load<u8>(dirtyMap + page) & DIRTY_HASH) != 0;
}
