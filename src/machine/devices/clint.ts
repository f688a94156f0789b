/**
 * CLINT: software interrupt, timer compare, and the time that `rdtime` shows too.
 *
 * Guest time is a function of the log: the running epoch's clock sample and the instructions retired since its start
 * (determinism rule 4). `mtime` written by firmware moves an offset.
 */
import { CLOCK_INSTANT, CLOCK_RATE, CLOCK_TIME, MSIP, MTIMECMP, MTIME_OFFSET } from "../layout";

/** Clock time at an instant of the running epoch, ticks of 100 ns: what the log counts, whatever firmware stored to mtime. */
export function clockAt(instant: u64): u64 {
  const since = instant - load<u64>(CLOCK_INSTANT);
  return load<u64>(CLOCK_TIME) + ((since * load<u64>(CLOCK_RATE)) >> 24);
}

/** Guest time at an instant of the running epoch, ticks of 100 ns. */
export function timeAt(instant: u64): u64 {
  return clockAt(instant) + load<u64>(MTIME_OFFSET);
}

/**
 * The first instant after `instant` at which it changes whether guest time is at least `time`: it gets there, or starts again
 * from 0. u64.MAX where that is 2^38 ticks away or more.
 */
export function nextChange(time: u64, instant: u64): u64 {
  const current = timeAt(instant);
  return instantAfter(current < time ? time - current : 0 - current, instant);
}

/** The first instant that is `ticks` of guest time after `instant`; u64.MAX where that is none, or 2^38 ticks or more. */
export function instantAfter(ticks: u64, instant: u64): u64 {
  const rate = load<u64>(CLOCK_RATE);
  if (rate == 0 || ticks - 1 >= (<u64>1 << 38) - 1) return u64.MAX_VALUE;
  const start = load<u64>(CLOCK_INSTANT);
  const since = (((instant - start) * rate) >> 24) + ticks;
  return start + ((since << 24) + rate - 1) / rate;
}

/** The instant of the access that is being served. */
export let now: u64 = 0;

/** Tells the devices what instant it is: before each access that may read the time. */
export function setInstant(instant: u64): void {
  now = instant;
}

/** msip has words; mtimecmp and mtime have doublewords too, as on QEMU. */
export function clintHas(offset: u32, size: u32): bool {
  return size == 4 || (size == 8 && offset >= 0x4000);
}

export function clintRead(offset: u32, size: u32): u64 {
  let value: u64 = 0;
  if (offset < 4) value = load<u64>(MSIP);
  else if (offset >= 0x4000 && offset < 0x4008) value = load<u64>(MTIMECMP) >> ((offset & 4) << 3);
  else if (offset >= 0xbff8 && offset < 0xc000) value = timeAt(now) >> ((offset & 4) << 3);
  return size == 4 ? value & 0xffffffff : value;
}

export function clintWrite(offset: u32, size: u32, value: u64): void {
  if (offset < 4) store<u64>(MSIP, value & 1);
  else if (offset >= 0x4000 && offset < 0x4008) store<u64>(MTIMECMP, merge(load<u64>(MTIMECMP), offset, size, value));
  else if (offset >= 0xbff8 && offset < 0xc000) {
    const before = timeAt(now);
    store<u64>(MTIME_OFFSET, load<u64>(MTIME_OFFSET) + (merge(before, offset, size, value) - before));
  }
}

function merge(old: u64, offset: u32, size: u32, value: u64): u64 {
  if (size == 8) return value;
  return (offset & 4) == 0 ? (old & 0xffffffff00000000) | (value & 0xffffffff) : (old & 0xffffffff) | (value << 32);
}
